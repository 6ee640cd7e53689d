"""Measure a Minari dataset in one pass, holding one episode in memory at a time."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from dfplan.data.minari_io import open_dataset
from dfplan.data.profile.outlier_steps import typical_change
from dfplan.data.profile.profile import Profile
from dfplan.data.profile.running_statistics import Episode, RunningStatistics
from dfplan.representation.layout import Layout
from dfplan.representation.spaces import layout_from_spaces
from dfplan.types import UserError, one_line

SAMPLED = 64
"""Episodes that are read in advance to find the typical change per step."""
REPORT_EVERY = 50


def measure(
    dataset_id: str,
    goal_dims: tuple[int, ...] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Profile:
    """Measure a dataset.

    Data that training would reject (NaN, unsupported spaces) is measured all the same.

    Args:
        dataset_id: Minari id.
        goal_dims: State dimensions that a goal fixes, as for `load_trajectories`.
        progress: Function that is called from time to time with the number of steps read.

    Raises:
        UserError: If the dataset does not exist or cannot be read, an episode contradicts its
            spaces, or it does not have the goal dimensions.
    """
    dataset = open_dataset(dataset_id)
    profile = Profile(dataset_id, spaces=_spaces(dataset), length=_lengths(dataset))
    if not profile.steps:
        return dataclasses.replace(profile, problem="it has no steps")
    observation_space = dataset.observation_space
    action_space = dataset.action_space
    try:
        layout = layout_from_spaces(observation_space, action_space, None)
    except UserError as error:
        return dataclasses.replace(profile, problem=str(error))
    if goal_dims is not None:
        layout = layout_from_spaces(observation_space, action_space, goal_dims)
    sampled = read_episodes(dataset, layout, evenly_spaced_ids(dataset, SAMPLED))
    statistics = RunningStatistics(layout, typical_change(episode.state for episode in sampled))
    steps_read = 0
    for count, episode in enumerate(read_episodes(dataset, layout), 1):
        statistics.add(episode)
        steps_read += len(episode.action)
        if progress and (count % REPORT_EVERY == 0 or steps_read == profile.steps):
            progress(steps_read)
    return _named(statistics.fill(profile), dataset.metadata.observation_names)


def _named(profile: Profile, names: Sequence[str]) -> Profile:
    """Return a profile with the stored names of its observation's dimensions, if there are any."""
    if profile.layout is None or len(names) != profile.layout.observation_dim:
        return profile
    named = tuple(
        dataclasses.replace(dimension, name=name)
        for dimension, name in zip(profile.state, names, strict=False)
    )
    return dataclasses.replace(profile, state=named + profile.state[len(named) :])


def evenly_spaced_ids(dataset: Any, count: int) -> list[int]:
    """Return the ids of at most `count` episodes, evenly spaced over the dataset."""
    return np.unique(np.linspace(0, dataset.total_episodes - 1, count).astype(int)).tolist()


def read_episodes(
    dataset: Any, layout: Layout, ids: Sequence[int] | None = None
) -> Iterator[Episode]:
    """Yield the episodes of these ids, or all, that have steps, one at a time.

    Raises:
        UserError: If an episode cannot be read or contradicts the layout.
    """
    for episode in dataset.iterate_episodes(ids):
        if not len(episode):
            continue
        try:
            arrays = _arrays(episode, layout)
        except (UserError, ValueError) as error:
            where = f"dataset {dataset.id!r}, episode {episode.id}"
            raise UserError(f"{where}: {one_line(error)}") from error
        yield arrays


def _arrays(episode: Any, layout: Layout) -> Episode:
    steps = len(episode)
    with np.errstate(over="ignore"):  # values too large for float32 become inf, which is reported
        state = _finite_as_float32(layout.state(episode.observations, exact=True))
        goal = layout.goal(episode.observations, exact=True)
        action = np.asarray(episode.actions, np.float32).reshape(steps, layout.action_dim)
    if len(state) != steps + 1:
        raise UserError(f"{len(state)} observations for {steps} steps; needed: {steps + 1}")
    if episode.terminations[-1]:
        end = "terminated"
    elif episode.truncations[-1]:
        end = "truncated"
    else:
        end = "unmarked"
    return Episode(
        id=int(episode.id),
        state=state,
        action=action,
        reward=np.asarray(episode.rewards, np.float64).reshape(steps),
        goal=goal,
        end=end,
    )


def _finite_as_float32(state: np.ndarray) -> np.ndarray:
    """Return states with infinity where float32 would be infinite, as training reads them."""
    as_float32 = state.astype(np.float32, copy=False)
    return np.where(np.isfinite(as_float32), state, as_float32).astype(state.dtype, copy=False)


def _spaces(dataset: Any) -> dict[str, str]:
    spaces = {"observation": dataset.observation_space, "action": dataset.action_space}
    return {name: " ".join(str(space).split()) for name, space in spaces.items()}


def _lengths(dataset: Any) -> np.ndarray:
    """Return the number of steps of each nonempty episode."""
    steps = dataset.episode_steps()
    return steps[steps > 0]
