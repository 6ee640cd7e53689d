"""Parquet files, whose sizes are checked before a column is read."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dfplan.util.optional import import_optional
from dfplan.util.readers.errors import check_size, reading


@contextlib.contextmanager
def open_parquet(path: Path) -> Iterator[Any]:
    """Open a Parquet file and yield its `pyarrow.parquet.ParquetFile`.

    Anything that is raised inside the context becomes a `UserError` that names the file.

    Raises:
        UserError: If the file is missing, damaged or not Parquet, claims more than it can hold, or
            pyarrow is not installed.
    """
    parquet = import_optional("pyarrow.parquet", "lerobot", "Parquet")
    with reading(path, "Parquet"), parquet.ParquetFile(path) as file:
        content = file.metadata
        groups = [content.row_group(i) for i in range(content.num_row_groups)]
        check_size(path, "its content", sum(group.total_byte_size for group in groups))
        check_size(path, f"{content.num_rows} rows", 8 * content.num_rows)
        yield file
