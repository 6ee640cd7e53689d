"""Read Minari datasets into flat arrays of states and actions, checked before any training."""

import dataclasses
import functools
import hashlib
import importlib.util
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from dfplan.data.goal_intervals import NO_INTERVALS, goal_intervals
from dfplan.data.store.dataset import Dataset
from dfplan.data.store.listing import local_ids
from dfplan.data.store.root import datasets_root, is_dataset_id
from dfplan.representation.columns import Columns
from dfplan.representation.goal_dims import find_goal_dims
from dfplan.representation.grid import Grid
from dfplan.representation.layout import Layout, layout_from_spaces
from dfplan.representation.origin import choose_origin
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
    states, actions = zip(*(read_episode(e, layout, dataset_id) for e in episodes), strict=True)
    offsets = choose_origin([np.asarray(e.actions).reshape(len(e), -1) for e in episodes])
    check_no_offset(offsets, dataset_id)
    reward, terminated = _read_rewards(episodes, dataset_id) if rewards else (None, None)
    if layout.append_achieved:
        joined = np.concatenate(states)
        dim = layout.observation_dim
        detected_dims = find_goal_dims(joined[:, :dim], joined[:, dim:])
        if detected_dims is not None:
            layout = layout_from_spaces(observation_space, action_space, detected_dims)
            states = [state[:, :dim] for state in states]
    origin = choose_origin(states) if origin is None else origin
    layout = dataclasses.replace(layout, origin=origin)
    intervals = [goal_intervals(layout.local_goal(e.observations)) for e in episodes]
    return from_episodes(
        [layout.to_local(state) for state in states],
        actions,
        layout,
        dataset_id=dataset_id,
        goal_intervals=np.concatenate(intervals),
        rewards=reward,
        terminated=terminated,
    )


def from_episodes(
    states: Sequence,
    actions: Sequence,
    layout: Layout,
    dataset_id: str,
    goal_intervals: np.ndarray = NO_INTERVALS,
    rewards: Sequence | None = None,
    terminated: np.ndarray | None = None,
) -> Trajectories:
    """Join episodes into flat arrays and compute their fingerprint.

    Args:
        states: States `[n+1, S]` of each episode, in the local coordinates of `layout`.
        actions: Actions `[n+1, A]` of each episode; the last row is unused.
        layout: Layout by which observations became states.
        dataset_id: Minari id.
        goal_intervals: `[K]`, see `Trajectories`.
        rewards: Rewards `[n+1]` of each episode, the last one unused; or None.
        terminated: `[E]` bool, whether each episode terminated; needed with rewards.
    """
    length = np.array([len(s) for s in states], np.int64)
    start = np.cumsum(length) - length
    state = np.concatenate(states)
    action = np.concatenate(actions)
    arrays = [state, action, length]
    reward = None
    if rewards is not None:
        reward = np.concatenate(rewards)
        arrays += [reward, np.asarray(terminated)]
    if layout.origin:
        arrays.append(np.array(layout.origin))
    digest = hashlib.sha256()
    for array in arrays:
        hash_parts(digest, [array], array.shape)
    return Trajectories(
        state=state,
        action=action,
        start=start,
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


def _read_rewards(episodes: list, dataset_id: str) -> tuple[list[np.ndarray], np.ndarray]:
    """Return rewards `[n+1]` of each episode, and which episodes terminated, `[E]`."""
    rewards = []
    for episode in episodes:
        reward = np.asarray(episode.rewards, np.float32).reshape(len(episode), 1)
        _check_finite(f"dataset {dataset_id!r}, episode {episode.id}", "reward", reward)
        rewards.append(np.append(reward[:, 0], np.float32(0)))
    joined = np.concatenate([reward[:-1] for reward in rewards])
    if joined.min() == joined.max():
        raise UserError(
            f"dataset {dataset_id!r}: every reward is {joined[0]:g}, so there is nothing to "
            "maximize; plan toward states instead (data.goal 'state') or use another dataset"
        )
    return rewards, np.array([bool(np.asarray(e.terminations)[-1]) for e in episodes])


def read_episode(episode, layout: Layout, dataset_id: str) -> tuple[np.ndarray, np.ndarray]:
    """Return checked states `[n+1, S]` and actions `[n+1, A]` of one Minari episode.

    States are in the dataset's coordinates, and float64 where float32 does not hold them exactly.
    """
    where = f"dataset {dataset_id!r}, episode {episode.id}"
    steps = len(episode)
    with np.errstate(over="ignore"):  # values too large for float32 become inf, which is reported
        try:
            state = layout.state(episode.observations, exact=True)
            action = np.asarray(episode.actions, np.float32).reshape(steps, layout.action_dim)
        except (UserError, ValueError) as error:
            raise UserError(f"{where}: {one_line(error)}") from error
    if len(state) != steps + 1:
        raise UserError(
            f"{where}: {len(state)} observations for {steps} steps; needed: {steps + 1}"
        )
    with np.errstate(over="ignore"):
        as_float32 = state.astype(np.float32, copy=False)
    for name, array in (("state", as_float32), ("action", action)):
        _check_finite(where, name, array)
    return state, np.pad(action, ((0, 1), (0, 0)))


def check_no_offset(offsets: Sequence[float], dataset_id: str) -> None:
    """Check that float32 resolves actions, which unlike states have no origin.

    Args:
        offsets: Offset of each action dimension, as of `choose_origin`.
        dataset_id: Minari id.

    Raises:
        UserError: If a dimension has an offset.
    """
    for dim, offset in enumerate(offsets):
        if offset:
            raise UserError(
                f"dataset {dataset_id!r}: action dimension {dim} is about {offset:.12g}, too "
                "large for float32 to resolve its changes; needed: actions without that offset, "
                "such as displacements"
            )


def _check_finite(where: str, name: str, array: np.ndarray) -> None:
    bad = ~np.isfinite(array)
    if bad.any():
        step, dim = map(int, np.argwhere(bad)[0])
        raise UserError(
            f"{where}, step {step}: {name} dimension {dim} is {array[step, dim]}; "
            f"needed: finite numbers ({int(bad.sum())} in this episode are not)"
        )
