"""Effects: which moves are possible, and where they lead, learned from the moves of the data.

A move counts as possible if the data hold a similar one: the objects that it changes had about the
same values, before and after, and so had each of the other objects, one at a time. Objects that are
alike are compared by the offset to the nearest one instead of by their values, since they may be
anywhere. So no cube is put where another one is, or into the air. An object that has not come to
rest, such as a cube in the gripper, has to be moved before any other.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import scipy.spatial
from jaxtyping import Float

from dfplan.planner.subgoals.observed_moves import ObservedMoves
from dfplan.representation.objects import Objects

RADIUS = 1.25
"""`Effects.radius` in tolerances of the goal."""
CONTEXT = 0.5
"""Weight of aspects with an object that stays where it is, since its exact place seldom matters."""
TOUCH = 2.0
"""Weight of the offset to the nearest object; above 1, as objects that touch are close."""
NEAR = 4.0
"""Largest offset to another object that matters, as a multiple of `Effects.radius`."""
LEVELS = 4
"""Largest number of levels of a dimension, such as heights in a stack, in bins a radius wide."""
RARE = 0.02
"""Share of moves below which a combination of changed objects counts as an accident."""
SIMILAR = 10
"""Largest number of similar moves whose outcomes are tried."""
LANDMARKS = 12
"""Largest number of landmarks, places in the data where the search may put an object aside."""

Values = Sequence[Float[np.ndarray, "*b D"]]
"""Goal dimensions of each object."""
Change = tuple[int, ...]
"""Numbers of the objects that a move changes."""


@dataclasses.dataclass(frozen=True, eq=False)
class Kind:
    """Moves that change the same objects, or objects that are alike.

    Attributes:
        before: Features of the states before the end of each move, by aspect.
        after: Features of the states after each move, by aspect; see `Effects.aspects`.
        first: `[N, D]` values of the objects before each move.
        last: `[N, D]` values of the objects after each move.
        landmarks: `[L, D]` frequent ones of these, far from each other.
    """

    before: Mapping[str, Float[np.ndarray, "_ F"]]
    after: Mapping[str, Float[np.ndarray, "N F"]]
    first: Float[np.ndarray, "N D"]
    last: Float[np.ndarray, "N D"]
    landmarks: Float[np.ndarray, "L D"]


@dataclasses.dataclass(frozen=True, eq=False)
class Effects:
    """Effects of the moves of a dataset.

    Attributes:
        moves: Moves of the dataset.
        radius: Distance up to which values count as equal, in the units of `split`.
    """

    moves: ObservedMoves
    radius: float

    @functools.cached_property
    def objects(self) -> Objects:
        """Objects of the task."""
        return self.moves.objects

    def split(self, states: Float[np.ndarray, "*b G"]) -> list[Float[np.ndarray, "*b D"]]:
        """Return the values of each object, scaled so that distances are comparable."""
        scaled = np.asarray(states, np.float32) * self._scale
        return [scaled[..., list(places)] for places in self.objects.places]

    def join(self, values: Values) -> Float[np.ndarray, "G"]:
        """Return the goal's dimensions from the values of all objects; the inverse of `split`."""
        goal = np.zeros(len(self._scale), np.float32)
        for places, value in zip(self.objects.places, values, strict=True):
            goal[list(places)] = value
        return goal / self._scale

    @functools.cached_property
    def _scale(self) -> Float[np.ndarray, "G"]:
        return np.asarray(self.moves.scale, np.float32)

    @functools.cached_property
    def kinds(self) -> dict[Change, Kind]:
        """The kinds of moves, by what they change."""
        patterns, count = np.unique(self.moves.changes, axis=0, return_counts=True)
        common = patterns[count >= RARE * count.sum()]
        changes = [tuple(np.flatnonzero(pattern).tolist()) for pattern in common]
        kinds: dict[Change, Kind] = {}
        for change in changes:
            if len(change) > 1:
                kinds[change] = self._make_kind([change])
            elif change not in kinds:
                alike: list[Change] = [(number,) for number in self._group(*change)]
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
            during = np.asarray(self.moves.during)[rows]
            final = np.asarray(self.moves.after)[rows]
            before.append(self._all_features(during.reshape(-1, final.shape[1]), change))
            after.append(self._all_features(final, change))
            first.append(_own(self.split(during[:, 0]), change))
            last.append(_own(self.split(final), change))
        values = np.concatenate(last)
        return Kind(
            before=_pool(before),
            after=_pool(after),
            first=np.concatenate(first),
            last=values,
            landmarks=_spread_out(values, 2 * self.radius),
        )

    def _all_features(
        self, states: Float[np.ndarray, "N G"], change: Change
    ) -> dict[str, Float[np.ndarray, "N F"]]:
        values = self.split(states)
        return {
            aspect: self.features(aspect, [values[k] for k in objects], change)
            for aspect, objects in self.aspects(change).items()
        }

    def _rows(self, change: Change) -> np.ndarray:
        """Return which moves change these objects and no others."""
        pattern = np.zeros(self.moves.changes.shape[1], bool)
        pattern[list(change)] = True
        return (np.asarray(self.moves.changes) == pattern).all(axis=1)

    def aspects(self, change: Change) -> dict[str, tuple[int, ...]]:
        """Return the aspects by which the states before and after a move are compared, by name.

        Aspects are the objects that the move changes, each object that it leaves where it is
        together with these, and the nearest object that is alike.

        Args:
            change: Objects that the move changes.

        Returns:
            The objects whose values decide each aspect.
        """
        alike = self.objects.alike(change[0]) if len(change) == 1 else []
        aspects = {"own": change}
        if alike:
            aspects["nearest"] = (change[0], *alike)
        for number in range(len(self.objects.dims)):
            if number not in change and number not in alike:
                aspects[f"object {number}"] = (*change, number)
        return aspects

    def features(self, aspect: str, values: Values, change: Change) -> Float[np.ndarray, "*b F"]:
        """Return the numbers by which states are compared in one aspect of a move.

        Args:
            aspect: Name of the aspect.
            values: Values of the objects that decide it.
            change: Objects that the move changes.
        """
        own = np.concatenate(values[: len(change)], axis=-1)
        if aspect == "own":
            is_free = len(change) == 1 and self.objects.alike(change[0])
            return np.delete(own, self.levels[change[0]], axis=-1) if is_free else own
        if aspect == "nearest":
            offset = self._nearest_offset(values)
            return np.concatenate([own[..., self.levels[change[0]]], TOUCH * offset], axis=-1)
        return CONTEXT * np.concatenate(values, axis=-1)

    def _nearest_offset(self, values: Values) -> Float[np.ndarray, "*b D"]:
        """Return the offset from the first object to the nearest other one, up to a limit."""
        offsets = np.stack([value - values[0] for value in values[1:]])
        nearest = np.linalg.norm(offsets, axis=-1).argmin(axis=0)
        offset = np.take_along_axis(offsets, nearest[None, ..., None], axis=0)[0]
        return offset.clip(-NEAR * self.radius, NEAR * self.radius)

    @functools.cached_property
    def levels(self) -> list[np.ndarray]:
        """Indices of each object's values that take few levels where the object rests."""
        return [
            np.array([d for d in range(rest.shape[1]) if self._has_levels(rest[:, d])], int)
            for rest in self.resting
        ]

    def _has_levels(self, rest: Float[np.ndarray, "N"]) -> bool:
        _, count = np.unique(np.round(rest / self.radius), return_counts=True)
        return (count >= RARE * count.sum()).sum() <= LEVELS

    @functools.cached_property
    def resting(self) -> list[Float[np.ndarray, "N D"]]:
        """Values of each object, and of those that are alike, after they were moved."""
        after = self.split(np.asarray(self.moves.after))
        changes = np.asarray(self.moves.changes)
        return [
            np.concatenate([after[k][changes[:, k]] for k in self._group(number)])
            for number in range(len(after))
        ]

    def is_settled(self, number: int, value: Float[np.ndarray, "D"]) -> bool:
        """Return whether an object is at a level at which objects rest."""
        levels = self.levels[number]
        rest = self.resting[number][:, levels]
        return not len(rest) or _is_near(value[levels], rest, self.radius)

    def has_switched(self, number: int, value: Float[np.ndarray, "D"]) -> bool:
        """Return whether an object jumps between values, such as a light, and has one of them.

        It is then at rest, even if it changed a moment ago. A drawer that changed a moment ago may
        still be sliding.
        """
        return self.jumps[number] and self.is_settled(number, value)

    @functools.cached_property
    def jumps(self) -> list[bool]:
        """Whether each object jumps: its moves show it only where it was or where it ends.

        The values at which objects rest do not tell lights from drawers, which stop anywhere now
        and then.
        """
        during = self.split(np.asarray(self.moves.during))
        after = self.split(np.asarray(self.moves.after))
        changes = np.asarray(self.moves.changes).T
        jumps = []
        for values, last, is_changed in zip(during, after, changes, strict=True):
            ends = np.stack([values[is_changed, 0], last[is_changed]], axis=1)
            offset = np.linalg.norm(values[is_changed, :, None] - ends[:, None], axis=-1).min(-1)
            jumps.append(len(offset) > 0 and bool((offset <= self.radius).mean() > 1 - RARE))
        return jumps

    def outcomes(
        self, change: Change, values: Values, goal: Values
    ) -> Iterator[Float[np.ndarray, "D"]]:
        """Yield the possible values of the changed objects after a move.

        A single object may go to its goal or to a landmark. Several objects take the values that
        they had after the most similar moves of the data.

        Args:
            change: Objects that the move changes.
            values: Their values before the move.
            goal: Goals of all objects.
        """
        if len(change) == 1:
            yield goal[change[0]]
            yield from self.kinds[change].landmarks
        else:
            yield from self._cached_outcomes(change, np.concatenate(values).tobytes())

    def is_known(self, change: Change, side: str, aspect: str, values: Values) -> bool:
        """Return whether the data hold such a move in a similar state.

        Args:
            change: Objects that it changes.
            side: "before" or "after" the move.
            aspect: One of the move's aspects.
            values: Values of the objects that decide it.
        """
        key = tuple([value.tobytes() for value in values])
        return self._cached_is_known(change, side, aspect, key)

    # Searches for different goals and from different states ask the same questions, above all where
    # values are discrete, such as those of lights. The answers are dropped with the effects.

    @functools.cached_property
    def _cached_is_known(self) -> Callable[[Change, str, str, tuple[bytes, ...]], bool]:
        return functools.lru_cache(maxsize=100_000)(functools.partial(_is_known, self))

    @functools.cached_property
    def _cached_outcomes(self) -> Callable[[Change, bytes], list[Float[np.ndarray, "D"]]]:
        return functools.lru_cache(maxsize=10_000)(functools.partial(_observed_outcomes, self))


