"""Effects: which moves are possible, and where they lead, learned from the moves of the data.

A move counts as possible if the data hold a similar one: the objects that it changes had about the
same values, before and after, and so had each of the other objects, one at a time; see
`dfplan.planner.subgoals.aspects`. An object that has not come to rest, such as a cube in the
gripper, has to be moved before any other.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float

from dfplan.planner.subgoals.aspects import Aspects
from dfplan.planner.subgoals.kinds import Kind, find_kinds
from dfplan.planner.subgoals.object_values import Change, ObjectValues, Values, is_near
from dfplan.planner.subgoals.observed_moves import ObservedMoves
from dfplan.planner.subgoals.rest import Rest

RADIUS = 1.25
"""`Effects.radius` in tolerances of the goal."""
SIMILAR = 10
"""Largest number of similar moves whose outcomes are tried."""


@dataclasses.dataclass(frozen=True, eq=False)
class Effects:
    """Effects of the moves of a dataset.

    Attributes:
        moves: Moves of the dataset.
        radius: Distance up to which values of objects count as equal.
    """

    moves: ObservedMoves
    radius: float

    @functools.cached_property
    def values(self) -> ObjectValues:
        """Values of the objects."""
        return ObjectValues(self.moves.objects, np.asarray(self.moves.scale, np.float32))

    @functools.cached_property
    def rest(self) -> Rest:
        """Where objects rest."""
        return Rest(self.moves, self.values, self.radius)

    @functools.cached_property
    def aspects(self) -> Aspects:
        """Aspects by which states are compared."""
        return Aspects(self.moves.objects, self.rest.levels, self.radius)

    @functools.cached_property
    def kinds(self) -> dict[Change, Kind]:
        """The kinds of moves, by the objects that they change."""
        return find_kinds(self.moves, self.values, self.aspects)

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
    return is_near(effects.aspects.features(aspect, arrays, change), known, effects.radius)


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
