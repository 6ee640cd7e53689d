"""Effects: which moves are possible, as far as the data tell, and where they lead.

A move counts as possible if the data have made one like it: with its objects, and each of the
others, at about the same values before the move, and again after it. Objects that are alike may be
anywhere, so that among them the offset to the nearest one counts: cubes are put neither where
another one is nor into the air. An object that has not come to rest, such as a cube in the gripper,
has to be moved before any other.
"""

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from dfplan.planner.subgoals.experience import Experience
from dfplan.representation.objects import Objects

RADIUS = 1.25
"""Distance up to which values count as the same, in tolerances of the goal."""
NEAR = 4.0
"""Largest offset to another object that matters, in radii."""
LEVELS = 4
"""Number of bins, a radius wide, up to which a dimension has levels, such as heights of a stack."""
RARE = 0.02
"""Share of moves below which a change counts as an accident."""
LANDMARKS = 10
"""Largest number of an object's places in the data where the search may put it."""

Values = Sequence[Float[np.ndarray, "*b D"]]
"""Goal dimensions of each object."""
Change = tuple[int, ...]
"""Numbers of the objects that a move changes."""


@dataclasses.dataclass(frozen=True, eq=False)
class Kind:
    """Moves that change the same objects, or objects that are alike.

    Attributes:
        before: Features of the states before the end of the moves, by name.
        after: Features of the states after the moves, by name.
        first: `[N, D]` values of the objects before each move.
        last: `[N, D]` values of the objects after each move.
    """

    before: Mapping[str, Float[np.ndarray, "_ F"]]
    after: Mapping[str, Float[np.ndarray, "N F"]]
    first: Float[np.ndarray, "N D"]
    last: Float[np.ndarray, "N D"]


