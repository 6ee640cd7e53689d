"""Weights whose checksum fits may still be of types that JAX lacks: one line names the file."""

import json

import jax
import numpy as np
import pytest

from dfplan.export import read
from dfplan.export.exported import FORMAT, file_checksum
from dfplan.types import UserError


@pytest.mark.parametrize("dtype", ["M8[s]", "S4", "U4"])
def test_arrays_without_numbers_are_refused(tmp_path, monkeypatch, dtype):
    np.savez(tmp_path / "weights.npz", w=np.zeros(3).astype(dtype))
    (tmp_path / "plan-1.bin").write_bytes(b"")
    names = ("weights.npz", "plan-1.bin")
    metadata = {
        "format": FORMAT,
        "platforms": [jax.default_backend()],
        "programs": ["plan"],
        "batch_sizes": [1],
        "files": {name: file_checksum(tmp_path / name) for name in names},
    }
    (tmp_path / "export.json").write_text(json.dumps(metadata))
    monkeypatch.setattr(read, "_check_metadata", lambda metadata: None)
    with pytest.raises(UserError, match=r"weights\.npz cannot be read"):
        read.load(tmp_path)
