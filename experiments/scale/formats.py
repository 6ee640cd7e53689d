"""Random windows from memory-mapped arrays, compared with ArrayRecord files of the same rows."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.data.shards.layout import STATE, shard_path
from dfplan.data.shards.mapped import MappedRows

WINDOWS = 64
TOKENS = 64
RECORD_ROWS = 64
"""Rows of a record: as many as a window has, so that each window spans two records."""


def compare(directory: Path, rounds: int) -> dict[str, Any]:
    """Return the milliseconds of a batch of windows in each format, timed by turns.

    Args:
        directory: Shards, of which the first is read.
        rounds: Batches of each format.
    """
    from array_record.python import array_record_module  # pyright: ignore

    path = shard_path(directory, 0) / STATE
    mapped = MappedRows([path])
    records = path.with_name("state.array_record")
    count = _write_records(array_record_module, mapped, records)
    reader = array_record_module.ArrayRecordReader(str(records), "readahead_buffer_size:0")
    rng = np.random.default_rng(0)
    times: dict[str, list[float]] = {"memory maps": [], "ArrayRecord": []}
    for _ in range(rounds):
        begin = rng.integers(0, count - 2 * TOKENS, WINDOWS)
        rows = begin[:, None] + np.arange(TOKENS)
        start_time = time.perf_counter()
        from_maps = mapped.take(rows)
        times["memory maps"].append(time.perf_counter() - start_time)
        start_time = time.perf_counter()
        from_records = _read_windows(reader, begin, mapped.columns)
        times["ArrayRecord"].append(time.perf_counter() - start_time)
        np.testing.assert_array_equal(from_maps, from_records)
    records.unlink()
    return {f"{name}, ms": 1000 * float(np.median(values)) for name, values in times.items()}


def _write_records(module: Any, mapped: MappedRows, path: Path) -> int:
    """Write the first block of rows as records, and return their number."""
    block = next(mapped.blocks())
    whole = len(block) // RECORD_ROWS * RECORD_ROWS
    writer = module.ArrayRecordWriter(str(path), "group_size:1,uncompressed")
    for first in range(0, whole, RECORD_ROWS):
        writer.write(block[first : first + RECORD_ROWS].tobytes())
    writer.close()
    return whole


def _read_windows(reader: Any, begin: np.ndarray, columns: int) -> np.ndarray:
    """Return windows `[B, T, columns]`, each from the two records that it spans."""
    first = (begin // RECORD_ROWS).tolist()
    records = reader.read([number for i in first for number in (i, i + 1)])
    windows = []
    for row, number, pair in zip(begin.tolist(), first, range(0, len(records), 2), strict=True):
        joined = b"".join(records[pair : pair + 2])
        block = np.frombuffer(joined, np.float32).reshape(-1, columns)
        windows.append(block[row - number * RECORD_ROWS :][:TOKENS])
    return np.stack(windows)
