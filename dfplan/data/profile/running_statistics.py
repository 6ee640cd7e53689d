"""RunningStatistics: what is known of a dataset after some of its episodes."""

import dataclasses
from typing import NamedTuple

import numpy as np

from dfplan.data.goal_intervals import NO_INTERVALS, goal_intervals
from dfplan.data.profile.moments import Moments, merge, moments
from dfplan.data.profile.outlier_steps import missed_boundaries, outlier_steps
from dfplan.data.profile.profile import Location, Profile, dimensions
from dfplan.representation.layout import Layout

PLACES = 5


class Episode(NamedTuple):
    """One episode.

    Attributes:
        id: in the dataset.
        state: `[n+1, S]`. action: `[n, A]`. reward: `[n]`. goal: `[n+1, G]` or None.
        end: "terminated", "truncated" or "unmarked".
    """

    id: int
    state: np.ndarray
    action: np.ndarray
    reward: np.ndarray
    goal: np.ndarray | None
    end: str


class RunningStatistics:
    """Sums up episodes; holds none of them."""

    def __init__(self, layout: Layout, usual: np.ndarray):
        """`usual` [S]: see `dfplan.data.profile.outlier_steps`."""
        self.layout, self.usual = layout, usual
        self.moments: dict[str, Moments] = {}
        self.outlier_steps = np.zeros(layout.state_dim, int)
        self.missed_boundaries, self.missed_boundary_locations = 0, []
        self.first_missing: Location | None = None
        self.ends = {"terminated": 0, "truncated": 0, "unmarked": 0}
        self.returns: list[float] = []
        self.goal_intervals = [NO_INTERVALS]
        self.inside = np.ones((layout.observation_dim, layout.goal_dim), bool)

    def add(self, episode: Episode) -> None:
        """Count an episode in."""
        for name in ("state", "action", "reward", "goal"):
            self._add_moments(name, getattr(episode, name))
        self._add_jumps(episode)
        if self.first_missing is None:
            self.first_missing = _first_missing(episode)
        self.ends[episode.end] += 1
        self.returns.append(float(episode.reward.sum()))
        self.goal_intervals.append(goal_intervals(episode.goal))
        if self.layout.append_achieved:
            dim = self.layout.observation_dim
            observation, achieved = episode.state[:, :dim, None], episode.state[:, None, dim:]
            self.inside &= np.isclose(observation, achieved, rtol=1e-6, atol=1e-6).all(axis=0)

    def _add_moments(self, name: str, values: np.ndarray | None) -> None:
        if values is None:
            return
        here = moments(values.reshape(len(values), -1))
        before = self.moments.get(name)
        self.moments[name] = here if before is None else merge(before, here)

    def _add_jumps(self, episode: Episode) -> None:
        jump = outlier_steps(episode.state, self.usual)
        self.outlier_steps += jump.sum(axis=0)
        dim = self.layout.observation_dim  # an achieved goal may be there twice
        places = missed_boundaries(jump[:, :dim], self.usual[:dim])
        self.missed_boundaries += len(places)
        room = max(PLACES - len(self.missed_boundary_locations), 0)
        self.missed_boundary_locations += [
            Location(episode.id, int(step)) for step in places[:room]
        ]

    def fill(self, profile: Profile) -> Profile:
        """The profile with what was counted, and the layout with the goal where it was found."""
        layout = self.layout
        found = _goal_dims(self.inside) if layout.append_achieved else None
        if found is not None:
            layout = dataclasses.replace(layout, goal_dims=found, append_achieved=False)
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
    places = [np.argwhere(~np.isfinite(array)) for array in (episode.state, episode.action)]
    steps = [int(place[0, 0]) for place in places if len(place)]
    return Location(episode.id, min(steps)) if steps else None


def _goal_dims(inside: np.ndarray) -> tuple[int, ...] | None:
    """Columns that held the achieved goal in every episode, as `find_goal_dims` chooses them.

    Args:
        inside: `[O, G]` bool, which columns of the observation always equalled which goal column.
    """
    dims: list[int] = []
    for same in inside.T:
        free = [int(d) for d in np.flatnonzero(same) if d not in dims]
        if not free:
            return None
        dims.append(free[0])
    return tuple(dims)
