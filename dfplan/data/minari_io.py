"""Read Minari datasets into flat arrays of states and actions, checked before any training."""

import dataclasses
import functools
import hashlib
import importlib.util
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from dfplan.data.episode_rows import (
    check_no_offset,
    have_terminated,
    read_rewards,
    read_rows,
)
from dfplan.data.goal_intervals import NO_INTERVALS, goal_intervals
from dfplan.data.store.dataset import Dataset
from dfplan.data.store.listing import local_ids
from dfplan.data.store.root import datasets_root, is_dataset_id
from dfplan.representation.columns import Columns
from dfplan.representation.goal_dims import find_goal_dims
from dfplan.representation.grid import Grid
from dfplan.representation.layout import Layout
from dfplan.representation.origin import choose_origin
from dfplan.representation.spaces import layout_from_spaces
from dfplan.tasks.registry import all_tasks
from dfplan.types import UserError, one_line


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
        has_action = np.ones(len(self.action), bool)
        has_action[self.start + self.length - 1] = False
        states = Columns.measure(self.state, is_first)
        return states, Columns.measure(self.action[has_action], is_first[has_action])

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
    def last_row(self) -> np.ndarray:
        """`[N]` int64, last row of each row's episode."""
        return np.repeat(self.start + self.length - 1, self.length)


def open_dataset(dataset_id: str) -> Dataset:
    """Return a Minari dataset, downloaded by Minari if it is not local.

    Raises:
        UserError: If the dataset does not exist (the message lists the local ones) or is damaged.
    """
    data = datasets_root() / dataset_id / "data"
    if not is_dataset_id(dataset_id) or not data.exists():
        _download(dataset_id)
    return Dataset(dataset_id, data)


def _download(dataset_id: str) -> None:
    import minari

    missing = (
        f"{dataset_id!r} is no local dataset and no directory of complete shards; local: "
        f"{', '.join(local_ids()) or 'none'}"
    )
    missing += _collect_hint(dataset_id)
    if importlib.util.find_spec("huggingface_hub") is None:
        raise UserError(f'{missing}; to download it from Minari: pip install "dfplan[remote]"')
    try:
        minari.download_dataset(dataset_id)
    except Exception as error:  # Minari raises many kinds: no network, unknown or malformed id
        raise UserError(f"{missing}; Minari's remote: {one_line(error)}") from error


def _collect_hint(dataset_id: str) -> str:
    """Return the command that collects the dataset of a task; empty without one."""
    for task in all_tasks().values():
        if task.dataset == dataset_id and (task.collector or task.policy):
            return f"; to collect it: dfplan collect {task.name}"
    return ""


def load_trajectories(
    dataset_id: str,
    goal_dims: tuple[int, ...] | None = None,
    goal_from: tuple[int, ...] = (),
    goal_value: tuple[float, ...] = (),
    *,
    origin: tuple[float, ...] | None = None,
    rewards: bool = False,
) -> Trajectories:
    """Read a Minari dataset into flat arrays.

    Args:
        dataset_id: Minari id.
        goal_dims: State dimensions that a goal fixes. None detects them for goal-Dict observations
            and means no goal for others; an empty tuple means no goal.
        goal_from: Observation dimensions that hold the desired goal; see `Layout`.
        goal_value: Constant desired goal; see `Layout`.
        origin: Offsets of the state dimensions, see `Layout`; None derives them from the data.
        rewards: Whether to read rewards, and which episodes terminated.

    Raises:
        UserError: If the id is unknown, the spaces are not supported, there are no steps, an array
            differs in shape from its space, a value is NaN or infinite (the message names the
            first episode and step), actions have an offset that is too large for float32, or
            rewards are requested and all equal.
    """
    dataset = open_dataset(dataset_id)
    observation_space = dataset.observation_space
    action_space = dataset.action_space
    layout = layout_from_spaces(
        observation_space, action_space, goal_dims, goal_from=goal_from, goal_value=goal_value
    )
    step_arrays = ("rewards", "terminations") if rewards else ()
    episodes = [e for e in dataset.iterate_episodes(step_arrays=step_arrays) if len(e)]
    if not episodes:
        raise UserError(f"dataset {dataset_id!r} has no steps; needed: an episode of at least one")
    rows = read_rows(episodes, layout, dataset_id)
    first_steps = rows.start - np.arange(len(rows.start))  # an episode has a step less than rows
    check_no_offset(choose_origin(rows.raw_action, first_steps), dataset_id)
    state = rows.state
    if layout.append_achieved:
        dim = layout.observation_dim
        detected_dims = find_goal_dims(state[:, :dim], state[:, dim:])
        if detected_dims is not None:
            layout = layout_from_spaces(observation_space, action_space, detected_dims)
            state = state[:, :dim]
    origin = choose_origin(state, rows.start) if origin is None else origin
    layout = dataclasses.replace(layout, origin=origin)
    return _from_rows(
        layout.to_local(state),
        rows.action,
        rows.length,
        layout,
        dataset_id=dataset_id,
        goal_intervals=goal_intervals(layout.local_goal(rows.observations), rows.start),
        reward=read_rewards(episodes, dataset_id) if rewards else None,
        terminated=have_terminated(episodes) if rewards else None,
    )


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
    return _from_rows(
        np.concatenate(states),
        np.concatenate(actions),
        np.array([len(state) for state in states], np.int64),
        layout,
        dataset_id=dataset_id,
        reward=None if rewards is None else np.concatenate(rewards),
        terminated=terminated,
    )


def _from_rows(
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
    """Return trajectories with their fingerprint; see `Trajectories`."""
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
