"""The interface of a noise schedule: maps a level in [0, 1] to signal alpha and noise sigma.

All schedules are variance preserving, `alpha**2 + sigma**2 == 1`, and reach both ends exactly:
level 0 is clean (alpha 1) and level 1 is pure noise (alpha 0; Lin et al. 2023, section 3.1). So
level 0 can mean "observed", and level 1 "unknown".
"""

import functools
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from dfplan.types import Array

MAX_LOG_SNR = 40.0
LEVEL_GRID = 4096


class Schedule(Protocol):
    """A noise schedule; hashable, so that it can be a static argument of `jax.jit`."""

    def alpha_sigma(self, level: Float[Array, "*b"]) -> tuple[Array, Array]:
        """Return signal and noise at each level, in the level's shape."""
        ...


def log_snr(alpha: Float[Array, "*b"], sigma: Float[Array, "*b"]) -> Float[Array, "*b"]:
    """Return `log(alpha**2 / sigma**2)`, clipped to +-40 where one of them is zero."""
    tiny = jnp.float32(jnp.finfo(jnp.float32).tiny)
    log = 2 * (jnp.log(jnp.maximum(alpha, tiny)) - jnp.log(jnp.maximum(sigma, tiny)))
    return jnp.clip(log, -MAX_LOG_SNR, MAX_LOG_SNR)


def level_at(schedule: Schedule, ratio: Float[np.ndarray, "*b"]) -> Float[np.ndarray, "*b"]:
    """Return the level at which sigma / alpha equals `ratio`.

    This is the level of a measurement with that much noise: `x0 + ratio eps`, times alpha, is a
    token at this level. Interpolates the angle of (alpha, sigma) on a grid, in NumPy.

    Args:
        schedule: Noise schedule.
        ratio: Standard deviation of the noise over that of the signal, at least 0; infinity, for
            missing measurements, is level 1.
    """
    return np.interp(np.arctan(ratio), *_angles(schedule)).astype(np.float32)


def ratio_at(schedule: Schedule, level: float) -> float:
    """Return the ratio sigma / alpha at a level: the inverse of `level_at`."""
    angles, levels = _angles(schedule)
    return float(np.tan(np.interp(level, levels, angles)))


@functools.cache
def _angles(schedule: Schedule) -> tuple[np.ndarray, np.ndarray]:
    # The grid is finer near 0, where a sigma that grows as the square root of the level is steep.
    level = np.linspace(0, 1, LEVEL_GRID + 1) ** 2
    with jax.ensure_compile_time_eval():  # the caller may be inside a jit trace
        alpha_sigma = schedule.alpha_sigma(jnp.asarray(level))
    alpha, sigma = (np.asarray(a, np.float64) for a in alpha_sigma)
    return np.arctan2(sigma, alpha), level


def refine_complements(a: Array, b: Array) -> tuple[Array, Array]:
    """Return `a` and `b`, which sum to 1, with the larger recomputed from the more precise one."""
    return jnp.where(a < 0.5, a, 1 - b), jnp.where(a < 0.5, 1 - a, b)
