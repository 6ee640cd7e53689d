"""Survey of a dataset: a first pass that finds the layout of its states.

Like `load_trajectories`, it detects the goal's dimensions and the origin, both of which depend on
all of the data, and checks every number. It does so for a part of the episodes at a time.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dfplan.data.episode_rows import check_no_offset, read_episode
from dfplan.data.minari_io import open_dataset
from dfplan.data.shards.layout import Choices
from dfplan.representation.columns import ColumnSums
from dfplan.representation.goal_dims import goal_tolerance, largest_difference, match_goal_dims
from dfplan.representation.layout import Layout
from dfplan.representation.origin import origin_of_range
from dfplan.representation.spaces import layout_from_spaces


class Survey(NamedTuple):
    """Properties of some of the episodes, from which the layout is derived.

    Attributes:
        states: Sums of the states in the precision of the dataset.
        actions: Sums of the actions in the precision of the dataset.
        is_float32: Whether float32 holds all states exactly.
        is_float32_action: Whether all actions are float32.
        difference: `[O, G]`, see `largest_difference`; None without an appended goal.
        tolerance: `[G]`, see `goal_tolerance`; None without an appended goal.
    """

    states: ColumnSums
    actions: ColumnSums
    is_float32: bool
    is_float32_action: bool
    difference: np.ndarray | None
    tolerance: np.ndarray | None

    def merge(self, other: "Survey") -> "Survey":
        """Return the survey of both parts."""
        return Survey(
            states=self.states.merge(other.states),
            actions=self.actions.merge(other.actions),
            is_float32=self.is_float32 and other.is_float32,
            is_float32_action=self.is_float32_action and other.is_float32_action,
            difference=_maximum(self.difference, other.difference),
            tolerance=_maximum(self.tolerance, other.tolerance),
        )


def _maximum(a: np.ndarray | None, b: np.ndarray | None) -> np.ndarray | None:
    return None if a is None or b is None else np.maximum(a, b)


def initial_layout(dataset_id: str, choices: Choices) -> Layout:
    """Return the layout of a dataset before anything is derived from its data."""
    dataset = open_dataset(dataset_id)
    return layout_from_spaces(
        dataset.observation_space,
        dataset.action_space,
        choices.goal_dims,
        goal_from=choices.goal_from,
        goal_value=choices.goal_value,
    )


def survey(dataset_id: str, layout: Layout, ids: Sequence[int]) -> Survey:
    """Survey some episodes, at least one, that have steps.

    Args:
        dataset_id: Minari id.
        layout: Layout of `initial_layout`.
        ids: Indices of the episodes.

    Raises:
        UserError: If an episode cannot be read, or is refused by `load_trajectories`.
    """
    total = None
    for episode in open_dataset(dataset_id).iterate_episodes(ids, step_arrays=()):
        state, _ = read_episode(episode, layout, dataset_id)
        action = np.asarray(episode.actions).reshape(len(episode), -1)
        difference = None
        tolerance = None
        if layout.append_achieved:
            achieved = state[:, layout.observation_dim :]
            difference = largest_difference(state[:, : layout.observation_dim], achieved)
            tolerance = goal_tolerance(achieved)
        part = Survey(
            states=ColumnSums.measure(state),
            actions=ColumnSums.measure(action),
            is_float32=state.dtype == np.float32,
            is_float32_action=action.dtype == np.float32,
            difference=difference,
            tolerance=tolerance,
        )
        total = part if total is None else total.merge(part)
    assert total is not None
    return total


def derive_layout(whole: Survey, dataset_id: str, layout: Layout, choices: Choices) -> Layout:
    """Return the layout that the data call for, which `load_trajectories` would return.

    Raises:
        UserError: If actions have an offset that is too large for float32.
    """
    if not whole.is_float32_action:
        check_no_offset(_offsets(whole.actions), dataset_id)
    origin = choices.origin
    if origin is None:
        origin = () if whole.is_float32 else _offsets(whole.states)
    if layout.append_achieved:
        assert whole.difference is not None and whole.tolerance is not None
        goal_dims = match_goal_dims(whole.difference, whole.tolerance)
        if goal_dims is not None:
            layout = dataclasses.replace(layout, goal_dims=goal_dims, append_achieved=False)
            origin = origin[: layout.observation_dim]
    return dataclasses.replace(layout, origin=origin if any(origin) else ())


def _offsets(sums: ColumnSums) -> tuple[float, ...]:
    columns = sums.columns()
    offsets = origin_of_range(columns.low, columns.high, columns.spread)
    return tuple(offsets.tolist())
