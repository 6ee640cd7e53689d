"""Shards of random numbers, of any size, for measurements."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dfplan.cli.progress_bar import step_bar
from dfplan.data.goal_intervals import NO_INTERVALS
from dfplan.data.shards.finish import finish
from dfplan.data.shards.layout import (
    ACTION,
    FORMAT,
    GOAL_INTERVALS,
    GRID,
    LENGTH,
    MANIFEST,
    STATE,
    Choices,
    Manifest,
    read_record,
    shard_path,
)
from dfplan.data.shards.one_shard import Piece, write_pieces
from dfplan.data.shards.plan import Plan
from dfplan.representation.grid import Grid
from dfplan.representation.layout import Layout
from dfplan.util.files import atomic_directory, checksum, write_json

STATES = 29
ACTIONS = 8
"""Size of an ant, as in OGBench's antmaze."""
EPISODE_ROWS = 1001
SHARD_ROWS = EPISODE_ROWS * 1600
"""Rows of a shard, about 0.24 GB."""
LAYOUT = Layout(STATES, ACTIONS, goal_dims=(0, 1), action_shape=(ACTIONS,))
BLOCK_BYTES = 2**24
HEADER_BYTES = 128
"""Length of the header of a small NumPy file."""
ROW_BYTES = 4 * (STATES + ACTIONS)


def write_synthetic(directory: Path, gigabytes: float) -> None:
    """Write shards of random walks with about this size, piece by piece; skipped if complete."""
    if (directory / MANIFEST).exists():
        return
    directory.mkdir(parents=True, exist_ok=True)
    shards = max(round(gigabytes * 1e9 / (SHARD_ROWS * ROW_BYTES)), 1)
    with step_bar("writing shards", shards) as advance:
        for number in range(shards):
            folder = shard_path(directory, number)
            if not folder.exists():
                with atomic_directory(folder) as new:
                    write_pieces(_episodes(number), LAYOUT, new, rows=SHARD_ROWS)
            advance(number + 1)
    plan = Plan(
        format=FORMAT,
        dataset_id="synthetic-v0",
        source=(),
        choices=dataclasses.asdict(Choices()),
        layout=dataclasses.asdict(LAYOUT),
        shards=shards,
    )
    rows = shards * SHARD_ROWS
    length = np.full(rows // EPISODE_ROWS, EPISODE_ROWS, np.int64)
    with step_bar("checking shards", rows) as advance:
        finish(plan, length, directory, lambda what, done: advance(done))


def write_repeated(small: Path, directory: Path, gigabytes: float, *, sparse: bool = False) -> None:
    """Write copies of a shard, as large data that take little computing to make.

    Args:
        small: Complete shards, of which the first is repeated.
        directory: Directory of the new shards.
        gigabytes: Size of the new shards.
        sparse: Whether to write zeros that take no space on disk, for measurements of memory alone.
    """
    manifest = read_record(small / MANIFEST, Manifest)
    shards = max(round(gigabytes * 1e9 / (manifest.rows[0] * ROW_BYTES)), 1)
    for number in range(shards):
        folder = shard_path(directory, number)
        folder.mkdir(parents=True)
        for name in (STATE, ACTION):
            source = shard_path(small, 0) / name
            if not sparse:
                copy_bytes(source, folder / name)
                continue
            with source.open("rb") as content, (folder / name).open("wb") as file:
                file.write(content.read(HEADER_BYTES))
                file.truncate(source.stat().st_size)
    columns = manifest.state_sums().columns()
    rows = manifest.rows[0] * shards
    dims = list(LAYOUT.goal_dims)
    low = columns.low[dims].astype(np.float32)
    high = columns.high[dims].astype(np.float32)
    grid = Grid.fit((), low=low, high=high, count=rows)
    assert grid is not None
    np.save(directory / LENGTH, np.full(rows // EPISODE_ROWS, EPISODE_ROWS, np.int64))
    np.save(directory / GOAL_INTERVALS, NO_INTERVALS)
    np.save(directory / GRID, grid.pack())
    files = {name: checksum(directory / name) for name in manifest.files}
    manifest = dataclasses.replace(manifest, rows=(manifest.rows[0],) * shards, files=files)
    write_json(directory / MANIFEST, dataclasses.asdict(manifest))


def copy_bytes(source: Path, target: Path) -> None:
    """Copy a file's bytes; `shutil` may share the file's blocks on disk instead."""
    with source.open("rb") as content, target.open("wb") as file:
        while block := content.read(BLOCK_BYTES):
            file.write(block)
        file.flush()
        os.fdatasync(file.fileno())  # so that it does not fill the memory until it is measured


def _episodes(seed: int) -> Iterator[Piece]:
    rng = np.random.default_rng(seed)
    for _ in range(SHARD_ROWS // EPISODE_ROWS):
        action = rng.standard_normal((EPISODE_ROWS, ACTIONS), np.float32)
        noise = rng.standard_normal((EPISODE_ROWS, STATES), np.float32)
        yield Piece(
            state=np.cumsum(noise, axis=0, dtype=np.float32),
            action=action,
            before=0,
            steps=EPISODE_ROWS - 1,
            intervals=NO_INTERVALS,
        )
