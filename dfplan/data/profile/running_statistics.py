"""Running statistics of a dataset, updated episode by episode."""

import dataclasses
from typing import NamedTuple

import numpy as np

from dfplan.data.goal_intervals import NO_INTERVALS, goal_intervals
from dfplan.data.profile.moments import Moments, merge, moments
from dfplan.data.profile.outlier_steps import missed_boundaries, outlier_steps
from dfplan.data.profile.profile import Location, Profile, dimensions
from dfplan.representation.goal_dims import goal_tolerance, largest_difference, match_goal_dims
from dfplan.representation.layout import Layout
from dfplan.representation.origin import origin_of_range
from dfplan.representation.spread import Spread, float32_resolution

MAX_LOCATIONS = 5


class Episode(NamedTuple):
    """One episode.

    Attributes:
        id: Id in the dataset.
        state: `[n+1, S]`, in the precision of the dataset.
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
        self.difference = np.zeros((layout.observation_dim, layout.goal_dim))
        self.tolerance = np.zeros(layout.goal_dim)
        self.squared_changes: dict[str, np.ndarray] = {}
        self.changes: dict[str, int] = {}
        self.is_float32 = True

    def add(self, episode: Episode) -> None:
        """Add an episode."""
        for name in ("state", "action", "reward", "goal"):
            self._add_moments(name, getattr(episode, name))
        for name in ("state", "action"):
            self._add_changes(name, getattr(episode, name))
        self.is_float32 &= episode.state.dtype == np.float32
        self._add_outlier_steps(episode)
        if self.first_missing is None:
            self.first_missing = _first_missing(episode)
        self.ends[episode.end] += 1
        self.returns.append(float(episode.reward.sum()))
        self.goal_intervals.append(goal_intervals(episode.goal))
        if self.layout.append_achieved:
            dim = self.layout.observation_dim
            achieved = episode.state[:, dim:]
            difference = largest_difference(episode.state[:, :dim], achieved)
            self.difference = np.maximum(self.difference, difference)
            self.tolerance = np.maximum(self.tolerance, goal_tolerance(achieved))

    def _add_moments(self, name: str, values: np.ndarray | None) -> None:
        if values is None:
            return
        added = moments(values.reshape(len(values), -1))
        previous = self.moments.get(name)
        self.moments[name] = added if previous is None else merge(previous, added)

    def _add_changes(self, name: str, values: np.ndarray) -> None:
        changes = np.diff(values.astype(np.float64), axis=0)
        squares = np.nansum(np.where(np.isfinite(changes), changes, 0.0) ** 2, axis=0)
        self.squared_changes[name] = self.squared_changes.get(name, 0.0) + squares
        self.changes[name] = self.changes.get(name, 0) + len(changes)

    def _spread(self, name: str) -> Spread:
        low, high = self._range(name)
        mean_square = self.squared_changes[name] / max(self.changes[name], 1)
        return Spread(
            std=np.nan_to_num(self.moments[name].std),
            magnitude=np.maximum(np.abs(low), np.abs(high)),
            change=np.sqrt(mean_square),
        )

    def _range(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the lowest and the highest finite values, 0 where there are none."""
        measured = self.moments[name]
        has_values = measured.count > 0
        return np.where(has_values, measured.low, 0.0), np.where(has_values, measured.high, 0.0)

    def _origin(self) -> tuple[float, ...]:
        if self.is_float32:
            return ()
        return tuple(origin_of_range(*self._range("state"), self._spread("state")).tolist())

    def _noise(self, name: str, origin: tuple[float, ...] = ()) -> np.ndarray:
        """Return which dimensions training would take for noise, `[D]` bool."""
        spread = self._spread(name)
        is_noise = spread.is_noise(float32_resolution(spread.magnitude))
        return is_noise & (np.array(origin) == 0) if origin else is_noise

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
        goal_dims = None
        if layout.append_achieved:
            goal_dims = match_goal_dims(self.difference, self.tolerance)
        if goal_dims is not None:
            layout = dataclasses.replace(layout, goal_dims=goal_dims, append_achieved=False)
        size = layout.observation_dim
        origin = self._origin()
        noise = self._noise("state", origin)
        state = dimensions("observation", self.moments["state"], self.outlier_steps, noise)
        origin = origin[: layout.state_dim]
        layout = dataclasses.replace(layout, origin=origin if any(origin) else ())
        appended = [
            dataclasses.replace(dimension, name=f"achieved_goal {i}")
            for i, dimension in enumerate(state[size : layout.state_dim])
        ]
        return dataclasses.replace(
            profile,
            layout=layout,
            ends=self.ends,
            state=state[:size] + tuple(appended),
            action=dimensions("action", self.moments["action"], noise=self._noise("action")),
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
