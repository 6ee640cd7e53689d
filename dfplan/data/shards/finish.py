"""Finish shards that are complete: fingerprint, grid, statistics, and the manifest."""

import dataclasses
import functools
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from dfplan.data.shards import layout as names
from dfplan.data.shards.layout import (
    MANIFEST,
    RECORD,
    Manifest,
    ShardRecord,
    read_record,
    shard_path,
)
from dfplan.data.shards.mapped import MappedRows
from dfplan.data.shards.plan import Plan, Progress
from dfplan.data.trajectories import hash_parts
from dfplan.representation.columns import ColumnSums
from dfplan.representation.grid import Grid
from dfplan.representation.layout import Layout
from dfplan.util.files import atomic_file, checksum, write_json


def finish(plan: Plan, length: np.ndarray, directory: Path, progress: Progress) -> None:
    """Write the files in the main folder, once all shards are complete; the manifest comes last.

    Args:
        plan: What the directory holds.
        length: `[E]` int64, rows of each episode.
        directory: Directory of the shards.
        progress: See `Progress`.
    """
    folders = [shard_path(directory, i) for i in range(plan.shards)]
    records: list[ShardRecord] = [read_record(folder / RECORD, ShardRecord) for folder in folders]
    states = functools.reduce(ColumnSums.merge, [ColumnSums.from_dict(r.states) for r in records])
    actions = functools.reduce(
        ColumnSums.merge, [ColumnSums.from_dict(r.actions) for r in records if r.actions]
    )
    layout = Layout.from_dict(plan.layout)
    fingerprint, bits = _read_all(folders, layout, states, length, progress)
    intervals = np.concatenate([np.load(folder / names.GOAL_INTERVALS) for folder in folders])
    arrays = {names.LENGTH: length, names.GOAL_INTERVALS: intervals, names.GRID: bits}
    for name, array in arrays.items():
        with atomic_file(directory / name) as new, new.open("wb") as file:
            np.save(file, array)
    fields = {field.name: getattr(plan, field.name) for field in dataclasses.fields(plan)}
    del fields["shards"]
    manifest = Manifest(
        **fields,
        fingerprint=fingerprint,
        rows=tuple(record.rows for record in records),
        files={name: checksum(directory / name) for name in arrays},
        states=states.to_dict(),
        actions=actions.to_dict(),
    )
    write_json(directory / MANIFEST, dataclasses.asdict(manifest))


def _read_all(
    folders: Sequence[Path],
    layout: Layout,
    states: ColumnSums,
    length: np.ndarray,
    progress: Progress,
) -> tuple[str, np.ndarray]:
    """Return the fingerprint of all arrays and the bits of the goal's grid, in one pass."""
    dims = list(layout.goal_dims)
    grid = Grid.fit((), low=states.low[dims], high=states.high[dims], count=states.count)
    state = MappedRows([folder / names.STATE for folder in folders])
    action = MappedRows([folder / names.ACTION for folder in folders])

    def visited() -> Iterator[np.ndarray]:
        """Yield the states, and mark those in the grid."""
        done = 0
        for part in state.blocks():
            yield part
            if grid is not None:
                grid.mark(part[:, dims])
            done += len(part)
            progress("checking", done)

    digest = hashlib.sha256()
    hash_parts(digest, visited(), (states.count, layout.state_dim))
    hash_parts(digest, action.blocks(), (states.count, layout.action_dim))
    hash_parts(digest, [length], length.shape)
    if layout.origin:
        hash_parts(digest, [np.array(layout.origin)], (len(layout.origin),))
    return digest.hexdigest(), np.zeros(0, np.uint8) if grid is None else grid.pack()
