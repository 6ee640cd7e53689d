"""Progress: where robots are on their plans, and where they will be."""

from types import ModuleType

import numpy as np
from jaxtyping import Float, Int

from dfplan.representation.normalizer import Normalizer
from dfplan.representation.tokens import TokenLayout
from dfplan.types import Array, ArrayLike

PACE = 5
"""A robot is at most so many times as fast as its plan: it is looked for no further ahead."""


class PlanProgress:
    """Compares robots with their plans by place: a tracker is free to drive a plan faster.

    Places are the state's dimensions that are not zero at rest (`data.rest_dims`).

    Args:
        layout: of tokens.
        states: normaliser.
        xp: `numpy`, or `jax.numpy` for what JAX compiles.
    """

    def __init__(self, layout: TokenLayout, states: Normalizer, xp: ModuleType = np):
        self._xp, self.stride, self._std = xp, layout.stride, xp.asarray(states.std)
        self._rates = list(layout.rest_dims)
        self._places = np.array([d for d in range(layout.state_dim) if d not in layout.rest_dims])

    def way(self, states: Float[ArrayLike, "B T S"]) -> Float[Array, "B L S"]:
        """Plans at every control step, on straight lines between tokens: L = (T-1) stride + 1."""
        xp = self._xp
        share = xp.arange(1, self.stride + 1, dtype=states.dtype)[:, None] / self.stride
        begin, end = states[:, :-1, None], states[:, 1:, None]
        steps = (begin + share * (end - begin)).reshape(len(states), -1, states.shape[-1])
        return xp.concatenate([states[:, :1], steps], axis=1)

    def locate(
        self,
        way: Float[ArrayLike, "B L S"],
        elapsed: Int[ArrayLike, "B"],
        state: Float[ArrayLike, "B S"],
    ) -> tuple[Int[Array, "B"], Float[Array, "B"]]:
        """The control step of its plan that each robot is nearest to, and how far it is away.

        Args:
            way: the plans at every control step.
            elapsed: control steps since they began.
            state: the present, SI units.

        Returns:
            Steps, and distances: root mean square over places, in standard deviations of the data.
        """
        xp = self._xp
        gap = (way - state[:, None])[..., self._places] / self._std[self._places]
        away = xp.sqrt((gap**2).mean(axis=-1))
        beyond = xp.arange(way.shape[1]) > PACE * xp.maximum(elapsed, 1)[:, None]
        away = xp.where(beyond, xp.inf, away)
        return away.argmin(axis=1), away.min(axis=1)

    def ahead(
        self,
        states: Float[np.ndarray, "B T S"],
        elapsed: Int[np.ndarray, "B"],
        state: Float[np.ndarray, "B S"],
        steps: int,
    ) -> Float[np.ndarray, "B steps S"]:
        """States that are expected at the next control steps, on the plan, at the pace so far.

        Rates change with the pace. In NumPy.
        """
        way = self.way(states)
        at, _ = self.locate(way, elapsed, state)
        pace = np.where(elapsed > 0, at / np.maximum(elapsed, 1), 1.0)[:, None]
        step = np.round(at[:, None] + pace * np.arange(1, steps + 1)).astype(int)
        found = np.asarray(way)[np.arange(len(at))[:, None], np.minimum(step, way.shape[1] - 1)]
        found[..., self._rates] *= pace[..., None]
        return found
