"""ObjectValues: the values of each object, in which effects of moves are compared."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from dfplan.representation.objects import Objects

Values = Sequence[Float[np.ndarray, "*b D"]]
"""Goal dimensions of each object."""
Change = tuple[int, ...]
"""Numbers of the objects that a move changes."""


@dataclasses.dataclass(frozen=True, eq=False)
class ObjectValues:
    """Divides goals into the values of objects.

    Attributes:
        objects: Objects of the task.
        scale: `[G]` factors that make distances in the goal's dimensions comparable.
    """

    objects: Objects
    scale: Float[np.ndarray, "G"]

    def split(self, states: Float[np.ndarray, "*b G"]) -> list[Float[np.ndarray, "*b D"]]:
        """Return the values of each object, scaled so that distances are comparable."""
        scaled = np.asarray(states, np.float32) * self.scale
        return [scaled[..., list(places)] for places in self.objects.places]

    def join(self, values: Values) -> Float[np.ndarray, "G"]:
        """Return the goal's dimensions from the values of all objects; the inverse of `split`."""
        goal = np.zeros(len(self.scale), np.float32)
        for places, value in zip(self.objects.places, values, strict=True):
            goal[list(places)] = value
        return goal / self.scale

    def group(self, number: int) -> list[int]:
        """Return an object and those that are alike."""
        return sorted([number, *self.objects.alike(number)])


def is_near(value: Float[np.ndarray, "F"], known: Float[np.ndarray, "N F"], radius: float) -> bool:
    """Return whether a value is within the radius of any of the known ones."""
    return bool((((known - value) ** 2).sum(axis=-1) <= radius**2).any())