def _is_known(
    effects: Effects, change: Change, side: str, aspect: str, values: tuple[bytes, ...]
) -> bool:
    """Return the answer of `Effects.is_known`; takes the bytes of the float32 values."""
    known = getattr(effects.kinds[change], side)[aspect]
    arrays = [np.frombuffer(value, np.float32) for value in values]
    return _is_near(effects.features(aspect, arrays, change), known, effects.radius)


def _observed_outcomes(
    effects: Effects, change: Change, before: bytes
) -> list[Float[np.ndarray, "D"]]:
    """Return the distinct values of objects after the most similar moves of the data.

    Args:
        effects: Effects of moves.
        change: Objects that the move changes.
        before: Bytes of their float32 values before the move.
    """
    kind = effects.kinds[change]
    distance = np.linalg.norm(kind.first - np.frombuffer(before, np.float32), axis=-1)
    similar = distance.argsort()[:SIMILAR]
    similar = similar[distance[similar] <= 2 * effects.radius]
    outcomes, first = np.unique(kind.last[similar], axis=0, return_index=True)
    return list(outcomes[first.argsort()])


def _own(values: Values, change: Change) -> Float[np.ndarray, "*b D"]:
    return np.concatenate([values[number] for number in change], axis=-1)


def _pool(features: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([f[name] for f in features]) for name in features[0]}


def _is_near(value: Float[np.ndarray, "F"], known: Float[np.ndarray, "N F"], radius: float) -> bool:
    return bool((((known - value) ** 2).sum(axis=-1) <= radius**2).any())


def _spread_out(points: Float[np.ndarray, "N D"], distance: float) -> Float[np.ndarray, "L D"]:
    """Return frequent points at least this far apart: the most frequent one, then the farthest.

    A point is frequent if enough others are near.
    """
    tree = scipy.spatial.KDTree(points)
    neighbors = tree.query_ball_point(points, distance / 4, return_length=True)
    is_frequent = tree.query_ball_point(points, distance / 2, return_length=True) > max(
        RARE * len(points), 1
    )
    chosen = [int(neighbors.argmax())]
    room = np.where(is_frequent, np.linalg.norm(points - points[chosen[0]], axis=-1), 0.0)
    while len(chosen) < LANDMARKS and room.max() > distance:
        chosen.append(int(room.argmax()))
        room = np.minimum(room, np.linalg.norm(points - points[chosen[-1]], axis=-1))
    return points[chosen]
