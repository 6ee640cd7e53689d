"""Rest: the values at which objects come to rest, and which objects jump between them."""

import dataclasses
import functools

import numpy as np
from jaxtyping import Float

from dfplan.planner.subgoals.object_values import ObjectValues, is_near
from dfplan.planner.subgoals.observed_moves import RARE, ObservedMoves

LEVELS = 4
"""Largest number of levels of a dimension, such as heights in a stack, in bins a radius wide."""


@dataclasses.dataclass(frozen=True, eq=False)
class Rest:
    """Where objects rest in the data.

    Attributes:
        moves: Moves of the dataset.
        values: Values of the objects.
        radius: Distance up to which values count as equal.
    """

    moves: ObservedMoves
    values: ObjectValues
    radius: float

    @functools.cached_property
    def levels(self) -> list[np.ndarray]:
        """Indices of each object's values that take few levels where the object rests."""
        return [
            np.array([d for d in range(rest.shape[1]) if self._has_levels(rest[:, d])], int)
            for rest in self._resting
        ]

    def _has_levels(self, rest: Float[np.ndarray, "N"]) -> bool:
        _, count = np.unique(np.round(rest / self.radius), return_counts=True)
        return (count >= RARE * count.sum()).sum() <= LEVELS

    @functools.cached_property
    def _resting(self) -> list[Float[np.ndarray, "N D"]]:
        """Values of each object, and of those that are alike, after they were moved."""
        after = self.values.split(np.asarray(self.moves.after))
        changes = np.asarray(self.moves.changes)
        return [
            np.concatenate([after[k][changes[:, k]] for k in self.values.group(number)])
            for number in range(len(after))
        ]

    def is_settled(self, number: int, value: Float[np.ndarray, "D"]) -> bool:
        """Return whether an object is at a level at which objects rest."""
        levels = self.levels[number]
        rest = self._resting[number][:, levels]
        return not len(rest) or is_near(value[levels], rest, self.radius)

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
        during = self.values.split(np.asarray(self.moves.during))
        after = self.values.split(np.asarray(self.moves.after))
        changes = np.asarray(self.moves.changes).T
        jumps = []
        for values, last, is_changed in zip(during, after, changes, strict=True):
            ends = np.stack([values[is_changed, 0], last[is_changed]], axis=1)
            offset = np.linalg.norm(values[is_changed, :, None] - ends[:, None], axis=-1).min(-1)
            jumps.append(len(offset) > 0 and bool((offset <= self.radius).mean() > 1 - RARE))
        return jumps
