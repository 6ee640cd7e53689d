"""Kinds of moves: the moves of the data that change the same objects, or objects that are alike."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from dfplan.planner.subgoals.aspects import Aspects
from dfplan.planner.subgoals.landmarks import find_landmarks
from dfplan.planner.subgoals.object_values import Change, ObjectValues, Values
from dfplan.planner.subgoals.observed_moves import RARE, ObservedMoves


@dataclasses.dataclass(frozen=True, eq=False)
class Kind:
    """Moves of one kind.

    Attributes:
        before: Features of the states before the end of each move, by aspect; see `Aspects`.
        after: Features of the states after each move, by aspect.
        first: `[N, D]` values of the objects before each move.
        last: `[N, D]` values of the objects after each move.
        landmarks: `[L, D]` frequent values among `last`, far from each other.
    """

    before: Mapping[str, Float[np.ndarray, "_ F"]]
    after: Mapping[str, Float[np.ndarray, "N F"]]
    first: Float[np.ndarray, "N D"]
    last: Float[np.ndarray, "N D"]
    landmarks: Float[np.ndarray, "L D"]


def find_kinds(moves: ObservedMoves, values: ObjectValues, aspects: Aspects) -> dict[Change, Kind]:
    """Return the kinds of moves, by the objects that they change; rare changes are left out.

    Args:
        moves: Moves of the dataset.
        values: Values of the objects.
        aspects: Aspects by which states are compared.
    """
    patterns, count = np.unique(moves.changes, axis=0, return_counts=True)
    common = patterns[count >= RARE * count.sum()]
    changes = [tuple(np.flatnonzero(pattern).tolist()) for pattern in common]
    kinds: dict[Change, Kind] = {}
    for change in changes:
        if len(change) > 1:
            kinds[change] = _make_kind(moves, values, aspects, changes=[change])
        elif change not in kinds:
            alike: list[Change] = [(number,) for number in values.group(*change)]
            kinds |= dict.fromkeys(alike, _make_kind(moves, values, aspects, changes=alike))
    return kinds


def _make_kind(
    moves: ObservedMoves, values: ObjectValues, aspects: Aspects, *, changes: list[Change]
) -> Kind:
    """Return the moves that make one of these changes."""
    before = []
    after = []
    first = []
    last = []
    for change in changes:
        rows = _rows(moves, change)
        during = np.asarray(moves.during)[rows]
        final = np.asarray(moves.after)[rows]
        any_during = values.split(during.reshape(-1, final.shape[1]))
        before.append(_features(aspects, any_during, change))
        after.append(_features(aspects, values.split(final), change))
        first.append(_own(values.split(during[:, 0]), change))
        last.append(_own(values.split(final), change))
    ends = np.concatenate(last)
    return Kind(
        before=_pool(before),
        after=_pool(after),
        first=np.concatenate(first),
        last=ends,
        landmarks=find_landmarks(ends, 2 * aspects.radius),
    )


def _rows(moves: ObservedMoves, change: Change) -> np.ndarray:
    """Return which moves change these objects and no others."""
    pattern = np.zeros(moves.changes.shape[1], bool)
    pattern[list(change)] = True
    return (np.asarray(moves.changes) == pattern).all(axis=1)


def _features(
    aspects: Aspects, values: Values, change: Change
) -> dict[str, Float[np.ndarray, "N F"]]:
    """Return the features of states in every aspect of a move."""
    return {
        aspect: aspects.features(aspect, [values[k] for k in objects], change)
        for aspect, objects in aspects.of(change).items()
    }


def _own(values: Values, change: Change) -> Float[np.ndarray, "*b D"]:
    return np.concatenate([values[number] for number in change], axis=-1)


def _pool(features: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([f[name] for f in features]) for name in features[0]}
