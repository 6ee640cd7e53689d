"""Join the episodes of a dataset into checked rows of states, actions and rewards."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from dfplan.data.store.episode import Episode
from dfplan.representation.layout import Layout
from dfplan.types import UserError, one_line


class Rows(NamedTuple):
    """Rows of several episodes, one after the other; an episode of n steps has n + 1.

    Attributes:
        state: `[N, S]` in the dataset's coordinates; float64 where float32 does not hold them
            exactly.
        action: `[N, A]` float32; zero on the last row of each episode.
        raw_action: `[M, A]`, actions of the M steps at their stored precision.
        length: `[E]` int64, rows of each episode.
        observations: Array `[N, ...]`, or a dict of such arrays.
    """

    state: np.ndarray
    action: np.ndarray
    raw_action: np.ndarray
    length: np.ndarray
    observations: Any

    @property
    def start(self) -> np.ndarray:
        """`[E]` int64, first row of each episode."""
        return np.cumsum(self.length) - self.length


def read_rows(episodes: Sequence[Episode], layout: Layout, dataset_id: str) -> Rows:
    """Return the checked rows of episodes, at least one, that have steps.

    Raises:
        UserError: If an array differs in shape from its space, or a value is NaN or infinite in
            float32; the message names the first such episode and step.
    """
    try:
        rows = _join(episodes, layout)
    except (KeyError, TypeError, UserError, ValueError) as error:
        reason = one_line(error)
    else:
        if np.isfinite(as_float32(rows.state)).all() and np.isfinite(rows.action).all():
            return rows
        reason = "a number is not finite"
    for episode in episodes:  # To name the episode.
        read_episode(episode, layout, dataset_id)
    raise UserError(f"dataset {dataset_id!r}: its episodes differ in form: {reason}")


def _join(episodes: Sequence[Episode], layout: Layout) -> Rows:
    length = [len(episode) + 1 for episode in episodes]
    observations = _concatenate([episode.observations for episode in episodes], length)
    raw_action = np.concatenate([np.asarray(episode.actions) for episode in episodes])
    steps = sum(length) - len(length)
    with np.errstate(over="ignore"):
        state = layout.state(observations, exact=True)
        step_action = raw_action.astype(np.float32).reshape(steps, layout.action_dim)
    ends = np.cumsum(length)
    has_step = np.ones(len(state), bool)
    has_step[ends - 1] = False
    action = np.zeros((len(state), layout.action_dim), np.float32)
    action[has_step] = step_action
    return Rows(
        state=state,
        action=action,
        raw_action=raw_action.reshape(steps, -1),
        length=np.array(length, np.int64),
        observations=observations,
    )


def _concatenate(values: Sequence[Any], length: Sequence[int]) -> Any:
    """Join the arrays of episodes, or dicts of them.

    Raises:
        ValueError: If an array does not have as many rows as its episode.
    """
    if isinstance(values[0], dict):
        return {key: _concatenate([value[key] for value in values], length) for key in values[0]}
    if [len(value) for value in values] != length:
        raise ValueError("observations and actions differ in number")
    return np.concatenate(values)


def read_episode(
    episode: Episode, layout: Layout, dataset_id: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return checked states `[n+1, S]` and actions `[n+1, A]` of one episode.

    States are in the dataset's coordinates, and float64 where float32 does not hold them exactly.

    Raises:
        UserError: As `read_rows`.
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
    for name, array in (("state", as_float32(state)), ("action", action)):
        _check_finite(where, name, array)
    return state, np.pad(action, ((0, 1), (0, 0)))


def as_float32(state: np.ndarray) -> np.ndarray:
    """Return states in float32, infinite where they are too large for it."""
    with np.errstate(over="ignore"):
        return state.astype(np.float32, copy=False)


def read_rewards(episodes: Sequence[Episode], dataset_id: str) -> np.ndarray:
    """Return the reward of the step that begins at each row, `[N]`, zero on the last rows.

    Raises:
        UserError: If a reward is NaN or infinite, or all are equal.
    """
    steps = np.array([len(episode) for episode in episodes])
    reward = np.concatenate([np.asarray(e.rewards, np.float32) for e in episodes])
    if not np.isfinite(reward).all():
        for episode in episodes:  # To name the episode.
            where = f"dataset {dataset_id!r}, episode {episode.id}"
            _check_finite(where, "reward", np.asarray(episode.rewards, np.float32)[:, None])
    if reward.min() == reward.max():
        raise UserError(
            f"dataset {dataset_id!r}: every reward is {reward[0]:g}, so there is nothing to "
            "maximize; plan toward states instead (data.goal 'state') or use another dataset"
        )
    return np.insert(reward, np.cumsum(steps), np.float32(0))


def have_terminated(episodes: Iterable[Episode]) -> np.ndarray:
    """Return which episodes terminated, `[E]` bool."""
    return np.array([bool(np.asarray(episode.terminations)[-1]) for episode in episodes])


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
