"""The schedule of DDPM, in continuous time."""

import dataclasses
import math

import jax.numpy as jnp
from jaxtyping import Float

from dfplan.diffusion.schedules.schedule import refine_complements
from dfplan.types import Array, UserError

MIN_BETA_MAX = 0.01
MAX_BETA_MAX = 160.0
"""Range of beta_max; outside it, float32 cannot distinguish alpha from its end."""


@dataclasses.dataclass(frozen=True)
class LinearBeta:
    """Linearly rising beta (Ho et al. 2020), in continuous time (Song et al. 2021, appendix B).

    alpha is rescaled so that it is zero at level 1.

    Attributes:
        beta_min: Noise rate at level 0.
        beta_max: Noise rate at level 1.

    Raises:
        UserError: If the rates are out of range.
    """

    beta_min: float = 0.1
    beta_max: float = 20.0

    def __post_init__(self):
        in_order = 0 < self.beta_min <= self.beta_max
        if not (in_order and MIN_BETA_MAX <= self.beta_max <= MAX_BETA_MAX):
            raise UserError(
                f"linear_beta schedule needs 0 < beta_min <= beta_max and beta_max in "
                f"[{MIN_BETA_MAX:g}, {MAX_BETA_MAX:g}], got {self.beta_min}, {self.beta_max}"
            )

    def alpha_sigma(self, level: Float[Array, "*b"]) -> tuple[Array, Array]:
        """See `Schedule`."""
        level = jnp.asarray(level, jnp.float32)
        # With I the integral of beta, exp(-I / 2) is alpha before it is rescaled.
        rise = self.beta_max - self.beta_min
        integral_so_far = level * (self.beta_min + 0.5 * rise * level)
        integral_to_end = (1 - level) * (self.beta_min + 0.5 * rise * (1 + level))
        last_alpha = math.exp(-0.25 * (self.beta_min + self.beta_max))
        one_minus_alpha, alpha = refine_complements(
            -jnp.expm1(-0.5 * integral_so_far) / (1 - last_alpha),
            last_alpha * jnp.expm1(0.5 * integral_to_end) / (1 - last_alpha),
        )
        return alpha, jnp.sqrt(one_minus_alpha * (1 + alpha))
