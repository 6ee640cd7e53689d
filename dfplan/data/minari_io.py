"""Minari datasets in: flat arrays of states and actions, checked before anything is trained."""

import dataclasses
import hashlib
import importlib.util
import warnings
from collections.abc import Sequence

import numpy as np

from dfplan.data.goal_intervals import NO_INTERVALS, goal_intervals
from dfplan.representation.layout import Layout, find_goal_dims, layout_from_spaces
from dfplan.types import UserError, one_line


@dataclasses.dataclass(frozen=True)
class Trajectories:
    """A dataset as flat arrays; episode e is the rows `start[e]` to `start[e] + length[e]`.

    Attributes:
        state: `[N, S]` float32, SI units; an episode of n actions has n + 1 states.
        action: `[N, A]` float32; the last row of each episode is zero and belongs to no step.
        start, length: `[E]` int64, rows of each episode.
        goal_intervals: `[K]` int64, control steps between two changes of `desired_goal` within an episode;
            empty where the data shows none.
        layout: how states were made.
        dataset_id: the Minari id.
        fingerprint: SHA-256 over the arrays, hexadecimal.
        reward: `[N]` of the step that begins at each row, zero on the last of each episode; None
            where rewards were not asked for.
        terminated: `[E]` bool, episodes that the task ended; None likewise.
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


def open_dataset(dataset_id: str):
    """The Minari dataset of that id: local, else downloaded by Minari itself.

    Raises:
        UserError: when there is none, listing the local ones, or when it cannot be read.
    """
    import minari

    try:
        try:
            return minari.load_dataset(dataset_id)
        except FileNotFoundError:
            _download(dataset_id)
            return minari.load_dataset(dataset_id)
    except UserError:
        raise
    except Exception as error:  # a damaged or foreign dataset fails in many ways inside Minari
        raise UserError(f"dataset {dataset_id!r} cannot be read: {one_line(error)}") from error


def _download(dataset_id: str) -> None:
    import minari

    missing = f"no dataset {dataset_id!r} here; local: {', '.join(local_ids()) or 'none'}"
    if importlib.util.find_spec("huggingface_hub") is None:
        raise UserError(f"{missing}; to download from Minari's remote: pip install 'minari[hf]'")
    try:
        minari.download_dataset(dataset_id)
    except Exception as error:  # no network, no such dataset, a bad id: Minari raises many kinds
        raise UserError(f"{missing}; Minari's remote: {one_line(error)}") from error


def local_ids() -> list[str]:
    """Ids of the Minari datasets on this machine, sorted; empty where Minari cannot list them."""
    import minari

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about damaged ones
        try:
            return sorted(minari.list_local_datasets())
        except (ValueError, TypeError):  # a folder there has a name that is no dataset id
            return []


def load_trajectories(
    dataset_id: str,
    goal_dims: tuple[int, ...] | None = None,
    goal_from: tuple[int, ...] = (),
    goal_value: tuple[float, ...] = (),
    *,
    rewards: bool = False,
) -> Trajectories:
    """Read a Minari dataset into flat arrays.

    Args:
        dataset_id: Minari id.
        goal_dims: places of the goal in the state; None finds them for goal-Dict observations and
            means no goal for others. Empty means none for any.
        goal_from, goal_value: where the goal to reach stands, or what it is; see `Layout`.
        rewards: also read what steps were rewarded with, and which episodes terminated.

    Raises:
        UserError: unknown id, unsupported spaces, no steps, arrays of another shape than the
            spaces say, NaN or infinite values (naming the first episode and step); rewards that
            are asked for and all the same.
    """
    dataset = open_dataset(dataset_id)
    spaces = dataset.observation_space, dataset.action_space
    layout = layout_from_spaces(*spaces, goal_dims, goal_from, goal_value)
    episodes = _read_episodes(dataset, dataset_id)
    states, actions = zip(*(_read(e, layout, dataset_id) for e in episodes), strict=True)
    taken = [goal_intervals(layout.goal(e.observations)) for e in episodes]
    reward, over = _read_rewards(episodes, dataset_id) if rewards else (None, None)
    if layout.append_achieved:
        joined = np.concatenate(states)
        dim = layout.observation_dim
        dims = find_goal_dims(joined[:, :dim], joined[:, dim:])
        if dims is not None:
            layout = layout_from_spaces(*spaces, dims)
            states = [state[:, :dim] for state in states]
    joined = np.concatenate(taken)
    return from_episodes(states, actions, layout, dataset_id, joined, reward, over)


def from_episodes(
    states: Sequence,
    actions: Sequence,
    layout: Layout,
    dataset_id: str,
    goal_intervals: np.ndarray = NO_INTERVALS,
    rewards: Sequence | None = None,
    terminated: np.ndarray | None = None,
) -> Trajectories:
    """Join episodes, each states `[n+1, S]` with actions `[n+1, A]` (last row unused).

    Rewards are `[n+1]` likewise, and then it is said which episodes `[E]` terminated.
    """
    length = np.array([len(s) for s in states], np.int64)
    start = np.cumsum(length) - length
    state, action = np.concatenate(states), np.concatenate(actions)
    reward = None if rewards is None else np.concatenate(rewards)
    known = (state, action, length) + (() if reward is None else (reward, terminated))
    digest = hashlib.sha256()
    for array in map(np.asarray, known):
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    fingerprint = digest.hexdigest()
    parts = state, action, start, length, goal_intervals, layout, dataset_id, fingerprint
    return Trajectories(*parts, reward, terminated)


def _read_episodes(dataset, dataset_id: str) -> list:
    try:
        episodes = [e for e in dataset.iterate_episodes() if len(e)]
    except (OSError, KeyError) as error:
        raise UserError(f"dataset {dataset_id!r} cannot be read: {one_line(error)}") from error
    if not episodes:
        raise UserError(f"dataset {dataset_id!r} has no steps; needed: an episode of at least one")
    return episodes


def _read_rewards(episodes: list, dataset_id: str) -> tuple[list[np.ndarray], np.ndarray]:
    """Rewards `[n+1]` of each episode, and which of them terminated."""
    rewards = []
    for episode in episodes:
        reward = np.asarray(episode.rewards, np.float32).reshape(len(episode), 1)
        _check_finite(f"dataset {dataset_id!r}, episode {episode.id}", "reward", reward)
        rewards.append(np.append(reward[:, 0], np.float32(0)))
    every = np.concatenate([reward[:-1] for reward in rewards])
    if every.min() == every.max():
        raise UserError(
            f"dataset {dataset_id!r}: every reward is {every[0]:g}, so there is nothing to "
            "maximise; plan towards states instead (data.goal 'state'), or give another dataset"
        )
    return rewards, np.array([bool(np.asarray(e.terminations)[-1]) for e in episodes])


def _read(episode, layout: Layout, dataset_id: str) -> tuple[np.ndarray, np.ndarray]:
    """States `[n+1, S]` and actions `[n+1, A]` of one Minari episode, checked."""
    where = f"dataset {dataset_id!r}, episode {episode.id}"
    steps = len(episode)
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes inf, and is reported
        try:
            state = layout.state(episode.observations)
            action = np.asarray(episode.actions, np.float32).reshape(steps, layout.action_dim)
        except (UserError, ValueError) as error:
            raise UserError(f"{where}: {one_line(error)}") from error
    if len(state) != steps + 1:
        raise UserError(f"{where}: {len(state)} observations of {steps} steps; needed: {steps + 1}")
    for name, array in (("state", state), ("action", action)):
        _check_finite(where, name, array)
    return state, np.pad(action, ((0, 1), (0, 0)))


def _check_finite(where: str, name: str, array: np.ndarray) -> None:
    bad = ~np.isfinite(array)
    if bad.any():
        step, dim = map(int, np.argwhere(bad)[0])
        raise UserError(
            f"{where}, step {step}: {name} dimension {dim} is {array[step, dim]}; "
            f"needed: finite numbers ({int(bad.sum())} in this episode are not)"
        )
