"""Aspects: the features by which states before and after a move are compared with the data.

Objects that are alike are compared by the offset to the nearest one instead of by their values,
since they may be anywhere. This keeps the search from putting a cube where another one is, or into
the air.
"""

import dataclasses

import numpy as np
from jaxtyping import Float

from dfplan.planner.subgoals.object_values import Change, Values
from dfplan.representation.objects import Objects

CONTEXT = 0.5
"""Weight of aspects with an object that stays where it is, since its exact place seldom matters."""
TOUCH = 2.0
"""Weight of the offset to the nearest object; above 1, as objects that touch are close."""
NEAR = 4.0
"""Largest offset to another object that matters, as a multiple of `Aspects.radius`."""


@dataclasses.dataclass(frozen=True, eq=False)
class Aspects:
    """Features of states, by aspect.

    Aspects are the objects that a move changes ("own"), the nearest object that is alike
    ("nearest"), and each other object together with those that the move changes ("object k").

    Attributes:
        objects: Objects of the task.
        levels: Indices of each object's values that take few levels, see `Rest.levels`.
        radius: Distance up to which features count as equal.
    """

    objects: Objects
    levels: list[np.ndarray]
    radius: float

    def of(self, change: Change) -> dict[str, tuple[int, ...]]:
        """Return the objects whose values decide each aspect of a move, by the aspect's name.

        Args:
            change: Objects that the move changes.
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
