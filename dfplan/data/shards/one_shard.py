"""Write one shard: some consecutive rows of a dataset."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from dfplan.data.episode_rows import read_episode
from dfplan.data.goal_intervals import goal_intervals
from dfplan.data.minari_io import open_dataset
from dfplan.data.shards.layout import (
    ACTION,
    GOAL_INTERVALS,
    RECORD,
    STATE,
    ShardRecord,
)
from dfplan.representation.columns import ColumnSums
from dfplan.representation.layout import Layout
from dfplan.util.files import checksum

BLOCK_ROWS = 2**16
"""Rows that are measured and written at a time, unless an episode has more."""


class ShardJob(NamedTuple):
    """The rows that one shard holds.

    Attributes:
        dataset_id: Minari id.
        layout: Layout of the states.
        ids: Indices of the episodes that have rows in the shard.
        start: First row of each of these episodes, in the dataset.
        begin: First row of the shard, in the dataset.
        end: Row after its last one.
    """

    dataset_id: str
    layout: Layout
    ids: tuple[int, ...]
    start: tuple[int, ...]
    begin: int
    end: int


class Piece(NamedTuple):
    """The rows of one episode that a shard holds.

    Attributes:
        state: `[b + n, S]` float32, local coordinates, with `before` rows of an earlier shard.
        action: `[b + n, A]` float32.
        before: Rows of an earlier shard, 0 or 1.
        steps: Number of steps that begin in the shard.
        intervals: Goal intervals of the episode if it begins in the shard, else none.
    """

    state: np.ndarray
    action: np.ndarray
    before: int
    steps: int
    intervals: np.ndarray


def write_shard(job: ShardJob, folder: Path) -> None:
    """Write a shard into an empty folder."""
    write_pieces(_pieces(job), job.layout, folder, rows=job.end - job.begin)


def write_pieces(pieces: Iterator[Piece], layout: Layout, folder: Path, *, rows: int) -> None:
    """Write a shard of episodes' rows into an empty folder.

    Args:
        pieces: Rows of the episodes, in order.
        layout: Layout of the states.
        folder: Folder of the shard.
        rows: Number of rows of all pieces.
    """
    states = None
    actions = None
    intervals = []
    with (folder / STATE).open("wb") as state_file, (folder / ACTION).open("wb") as action_file:
        _write_header(state_file, (rows, layout.state_dim))
        _write_header(action_file, (rows, layout.action_dim))
        for block in _blocks(pieces):
            before = block[0].before
            state, state_first = _join([p.state for p in block])
            action, action_first = _join([p.action[: p.before + p.steps] for p in block])
            states = _add(states, ColumnSums.measure(state, state_first, before=before))
            if len(action) > before:
                actions = _add(actions, ColumnSums.measure(action, action_first, before=before))
            state_file.write(np.ascontiguousarray(state[before:]).data.cast("B"))
            whole, _ = _join([p.action for p in block])
            action_file.write(np.ascontiguousarray(whole[before:]).data.cast("B"))
            intervals += [piece.intervals for piece in block]
    np.save(folder / GOAL_INTERVALS, np.concatenate(intervals).astype(np.int64))
    assert states is not None
    record = ShardRecord(
        rows=rows,
        files={name: checksum(folder / name) for name in (STATE, ACTION, GOAL_INTERVALS)},
        states=states.to_dict(),
        actions=actions and actions.to_dict(),
    )
    (folder / RECORD).write_text(json.dumps(dataclasses.asdict(record)), encoding="utf-8")


def _pieces(job: ShardJob) -> Iterator[Piece]:
    """Yield the episodes' rows of a shard, in order."""
    dataset = open_dataset(job.dataset_id)
    episodes = dataset.iterate_episodes(job.ids, step_arrays=())
    for episode, start in zip(episodes, job.start, strict=True):
        exact, action = read_episode(episode, job.layout, job.dataset_id)
        state = job.layout.to_local(exact)
        first = max(job.begin - start, 0)
        last = min(job.end - start, len(state))
        before = min(first, 1)
        intervals = goal_intervals(job.layout.local_goal(episode.observations))
        yield Piece(
            state=state[first - before : last],
            action=action[first - before : last],
            before=before,
            steps=min(last, len(episode)) - first,
            intervals=intervals[: 0 if first else None],
        )


def _blocks(pieces: Iterator[Piece]) -> Iterator[list[Piece]]:
    """Yield pieces in blocks of about `BLOCK_ROWS` rows."""
    block: list[Piece] = []
    rows = 0
    for piece in pieces:
        block.append(piece)
        rows += len(piece.state)
        if rows >= BLOCK_ROWS:
            yield block
            block = []
            rows = 0
    if block:
        yield block


def _join(arrays: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return arrays one after the other, and which rows are the first of one, bool."""
    lengths = [len(array) for array in arrays]
    is_first = np.zeros(sum(lengths) + 1, bool)
    is_first[np.cumsum([0, *lengths])] = True
    return np.concatenate(arrays), is_first[:-1]


def _add(total: ColumnSums | None, part: ColumnSums) -> ColumnSums:
    return part if total is None else total.merge(part)


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    header: dict[str, Any] = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
