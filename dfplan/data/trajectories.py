"""Trajectories: a dataset as flat arrays of states and actions, with its fingerprint."""

import dataclasses
import functools
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from dfplan.data.goal_intervals import NO_INTERVALS
from dfplan.representation.columns import Columns
from dfplan.representation.grid import Grid
from dfplan.representation.layout import Layout


@dataclasses.dataclass(frozen=True)
class Trajectories:
    """A dataset as flat arrays; episode e spans the rows `start[e]` to `start[e] + length[e]`.

    Attributes:
        state: `[N, S]` float32, SI units, in the local coordinates of `layout`; an episode of n
            actions has n + 1 states.
        action: `[N, A]` float32; zero on the last row of each episode, where no step begins.
        start: `[E]` int64, first row of each episode.
        length: `[E]` int64, number of rows of each episode.
        goal_intervals: `[K]` int64, control steps between consecutive changes of `desired_goal`
            within an episode; may be empty.
        layout: Layout by which observations became states.
        dataset_id: Minari id.
        fingerprint: SHA-256 of the arrays, hexadecimal.
        reward: `[N]`, reward of the step that begins at each row, zero on the last row of each
            episode; None if rewards were not requested.
        terminated: `[E]` bool, whether each episode terminated; None if rewards were not requested.
    """

    state: np.ndarray
    action: np.ndarray
    start: np.ndarray
    length: np.ndarray
    goal_intervals: np.ndarray
    layout: Layout
    dataset_id: str
    fingerprint: str
    reward: np.ndarray | None = None
    terminated: np.ndarray | None = None

    @property
    def state_columns(self) -> Columns:
        """Statistics of the states."""
        return self._columns[0]

    @property
    def action_columns(self) -> Columns:
        """Statistics of the actions of all steps."""
        return self._columns[1]

    @functools.cached_property
    def _columns(self) -> tuple[Columns, Columns]:
        is_first = np.zeros(len(self.state), bool)
        is_first[self.start] = True
        rows = self.action_rows
        states = Columns.measure(self.state, is_first)
        return states, Columns.measure(self.action[rows], is_first[rows])

    def goal_grid(self) -> Grid | None:
        """Return the grid of the states in the goal's dimensions; None if `Grid.fit` has none."""
        dims = list(self.layout.goal_dims)
        columns = self.state_columns
        points = self.state[:, dims]
        return Grid.fit([points], low=columns.low[dims], high=columns.high[dims], count=len(points))

    def take(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the states and actions of these rows."""
        return self.state[rows], self.action[rows]

    @property
    def last(self) -> np.ndarray:
        """`[E]` int64, last row of each episode, which has no action."""
        return self.start + self.length - 1

    @property
    def last_row(self) -> np.ndarray:
        """`[N]` int64, last row of each row's episode."""
        return np.repeat(self.last, self.length)

    @property
    def action_rows(self) -> np.ndarray:
        """`[M]` int64, rows with an action: all but the last of each episode."""
        return np.delete(np.arange(len(self.state)), self.last)


def from_episodes(
    states: Sequence,
    actions: Sequence,
    layout: Layout,
    dataset_id: str,
    rewards: Sequence | None = None,
    terminated: np.ndarray | None = None,
) -> Trajectories:
    """Join episodes into flat arrays and compute their fingerprint.

    Args:
        states: States `[n+1, S]` of each episode, in the local coordinates of `layout`.
        actions: Actions `[n+1, A]` of each episode; the last row is unused.
        layout: Layout by which observations became states.
        dataset_id: Minari id.
        rewards: Rewards `[n+1]` of each episode, the last one unused; or None.
        terminated: `[E]` bool, whether each episode terminated; needed with rewards.
    """
    return from_rows(
        np.concatenate(states),
        np.concatenate(actions),
        np.array([len(state) for state in states], np.int64),
        layout,
        dataset_id=dataset_id,
        reward=None if rewards is None else np.concatenate(rewards),
        terminated=terminated,
    )


def from_rows(
    state: np.ndarray,
    action: np.ndarray,
    length: np.ndarray,
    layout: Layout,
    *,
    dataset_id: str,
    goal_intervals: np.ndarray = NO_INTERVALS,
    reward: np.ndarray | None = None,
    terminated: np.ndarray | None = None,
) -> Trajectories:
    """Return trajectories with their fingerprint; for the arguments see `Trajectories`."""
    arrays = [state, action, length]
    if reward is not None:
        arrays += [reward, np.asarray(terminated)]
    if layout.origin:
        arrays.append(np.array(layout.origin))
    digest = hashlib.sha256()
    for array in arrays:
        hash_parts(digest, [array], array.shape)
    return Trajectories(
        state=state,
        action=action,
        start=np.cumsum(length) - length,
        length=length,
        goal_intervals=goal_intervals,
        layout=layout,
        dataset_id=dataset_id,
        fingerprint=digest.hexdigest(),
        reward=reward,
        terminated=terminated,
    )


def hash_parts(digest: Any, parts: Iterable[np.ndarray], shape: tuple[int, ...]) -> None:
    """Add an array that comes in parts to a hash.

    Args:
        digest: Hash of `hashlib`.
        parts: Parts of the array along its first axis, of one type; at least one.
        shape: Shape of the whole array.
    """
    for number, part in enumerate(parts):
        if not number:
            digest.update(f"{part.dtype.str}{shape}".encode())
        digest.update(np.ascontiguousarray(part).data.cast("B") if part.size else b"")
