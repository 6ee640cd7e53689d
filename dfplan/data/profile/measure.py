"""Measure a Minari dataset in one pass that holds one episode at a time."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from dfplan.data.minari_io import open_dataset
from dfplan.data.profile.outlier_steps import typical_change
from dfplan.data.profile.profile import Profile
from dfplan.data.profile.running_statistics import Episode, RunningStatistics
from dfplan.representation.layout import Layout, layout_from_spaces
from dfplan.types import UserError, one_line

SAMPLED = 64
"""Episodes that are read beforehand, for the usual change of a step."""
REPORT_EVERY = 50


def measure(
    dataset_id: str,
    goal_dims: tuple[int, ...] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Profile:
    """Measure a dataset.

    What dfplan could not train on (NaN, spaces that it does not read) is measured, not refused.

    Args:
        dataset_id: Minari id.
        goal_dims: as for `load_trajectories`.
        progress: called now and then with the steps done so far.

    Raises:
        UserError: no such dataset, one that cannot be read, episodes that contradict its spaces, or
            goal dimensions that it does not have.
    """
    dataset = open_dataset(dataset_id)
    profile = Profile(dataset_id, _text(dataset), _lengths(dataset))
    if not profile.steps:
        return dataclasses.replace(profile, problem="it has no steps")
    spaces = dataset.observation_space, dataset.action_space
    try:
        layout = layout_from_spaces(*spaces, None)
    except UserError as error:
        return dataclasses.replace(profile, problem=str(error))
    if goal_dims is not None:
        layout = layout_from_spaces(*spaces, goal_dims)
    some = read_episodes(dataset, layout, evenly_spaced_ids(dataset, SAMPLED))
    tally = RunningStatistics(layout, typical_change(episode.state for episode in some))
    done = 0
    for count, episode in enumerate(read_episodes(dataset, layout, _ids(dataset)), 1):
        tally.add(episode)
        done += len(episode.action)
        if progress and (count % REPORT_EVERY == 0 or done == profile.steps):
            progress(done)
    return tally.fill(profile)


def evenly_spaced_ids(dataset: Any, most: int) -> list[int]:
    """Ids of at most so many episodes, evenly over the dataset."""
    ids = _ids(dataset)
    return [ids[i] for i in np.unique(np.linspace(0, len(ids) - 1, most).astype(int))]


def _ids(dataset: Any) -> list[int]:
    return np.asarray(dataset.episode_indices).tolist()


def read_episodes(dataset: Any, layout: Layout, ids: Sequence[int]) -> Iterator[Episode]:
    """The episodes of these ids that have steps, one at a time.

    Raises:
        UserError: when one cannot be read, or contradicts the layout.
    """
    episodes = iter(dataset.iterate_episodes(ids))
    where = f"dataset {dataset.id!r}"
    try:
        for episode in episodes:
            where = f"dataset {dataset.id!r}, episode {episode.id}"
            if len(episode):
                yield _arrays(episode, layout)
    except (UserError, OSError, KeyError, ValueError) as error:
        raise UserError(f"{where}: {one_line(error)}") from error


def _arrays(episode: Any, layout: Layout) -> Episode:
    steps = len(episode)
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes inf, and is reported
        state, goal = layout.state(episode.observations), layout.goal(episode.observations)
        action = np.asarray(episode.actions, np.float32).reshape(steps, layout.action_dim)
    if len(state) != steps + 1:
        raise UserError(f"{len(state)} observations of {steps} steps; needed: {steps + 1}")
    marks = {"terminated": episode.terminations[-1], "truncated": episode.truncations[-1]}
    end = next((name for name, is_so in marks.items() if is_so), "unmarked")
    reward = np.asarray(episode.rewards, np.float64).reshape(steps)
    return Episode(int(episode.id), state, action, reward, goal, end)


def _text(dataset: Any) -> dict[str, str]:
    spaces = {"observation": dataset.observation_space, "action": dataset.action_space}
    return {name: " ".join(str(space).split()) for name, space in spaces.items()}


def _lengths(dataset: Any) -> np.ndarray:
    """Steps of each episode that has any, without reading the episodes."""
    try:
        records = dataset.storage.get_episode_metadata(dataset.episode_indices)
        steps = np.array([int(record["total_steps"]) for record in records], np.int64)
    except (OSError, KeyError) as error:
        raise UserError(f"dataset {dataset.id!r} cannot be read: {one_line(error)}") from error
    return steps[steps > 0]
