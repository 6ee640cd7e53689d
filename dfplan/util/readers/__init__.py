"""Reading of files that others wrote: the only error is `UserError`, and memory is bounded.

Every reader of such files goes through this package. Nothing is unpickled, and nothing outside the
file is opened.
"""

from dfplan.util.readers.errors import check_size as check_size
from dfplan.util.readers.errors import reading as reading
from dfplan.util.readers.hdf5 import open_hdf5 as open_hdf5
from dfplan.util.readers.hdf5 import read_hdf5_dataset as read_hdf5_dataset
from dfplan.util.readers.json import read_json as read_json
from dfplan.util.readers.npz import read_npy as read_npy
from dfplan.util.readers.npz import read_npz as read_npz
from dfplan.util.readers.parquet import open_parquet as open_parquet
from dfplan.util.readers.zarr import is_zarr as is_zarr
from dfplan.util.readers.zarr import read_zarr as read_zarr
