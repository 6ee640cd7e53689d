"""ShownCost: a cost of plans, evaluated on plans that show some objects only."""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from dfplan.representation.objects import View
from dfplan.types import Array, Cost


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class ShownCost:
    """The cost of the states that views show. A `Cost`.

    Attributes:
        cost: Cost of whole states.
        place: `[B, S]` dimension of each robot's view that shows each dimension; -1 for none.
        hidden: `[B, S]` values of the dimensions that are not shown.
        goal: `[B, G]` goals that the cost is given.
    """

    cost: Cost
    place: Int[Array, "B S"]
    hidden: Float[Array, "B S"]
    goal: Float[Array, "B G"]

    @classmethod
    def of(
        cls,
        cost: Cost,
        views: Sequence[View],
        hidden: Float[np.ndarray, "B S"],
        goal: Float[np.ndarray, "B G"],
    ) -> "ShownCost":
        """Return the cost of what each robot's view shows; see the attributes."""
        place = np.full(hidden.shape, -1, np.int32)
        for row, view in zip(place, views, strict=True):
            shown = np.flatnonzero(view.source >= 0)
            row[view.source[shown]] = shown
        return cls(cost, jnp.asarray(place), jnp.asarray(hidden), jnp.asarray(goal))

    def __call__(
        self, states: Float[Array, "N T S"], goal: Float[Array, "N G"] | None
    ) -> Float[Array, "N"]:
        """Return the costs of plans, of which each robot has the same number, one after another."""
        count = len(states) // len(self.place)
        place = jnp.repeat(self.place, count, axis=0)[:, None]
        hidden = jnp.repeat(self.hidden, count, axis=0)[:, None]
        shown = jnp.take_along_axis(states, jnp.maximum(place, 0), axis=-1)
        whole = jnp.where(place >= 0, shown, hidden)
        return self.cost(whole, jnp.repeat(self.goal, count, axis=0))
