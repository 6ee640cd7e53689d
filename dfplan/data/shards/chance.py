"""Split a dataset on disk at steps whose outcome was random; see `dfplan.data.chance`.

It takes three passes over the rows: for the usual length of a step, for the jumps, and for the
statistics of the new episodes. The jumps are kept in memory, at most one step in a hundred.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dfplan.data.chance import FAR, USUAL, have_random_outcome, judged_dims
from dfplan.data.shards.mapped import MappedRows, contains
from dfplan.data.shards.read import ShardedTrajectories
from dfplan.representation.columns import ColumnSums


class Steps(NamedTuple):
    """Some of the steps of a dataset.

    Attributes:
        row: `[n]` int64, row at which each begins.
        before: `[n, G]`, state there in the judged dimensions.
        after: `[n, G]`, state after it.
    """

    row: np.ndarray
    before: np.ndarray
    after: np.ndarray

    @property
    def length(self) -> np.ndarray:
        """Length of each step, `[n]`."""
        return np.linalg.norm(self.after - self.before, axis=-1)


def split_shards_at_chance(data: ShardedTrajectories) -> ShardedTrajectories:
    """Return the dataset as `split_at_chance` does for one in memory.

    Raises:
        UserError: If the dataset has no goal dimensions.
    """
    dims = judged_dims(data.layout)
    far = _shortest_jump(data, dims)
    jumps = [
        Steps(*(column[steps.length > far] for column in steps)) for steps in _steps(data, dims)
    ]
    row, before, after = (np.concatenate(column) for column in zip(*jumps, strict=True))
    random_rows = row[have_random_outcome(before, after, far)]
    if not len(random_rows):
        return data
    start = np.union1d(data.start, random_rows + 1)
    last = np.append(start[1:], len(data.state)) - 1
    none = np.zeros(0, np.int64)
    return data.divided(
        start,
        states=_measure(data.state, start, left_out=none),
        actions=_measure(data.action, start, left_out=last),
        zero_rows=random_rows,
    )


def _steps(data: ShardedTrajectories, dims: list[int]) -> Iterator[Steps]:
    """Yield the steps of a dataset, block by block."""
    last = data.start + data.length - 1
    first = 0
    previous = np.zeros((0, len(dims)), np.float32)
    for block in data.state.blocks():
        points = np.concatenate([previous, block[:, dims]])
        begin = first - len(previous)
        row = begin + np.arange(len(points) - 1)
        is_step = ~contains(last, row)
        yield Steps(row[is_step], points[:-1][is_step], points[1:][is_step])
        previous = points[-1:]
        first += len(block)


def _shortest_jump(data: ShardedTrajectories, dims: list[int]) -> float:
    """Return the length that only jumps exceed, see `dfplan.data.chance.find_chance`."""
    steps = len(data.state) - len(data.length)
    count = steps - math.floor(USUAL * max(steps - 1, 0)) + 1
    longest = np.zeros(0, np.float32)
    moving = 0
    for part in _steps(data, dims):
        length = part.length
        moving += int((length > 0).sum())
        longest = np.sort(np.concatenate([longest, length]))[-count:]
    far = FAR * _usual(longest, steps)
    if far == 0 and moving:  # The data mostly rest.
        far = FAR * _usual(longest, moving)
    return far


def _usual(longest: np.ndarray, count: int) -> float:
    """Return the quantile `USUAL` of `count` numbers, of which the longest are given in order."""
    if not len(longest):
        return 0.0
    place = USUAL * (count - 1) - (count - len(longest))
    return float(np.interp(place, np.arange(len(longest)), longest))


def _measure(rows: MappedRows, start: np.ndarray, left_out: np.ndarray) -> ColumnSums:
    """Return the sums of all rows but those that are left out; `start` has each first row."""
    total = None
    first = 0
    previous = np.zeros((0, rows.columns), np.float32)
    for block in rows.blocks():
        number = first + np.arange(len(block))
        counts = ~contains(left_out, number)
        if counts.any():
            content = np.concatenate([previous, block[counts]])
            is_first = np.zeros(len(content), bool)
            is_first[len(previous) :] = contains(start, number)[counts]
            part = ColumnSums.measure(content, is_first, before=len(previous))
            total = part if total is None else total.merge(part)
            previous = content[-1:]
        first += len(block)
    assert total is not None
    return total
