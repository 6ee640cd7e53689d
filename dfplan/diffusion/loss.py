"""Noising tokens, and the error of denoising them."""

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float

from dfplan.diffusion.schedules import Schedule
from dfplan.types import Array


def diffuse(
    key: Array, schedule: Schedule, clean: Float[Array, "B T D"], level: Float[Array, "B T"]
) -> tuple[Float[Array, "B T D"], Float[Array, "B T D"]]:
    """Return tokens noised to their levels, `x = alpha clean + sigma eps`, and the noise eps."""
    alpha, sigma = schedule.alpha_sigma(level)
    eps = jax.random.normal(key, clean.shape, clean.dtype)
    return alpha[..., None] * clean + sigma[..., None] * eps, eps


def masked_mse(
    output: Float[Array, "B T D"],
    target: Float[Array, "B T D"],
    weight: Float[Array, "B T"],
    valid: Bool[Array, "B T"],
) -> Float[Array, ""]:
    """Return the weighted mean squared error over valid tokens; 0 if there are none."""
    # Masked before squaring: padding may hold anything, even NaN, and must have gradient 0.
    error = jnp.mean(jnp.where(valid[..., None], output - target, 0.0) ** 2, axis=-1)
    return jnp.sum(jnp.where(valid, weight * error, 0.0)) / jnp.maximum(jnp.sum(valid), 1)
