"""What all solvers share: clipping, temperature, and tokens that keep their level."""

import abc
import dataclasses
import math

import jax
import jax.numpy as jnp
from jaxtyping import Float

from dfplan.diffusion.schedules import Schedule
from dfplan.types import Array, PyTree, UserError

TINY = 1e-6
"""Lower bound of divisors."""

AlphaSigma = tuple[Array, Array]


@dataclasses.dataclass(frozen=True)
class SolverBase(abc.ABC):
    """A `Solver` without its update rule.

    Attributes:
        clip: Bound on the features of clean estimates, in normalized units; None for no bound.
        temperature: Standard deviation of the noise that a step draws.

    Raises:
        UserError: If a value is out of range.
    """

    clip: float | None = dataclasses.field(default=None, kw_only=True)
    temperature: float = dataclasses.field(default=1.0, kw_only=True)

    def __post_init__(self):
        if self.clip is not None and not self.clip > 0:
            raise UserError(f"solver's clip must be above 0, got {self.clip}")
        if not 0 <= self.temperature < math.inf:
            raise UserError(
                f"solver's temperature must be a finite number of at least 0, "
                f"got {self.temperature}"
            )

    @property
    @abc.abstractmethod
    def needs_noise(self) -> bool:
        """See `Solver`."""

    @abc.abstractmethod
    def update(
        self,
        x: Float[Array, "B T D"],
        x0: Float[Array, "B T D"],
        state: PyTree,
        start: AlphaSigma,
        end: AlphaSigma,
        noise: Float[Array, "B T D"] | None,
    ) -> tuple[Float[Array, "B T D"], PyTree]:
        """Return the tokens at the next level and the new state.

        Args:
            x: Tokens at the current level.
            x0: Clean estimates, clipped.
            state: State after the previous step.
            start: alpha and sigma at the current level, `[B, T]` each.
            end: alpha and sigma at the next level.
            noise: Noise at the solver's temperature, or None.
        """

    def init_state(self, x: Float[Array, "B T D"]) -> PyTree:
        """See `Solver`; a one-step method has no state."""
        return ()

    def step(
        self,
        schedule: Schedule,
        x: Float[Array, "B T D"],
        x0: Float[Array, "B T D"],
        state: PyTree,
        level_from: Float[Array, "B T"],
        level_to: Float[Array, "B T"],
        noise: Float[Array, "B T D"] | None = None,
    ) -> tuple[Float[Array, "B T D"], PyTree]:
        """See `Solver`."""
        if self.clip is not None:
            x0 = jnp.clip(x0, -self.clip, self.clip)
        start = schedule.alpha_sigma(level_from)
        end = schedule.alpha_sigma(level_to)
        noise = None if noise is None else self.temperature * noise
        new_x, new_state = self.update(x, x0, state, start=start, end=end, noise=noise)
        moves = level_to != level_from
        new_state = jax.tree.map(lambda new, old: _where(moves, new, old), new_state, state)
        return _where(moves, new_x, x), new_state


def columns(alpha_sigma: AlphaSigma) -> AlphaSigma:
    """Return alpha and sigma as `[B, T, 1]`, which broadcast over features."""
    alpha, sigma = alpha_sigma
    return alpha[..., None], sigma[..., None]


def _where(mask: Array, a: Array, b: Array) -> Array:
    return jnp.where(mask.reshape(mask.shape + (1,) * (a.ndim - mask.ndim)), a, b)
