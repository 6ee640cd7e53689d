"""The sigmoid schedule."""

import dataclasses
import math

import jax.numpy as jnp
from jaxtyping import Float

from dfplan.diffusion.schedules.schedule import refine_complements
from dfplan.types import Array, UserError

MAX_WIDTH = 80.0
MIN_WIDTH = 1e-3
"""Longest and shortest interval of the sigmoid, in units of tau; float32 overflows in a longer one
and does not resolve a shorter one."""
MIN_TAU = 1e-6


@dataclasses.dataclass(frozen=True)
class Sigmoid:
    """`alpha**2` falls along a sigmoid (Jabri et al. 2022); default of the Diffusion Forcing code.

    `alpha**2 = (S(end) - S(x)) / (S(end) - S(start))`, where S is the logistic function of x / tau
    and x goes from start to end.

    Attributes:
        start: Point on the sigmoid at level 0.
        end: Point on the sigmoid at level 1.
        tau: Width of the sigmoid.

    Raises:
        UserError: If the values are out of range.
    """

    start: float = -3.0
    end: float = 3.0
    tau: float = 1.0

    def __post_init__(self):
        limit = MAX_WIDTH * self.tau
        ends = -limit <= self.start and self.end <= limit
        width = self.end - self.start
        if not (self.tau >= MIN_TAU and ends and MIN_WIDTH * self.tau <= width <= limit):
            raise UserError(
                f"sigmoid schedule needs tau of at least {MIN_TAU:g}, start and end within "
                f"+-{MAX_WIDTH:g} tau, and {MIN_WIDTH:g} to {MAX_WIDTH:g} tau between them; got "
                f"start {self.start}, end {self.end}, tau {self.tau}"
            )

    def alpha_sigma(self, level: Float[Array, "*b"]) -> tuple[Array, Array]:
        """See `Schedule`."""
        level = jnp.asarray(level, jnp.float32)
        start = 0.5 * self.start / self.tau
        end = 0.5 * self.end / self.tau
        width = end - start
        x = start + level * width
        # S(a) - S(b) = sinh((a - b) / 2) / (2 cosh(a / 2) cosh(b / 2)), which does not cancel.
        scale = jnp.cosh(x) * math.sinh(width)
        noise, signal = refine_complements(
            jnp.sinh(level * width) * math.cosh(end) / scale,
            jnp.sinh((1 - level) * width) * math.cosh(start) / scale,
        )
        return jnp.sqrt(signal), jnp.sqrt(noise)
