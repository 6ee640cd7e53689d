"""Running statistics of a dataset, updated episode by episode."""

import dataclasses
from typing import NamedTuple

import numpy as np

from dfplan.data.goal_intervals import NO_INTERVALS, goal_intervals
from dfplan.data.profile.moments import Moments, merge, moments
from dfplan.data.profile.outlier_steps import missed_boundaries, outlier_steps
from dfplan.data.profile.profile import Location, Profile, dimensions
from dfplan.representation.layout import Layout

MAX_LOCATIONS = 5


class Episode(NamedTuple):
    """One episode.

    Attributes:
        id: Id in the dataset.
        state: `[n+1, S]`.
        action: `[n, A]`.
        reward: `[n]`.
        goal: `[n+1, G]` or None.
        end: "terminated", "truncated" or "unmarked".
    """

    id: int
    state: np.ndarray
    action: np.ndarray
    reward: np.ndarray
    goal: np.ndarray | None
    end: str


class RunningStatistics:
    """Statistics of the episodes added so far; the episodes themselves are not stored.

    Args:
        layout: Layout of the dataset.
        typical: `[S]`, see `dfplan.data.profile.outlier_steps.typical_change`.
    """

    def __init__(self, layout: Layout, typical: np.ndarray):
        self.layout = layout
        self.typical = typical
        self.moments: dict[str, Moments] = {}
        self.outlier_steps = np.zeros(layout.state_dim, int)
        self.missed_boundaries = 0
        self.missed_boundary_locations: list[Location] = []
        self.first_missing: Location | None = None
        self.ends = {"terminated": 0, "truncated": 0, "unmarked": 0}
        self.returns: list[float] = []
        self.goal_intervals = [NO_INTERVALS]
        self.goal_in_observation = np.ones((layout.observation_dim, layout.goal_dim), bool)

    def add(self, episode: Episode) -> None:
        """Add an episode."""
        for name in ("state", "action", "reward", "goal"):
            self._add_moments(name, getattr(episode, name))
        self._add_outlier_steps(episode)
        if self.first_missing is None:
            self.first_missing = _first_missing(episode)
        self.ends[episode.end] += 1
        self.returns.append(float(episode.reward.sum()))
        self.goal_intervals.append(goal_intervals(episode.goal))
        if self.layout.append_achieved:
            dim = self.layout.observation_dim
            observation = episode.state[:, :dim, None]
            achieved = episode.state[:, None, dim:]
            equal = np.isclose(observation, achieved, rtol=1e-6, atol=1e-6)
            self.goal_in_observation &= equal.all(axis=0)

    def _add_moments(self, name: str, values: np.ndarray | None) -> None:
        if values is None:
            return
        added = moments(values.reshape(len(values), -1))
        previous = self.moments.get(name)
        self.moments[name] = added if previous is None else merge(previous, added)

    def _add_outlier_steps(self, episode: Episode) -> None:
        outliers = outlier_steps(episode.state, self.typical)
        self.outlier_steps += outliers.sum(axis=0)
        dim = self.layout.observation_dim  # an appended goal would be counted twice
        steps = missed_boundaries(outliers[:, :dim], self.typical[:dim])
        self.missed_boundaries += len(steps)
        room = max(MAX_LOCATIONS - len(self.missed_boundary_locations), 0)
        self.missed_boundary_locations += [Location(episode.id, int(step)) for step in steps[:room]]

    def fill(self, profile: Profile) -> Profile:
        """Return the profile with all statistics, and goal dimensions in the layout if detected."""
        layout = self.layout
        goal_dims = _goal_dims(self.goal_in_observation) if layout.append_achieved else None
        if goal_dims is not None:
            layout = dataclasses.replace(layout, goal_dims=goal_dims, append_achieved=False)
        size = layout.observation_dim
        state = dimensions("observation", self.moments.get("state"), self.outlier_steps)
        appended = [
            dataclasses.replace(dimension, name=f"achieved_goal {i}")
            for i, dimension in enumerate(state[size : layout.state_dim])
        ]
        return dataclasses.replace(
            profile,
            layout=layout,
            ends=self.ends,
            state=state[:size] + tuple(appended),
            action=dimensions("action", self.moments.get("action")),
            goal=dimensions("goal", self.moments.get("goal")),
            reward=dimensions("reward", self.moments.get("reward")),
            returns=np.array(self.returns),
            goal_intervals=np.concatenate(self.goal_intervals),
            missed_boundaries=self.missed_boundaries,
            missed_boundary_locations=tuple(self.missed_boundary_locations),
            first_missing=self.first_missing,
        )


def _first_missing(episode: Episode) -> Location | None:
    bad = [np.argwhere(~np.isfinite(array)) for array in (episode.state, episode.action)]
    steps = [int(indices[0, 0]) for indices in bad if len(indices)]
    return Location(episode.id, min(steps)) if steps else None


def _goal_dims(goal_in_observation: np.ndarray) -> tuple[int, ...] | None:
    """Return the columns that held the achieved goal in every episode; see `find_goal_dims`.

    Args:
        goal_in_observation: `[O, G]` bool, which observation columns always equaled which goal
            column.
    """
    dims: list[int] = []
    for equal in goal_in_observation.T:
        free = [int(d) for d in np.flatnonzero(equal) if d not in dims]
        if not free:
            return None
        dims.append(free[0])
    return tuple(dims)
