"""PlanProgress: where robots are on their plans."""

from types import ModuleType

import numpy as np
from jaxtyping import Float, Int

from dfplan.planner.interpolation import interpolate
from dfplan.representation.normalizer import Normalizer
from dfplan.representation.tokens import TokenLayout
from dfplan.types import Array, ArrayLike

MAX_SPEEDUP = 5
"""Bound on the search along a plan: a robot is at most this many times as fast as its plan."""


class PlanProgress:
    """Locates robots on their plans by position, as a tracker may drive a plan faster than planned.

    Positions are the planned state dimensions that are not zero at rest (see `data.rest_dims`).

    Args:
        layout: Token layout.
        states: Normalizer of states.
        xp: Array library: `numpy`, or `jax.numpy` in functions that JAX compiles.
    """

    def __init__(self, layout: TokenLayout, states: Normalizer, xp: ModuleType = np):
        self._xp = xp
        self.stride = layout.stride
        self._std = xp.asarray(states.std)
        self._positions = np.array([d for d in layout.planned_dims if d not in layout.rest_dims])

    def interpolate(self, states: Float[ArrayLike, "B T S"]) -> Float[Array, "B L S"]:
        """Return plans at every control step, see `dfplan.planner.interpolation.interpolate`."""
        return interpolate(states, self.stride, self._xp)

    def locate(
        self,
        path: Float[ArrayLike, "B L S"],
        elapsed: Int[ArrayLike, "B"],
        state: Float[ArrayLike, "B S"],
    ) -> tuple[Int[Array, "B"], Float[Array, "B"]]:
        """Return the control step of its plan that each robot is nearest to, and its distance.

        Distances are root mean squares over positions, in standard deviations of the data.

        Args:
            path: Plans at every control step.
            elapsed: Control steps since the plans began.
            state: Present states, SI units.
        """
        xp = self._xp
        offset = (path - state[:, None])[..., self._positions] / self._std[self._positions]
        distance = xp.sqrt((offset**2).mean(axis=-1))
        too_far_ahead = xp.arange(path.shape[1]) > MAX_SPEEDUP * xp.maximum(elapsed, 1)[:, None]
        distance = xp.where(too_far_ahead, xp.inf, distance)
        return distance.argmin(axis=1), distance.min(axis=1)
