"""Write imported episodes as a Minari dataset with the spaces that dfplan's layout reads."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from dfplan.data.importers.episodes import ColumnarEpisodes
from dfplan.data.store.write import dataset_writer, describe, new_dataset
from dfplan.types import UserError

REPORT_EVERY = 100
ONE_ROW = "episodes with a single row contain no step and are left out: {}"


@dataclasses.dataclass(frozen=True)
class ImportResult:
    """Size of the written dataset, and notes on it.

    Attributes:
        episodes: Number of episodes.
        steps: Number of steps.
        notes: What the user should know, one sentence each.
    """

    episodes: int
    steps: int
    notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class ImportOptions:
    """Facts that the file does not state about its numbers.

    Attributes:
        goal_dims: Dimensions of the observation that form the achieved goal; empty for the first
            ones.
        action_bounds: Lowest and highest value of every action dimension; None for no bounds.
    """

    goal_dims: tuple[int, ...] = ()
    action_bounds: tuple[float, float] | None = None


def write_episodes(
    episodes: ColumnarEpisodes,
    dataset_id: str,
    options: ImportOptions,
    description: str,
    progress: Callable[[int], None] | None = None,
) -> ImportResult:
    """Write a local Minari dataset completely or not at all.

    With goals, observations are a Dict of observation, achieved_goal and desired_goal, else a Box.
    An episode's last step is terminated if the file says so, else truncated.

    Args:
        episodes: Episodes to write.
        dataset_id: Minari id of a dataset that does not exist yet.
        options: Facts that the file does not state.
        description: Description that is stored in the dataset.
        progress: Function that is called from time to time with the number of rows written.

    Raises:
        UserError: If the dataset id is malformed, taken or being written by another process, goal
            dimensions do not fit, an action is out of bounds, there are no steps, or the dataset
            cannot be written.
    """
    dims = _goal_dims(episodes, options.goal_dims)
    observation_space = _observation_space(episodes, dims)
    action_space = _action_space(episodes, options.action_bounds)
    steps = episodes.length - (episodes.final is None)
    if not steps.any():
        raise UserError(
            f"{episodes.where}: no episode contains a step; needed: an episode of at least two rows"
        )
    metadata = describe(
        dataset_id,
        observation_space=observation_space,
        action_space=action_space,
        algorithm_name="imported",
        description=description,
        observation_names=list(episodes.observation_names) or None,
    )
    progress = progress or (lambda rows: None)
    with new_dataset(dataset_id) as data, dataset_writer(data, metadata) as writer:
        for episode in _buffers(episodes, dims, progress):
            writer.add(episode)
    notes = episodes.notes
    if (steps == 0).any():
        notes += (ONE_ROW.format((steps == 0).sum()),)
    if dims:
        notes += (f"achieved goal: dimensions {', '.join(map(str, dims))} of the observation",)
    return ImportResult(episodes=int((steps > 0).sum()), steps=int(steps.sum()), notes=notes)


def _goal_dims(episodes: ColumnarEpisodes, chosen: tuple[int, ...]) -> tuple[int, ...]:
    size = episodes.observation.shape[1]
    if episodes.goal is None:
        if chosen:
            raise UserError(
                f"{episodes.where} has no goals for --goal-dims; name their column: --goal"
            )
        return ()
    goal_dim = episodes.goal.shape[1]
    dims = chosen or tuple(range(goal_dim))
    in_range = all(0 <= d < size for d in dims)
    if len(dims) != goal_dim or len(set(dims)) != goal_dim or not in_range:
        raise UserError(
            f"goal dimensions {dims} do not fit {episodes.where}: needed {goal_dim} different ones "
            f"of 0 to {size - 1}"
        )
    return dims


def _box(array: np.ndarray, low: float = -np.inf, high: float = np.inf):
    from gymnasium import spaces

    return spaces.Box(low, high, array.shape[1:], array.dtype.type)


def _observation_space(episodes: ColumnarEpisodes, dims: tuple[int, ...]):
    from gymnasium import spaces

    box = _box(episodes.observation)
    if episodes.goal is None:
        return box
    return spaces.Dict(
        {
            "observation": box,
            "achieved_goal": _box(episodes.observation[:, list(dims)]),
            "desired_goal": _box(episodes.goal),
        }
    )


def _action_space(episodes: ColumnarEpisodes, bounds: tuple[float, float] | None):
    action = episodes.action
    if bounds is None:
        return _box(action)
    low, high = bounds
    if not -np.inf < low < high < np.inf:
        raise UserError(f"--action-bounds {low:g} {high:g} are not bounds; needed: LOW < HIGH")
    outside = ((action < low) | (action > high)) & episodes.used[:, None]
    if outside.any():
        row, dim = map(int, np.argwhere(outside)[0])
        used = action[episodes.used]
        raise UserError(
            f"{episodes.where}: action {dim} of row {row} is {action[row, dim]:g}, out of "
            f"--action-bounds {low:g} {high:g}; all lie in {used.min():g} to {used.max():g}"
        )
    return _box(action, low, high)


def _buffers(
    episodes: ColumnarEpisodes, dims: tuple[int, ...], progress: Callable[[int], None]
) -> Iterator[Any]:
    from minari.data_collector import EpisodeBuffer

    stop = 0
    for episode, rows in enumerate(episodes.length.tolist()):
        start = stop
        stop = start + rows
        steps = rows - (episodes.final is None)
        if not steps:
            continue
        is_last = np.zeros(steps, bool)
        is_last[-1] = True
        terminated = bool(episodes.terminated[episode])
        # Minari's annotations ask for lists.
        arrays: dict[str, Any] = {
            "observations": _observations(episodes, episode, slice(start, stop), dims=dims),
            "actions": episodes.action[start:stop][:steps],
            "rewards": episodes.reward[start:stop][:steps],
            "terminations": is_last & terminated,
            "truncations": is_last & (not terminated),
        }
        yield EpisodeBuffer(**arrays)
        if episode % REPORT_EVERY == 0 or stop == len(episodes.action):
            progress(stop)


def _observations(
    episodes: ColumnarEpisodes, episode: int, rows: slice, dims: tuple[int, ...]
) -> Any:
    observation = episodes.observation[rows]
    if episodes.final is not None:
        observation = np.append(observation, episodes.final[episode][None], axis=0)
    if episodes.goal is None:
        return observation
    desired = episodes.goal[rows]
    if episodes.final is not None:  # the goal at the last action also applies after it
        desired = np.append(desired, desired[-1:], axis=0)
    return {
        "observation": observation,
        "achieved_goal": observation[:, list(dims)],
        "desired_goal": desired,
    }
