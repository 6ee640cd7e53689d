"""The cosine schedule."""

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Float

from dfplan.diffusion.schedules.schedule import MAX_LOG_SNR
from dfplan.types import Array, UserError


@dataclasses.dataclass(frozen=True)
class Cosine:
    """`alpha = cos(pi level / 2)` (Nichol and Dhariwal 2021), with its log-SNR moved by `shift`.

    Attributes:
        shift: Nats added to the log-SNR (Hoogeboom et al. 2023, section 3.1); positive values make
            the middle levels cleaner.

    Raises:
        UserError: If the shift is out of range.
    """

    shift: float = 0.0

    def __post_init__(self):
        if not abs(self.shift) <= MAX_LOG_SNR:
            raise UserError(
                f"cosine schedule's shift must be within +-{MAX_LOG_SNR:g} nats, got {self.shift}"
            )

    def alpha_sigma(self, level: Float[Array, "*b"]) -> tuple[Array, Array]:
        """See `Schedule`."""
        level = jnp.asarray(level, jnp.float32)
        # In floating point cos(pi/2) is not zero; the sine of the complementary angle is.
        alpha = jnp.sin(jnp.pi / 2 * (1 - level))
        sigma = jnp.sin(jnp.pi / 2 * level) * jnp.exp(jnp.float32(-self.shift / 2))
        norm = jax.lax.rsqrt(alpha**2 + sigma**2)
        return jnp.where(level <= 0, 1.0, alpha * norm), jnp.where(level >= 1, 1.0, sigma * norm)