@dataclasses.dataclass(frozen=True, eq=False)
class Effects:
    """Effects of the moves of a dataset.

    Attributes:
        experience: The moves.
        radius: Distance up to which values count as the same.
    """

    experience: Experience
    radius: float

    @functools.cached_property
    def objects(self) -> Objects:
        """Objects of the task."""
        return self.experience.objects

    def split(self, states: Float[np.ndarray, "*b G"]) -> list[Float[np.ndarray, "*b D"]]:
        """Return the values of each object."""
        return [states[..., list(places)] for places in self.objects.places]

    @functools.cached_property
    def kinds(self) -> dict[Change, Kind]:
        """The kinds of moves, by what they change."""
        patterns, count = np.unique(self.experience.changes, axis=0, return_counts=True)
        common = patterns[count >= RARE * count.sum()]
        changes = [tuple(np.flatnonzero(pattern).tolist()) for pattern in common]
        kinds: dict[Change, Kind] = {}
        for change in changes:
            if len(change) > 1:
                kinds[change] = self._make_kind([change])
            elif change not in kinds:
                alike = [(number,) for number in self._group(change[0])]
                kinds |= dict.fromkeys(alike, self._make_kind(alike))
        return kinds

    def _group(self, number: int) -> list[int]:
        return sorted([number, *self.objects.alike(number)])

    def _make_kind(self, changes: list[Change]) -> Kind:
        before = []
        after = []
        first = []
        last = []
        for change in changes:
            rows = self._rows(change)
            during = np.asarray(self.experience.during)[rows]
            final = np.asarray(self.experience.after)[rows]
            before.append(self.features(self.split(during.reshape(-1, final.shape[1])), change))
            after.append(self.features(self.split(final), change))
            first.append(_own(self.split(during[:, 0]), change))
            last.append(_own(self.split(final), change))
        return Kind(_pool(before), _pool(after), np.concatenate(first), np.concatenate(last))

    def _rows(self, change: Change) -> np.ndarray:
        """Return which moves change these objects and no others."""
        pattern = np.zeros(self.experience.changes.shape[1], bool)
        pattern[list(change)] = True
        return (np.asarray(self.experience.changes) == pattern).all(axis=1)

    def features(self, values: Values, change: Change) -> dict[str, Float[np.ndarray, "*b F"]]:
        """Return what has to be about the same for two states to be alike, for a change.

        Args:
            values: Values of all objects.
            change: The change.
        """
        own = _own(values, change)
        alike = self.objects.alike(change[0]) if len(change) == 1 else []
        features = {
            f"object {number}": np.concatenate([own, value], axis=-1)
            for number, value in enumerate(values)
            if number not in change and number not in alike
        }
        if not alike:
            return {"own": own, **features}
        levels = self.levels[change[0]]
        nearest = self._nearest_offset(values, change[0], alike)
        features["own"] = np.delete(own, levels, axis=-1)
        features["nearest"] = np.concatenate([own[..., levels], nearest], axis=-1)
        return features

    def _nearest_offset(
        self, values: Values, number: int, alike: list[int]
    ) -> Float[np.ndarray, "*b D"]:
        """Return the offset to the nearest object that is alike, up to a limit."""
        offsets = np.stack([values[other] - values[number] for other in alike])
        nearest = np.linalg.norm(offsets, axis=-1).argmin(axis=0)
        offset = np.take_along_axis(offsets, nearest[None, ..., None], axis=0)[0]
        return offset.clip(-NEAR * self.radius, NEAR * self.radius)

    @functools.cached_property
    def levels(self) -> list[np.ndarray]:
        """Places of the dimensions in which each object rests at few levels."""
        return [
            np.array([d for d in range(rest.shape[1]) if self._has_levels(rest[:, d])], int)
            for rest in self.resting
        ]

    def _has_levels(self, rest: Float[np.ndarray, "N"]) -> bool:
        _, count = np.unique(np.round(rest / self.radius), return_counts=True)
        return (count >= RARE * count.sum()).sum() <= LEVELS

    @functools.cached_property
    def resting(self) -> list[Float[np.ndarray, "N D"]]:
        """Values of each object, or one that is alike, after it was moved."""
        after = self.split(np.asarray(self.experience.after))
        changes = np.asarray(self.experience.changes)
        return [
            np.concatenate([after[k][changes[:, k]] for k in self._group(number)])
            for number in range(len(after))
        ]

    @functools.cached_property
    def landmarks(self) -> list[Float[np.ndarray, "L D"]]:
        """Places where the data have put each object, far from each other."""
        return [_spread_out(rest, 2 * self.radius) for rest in self.resting]

    def is_settled(self, number: int, value: Float[np.ndarray, "D"]) -> bool:
        """Return whether an object is at a level at which objects rest."""
        levels = self.levels[number]
        rest = self.resting[number][:, levels]
        return not len(rest) or _is_near(value[levels], rest, self.radius)

    def outcomes(
        self, change: Change, values: Values, goal: Values
    ) -> Iterator[Float[np.ndarray, "D"]]:
        """Yield the values of the objects after a move, one after the other.

        A single object may go to its goal or to a landmark. Several objects go where they went in
        the most similar move of the data, or to their goals if these are there.
        """
        if len(change) == 1:
            yield goal[change[0]]
            yield from self.landmarks[change[0]]
            return
        kind = self.kinds[change]
        nearest = np.linalg.norm(kind.first - _own(values, change), axis=-1).argmin()
        yield kind.last[nearest]

    def is_possible(self, change: Change, values: Values, after: Values) -> bool:
        """Return whether the data have made a move like this one.

        Args:
            change: Objects that it changes.
            values: Values of all objects before the move.
            after: Values of all objects after it.
        """
        kind = self.kinds[change]
        moving = {k for k, value in enumerate(values) if not self.is_settled(k, value)}
        if not moving <= set(change):
            return False
        return self._is_known(kind.after, after, change) and (
            bool(moving) or self._is_known(kind.before, values, change)
        )

    def _is_known(
        self, known: Mapping[str, Float[np.ndarray, "_ F"]], values: Values, change: Change
    ) -> bool:
        features = self.features(values, change)
        return all(_is_near(features[name], known[name], self.radius) for name in features)


def _own(values: Values, change: Change) -> Float[np.ndarray, "*b D"]:
    return np.concatenate([values[number] for number in change], axis=-1)


def _pool(features: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([f[name] for f in features]) for name in features[0]}


def _is_near(value: Float[np.ndarray, "F"], known: Float[np.ndarray, "N F"], radius: float) -> bool:
    return bool((((known - value) ** 2).sum(axis=-1) <= radius**2).any())


def _spread_out(points: Float[np.ndarray, "N D"], distance: float) -> Float[np.ndarray, "L D"]:
    """Return points at least this far from each other, where others are as near, farthest first."""
    offset = np.linalg.norm(points[:, None] - points[None], axis=-1)
    is_usual = (offset <= distance).sum(axis=1) > RARE * len(points)
    chosen: list[int] = []
    room = np.where(is_usual, np.inf, 0.0)
    while len(chosen) < LANDMARKS and len(points) and room.max() > distance:
        chosen.append(int(room.argmax()))
        room = np.minimum(room, np.where(is_usual, offset[chosen[-1]], 0.0))
    return points[chosen]
