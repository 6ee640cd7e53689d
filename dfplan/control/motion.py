"""Motion: how robots are expected to move, by the linear dynamics of the data."""

from types import ModuleType
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from dfplan.control.estimator import AffineMap
from dfplan.control.linear_dynamics import LinearDynamics
from dfplan.planner.plan import Weights
from dfplan.types import XpArray


class Motion(NamedTuple):
    """Linear dynamics in SI units.

    Attributes:
        dynamics: Dynamics fitted to the data, normalized units.
        states: Normalization of states.
        actions: Normalization of actions.
    """

    dynamics: LinearDynamics
    states: AffineMap
    actions: AffineMap

    @classmethod
    def create(cls, dynamics: LinearDynamics, weights: Weights) -> "Motion":
        """Return the motion of robots that a planner was trained for."""
        return cls(dynamics, AffineMap.of(weights.states), AffineMap.of(weights.actions))

    def step(
        self, state: Float[XpArray, "B S"], action: Float[XpArray, "B A"], xp: ModuleType = np
    ) -> Float[XpArray, "B S"]:
        """Return the states that are expected a control step after these.

        Args:
            state: States, SI units.
            action: Actions, SI units.
            xp: `numpy` or `jax.numpy`.
        """
        following = self.dynamics.step(self.states.encode(state), self.actions.encode(action), xp)
        return self.states.decode(following).astype(xp.float32)
