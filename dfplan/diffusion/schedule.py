"""Noise schedules: a level in [0, 1] to the signal alpha and the noise sigma.

All are variance preserving, `alpha**2 + sigma**2 == 1`, and reach both ends exactly: level 0 is
clean (alpha 1), level 1 is pure noise (alpha 0; Lin et al. 2023, section 3.1). That lets one level
mean "observed" and the other "unknown".
"""

import dataclasses
import functools
import math
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from dfplan.types import Array, UserError, check_choice

MAX_LOG_SNR = 40.0
MAX_SIGMOID_WIDTH = 80.0
LEVEL_GRID = 4096


class Schedule(Protocol):
    """What a noise schedule offers; hashable, so it can be a static argument of `jax.jit`."""

    def alpha_sigma(self, level: Float[Array, "*b"]) -> tuple[Array, Array]:
        """Signal and noise at each level, in the level's shape."""
        ...


@dataclasses.dataclass(frozen=True)
class Cosine:
    """`alpha = cos(pi level / 2)` (Nichol and Dhariwal 2021), its log-SNR moved by `shift`.

    Attributes:
        shift: nats added to the log-SNR (Hoogeboom et al. 2023, section 3.1); positive means that
            middle levels are cleaner.
    """

    shift: float = 0.0

    def __post_init__(self):
        if not abs(self.shift) <= MAX_LOG_SNR:
            raise UserError(f"shift must be in +-{MAX_LOG_SNR:g} nats, got {self.shift}")

    def alpha_sigma(self, level: Float[Array, "*b"]) -> tuple[Array, Array]:
        """See `Schedule`."""
        level = jnp.asarray(level, jnp.float32)
        # cos(pi/2 * 1) is not zero in floating point; the sine of the rest of the angle is.
        alpha = jnp.sin(jnp.pi / 2 * (1 - level))
        sigma = jnp.sin(jnp.pi / 2 * level) * jnp.exp(jnp.float32(-self.shift / 2))
        norm = jax.lax.rsqrt(alpha**2 + sigma**2)
        return jnp.where(level <= 0, 1.0, alpha * norm), jnp.where(level >= 1, 1.0, sigma * norm)


@dataclasses.dataclass(frozen=True)
class LinearBeta:
    """Ho et al. 2020: beta rises linearly; in continuous time (Song et al. 2021, appendix B).

    alpha is rescaled so that it is zero at level 1.

    Attributes:
        beta_min, beta_max: rate of the noise at both ends.
    """

    beta_min: float = 0.1
    beta_max: float = 20.0

    def __post_init__(self):
        if not 0 < self.beta_min <= self.beta_max:
            raise UserError(
                f"linear_beta needs 0 < beta_min <= beta_max, got {self.beta_min}, {self.beta_max}"
            )

    def alpha_sigma(self, level: Float[Array, "*b"]) -> tuple[Array, Array]:
        """See `Schedule`."""
        level = jnp.asarray(level, jnp.float32)
        # With I the integral of beta, exp(-I / 2) is alpha before it is rescaled.
        rise = self.beta_max - self.beta_min
        spent = level * (self.beta_min + 0.5 * rise * level)
        left = (1 - level) * (self.beta_min + 0.5 * rise * (1 + level))
        last = math.exp(-0.25 * (self.beta_min + self.beta_max))
        lost, alpha = _parts_of_one(
            -jnp.expm1(-0.5 * spent) / (1 - last), last * jnp.expm1(0.5 * left) / (1 - last)
        )
        return alpha, jnp.sqrt(lost * (1 + alpha))


@dataclasses.dataclass(frozen=True)
class Sigmoid:
    """`alpha**2` falls along a sigmoid (Jabri et al. 2022), the Diffusion Forcing code's default.

    `alpha**2 = (S(end) - S(x)) / (S(end) - S(start))`, where S is the logistic function of x / tau
    and x goes from start to end.

    Attributes:
        start, end: stretch of the sigmoid that is used.
        tau: its width.
    """

    start: float = -3.0
    end: float = 3.0
    tau: float = 1.0

    def __post_init__(self):
        if not (self.tau > 0 and 0 < (self.end - self.start) / self.tau <= MAX_SIGMOID_WIDTH):
            raise UserError(
                f"sigmoid needs tau above 0 and start below end by at most {MAX_SIGMOID_WIDTH:g} "
                f"tau, got start {self.start}, end {self.end}, tau {self.tau}"
            )

    def alpha_sigma(self, level: Float[Array, "*b"]) -> tuple[Array, Array]:
        """See `Schedule`."""
        level = jnp.asarray(level, jnp.float32)
        start, end = 0.5 * self.start / self.tau, 0.5 * self.end / self.tau
        here, width = start + level * (end - start), end - start
        # S(a) - S(b) = sinh((a - b) / 2) / (2 cosh(a / 2) cosh(b / 2)), which does not cancel.
        scale = jnp.cosh(here) * math.sinh(width)
        noise, signal = _parts_of_one(
            jnp.sinh(level * width) * math.cosh(end) / scale,
            jnp.sinh((1 - level) * width) * math.cosh(start) / scale,
        )
        return jnp.sqrt(signal), jnp.sqrt(noise)


def _parts_of_one(a: Array, b: Array) -> tuple[Array, Array]:
    """`a` and `b`, which add up to 1: the smaller one is kept, since it is the more precise."""
    return jnp.where(a < 0.5, a, 1 - b), jnp.where(a < 0.5, 1 - a, b)


SCHEDULES: dict[str, type] = {"cosine": Cosine, "linear_beta": LinearBeta, "sigmoid": Sigmoid}


def make_schedule(name: str, **options: float) -> Schedule:
    """The schedule of that name.

    Raises:
        UserError: on an unknown name or an option that the schedule does not have.
    """
    check_choice("schedule", name, SCHEDULES)
    known = [f.name for f in dataclasses.fields(SCHEDULES[name])]
    for option in options:
        if option not in known:
            raise UserError(
                f"schedule {name!r} has no option {option!r}; valid: {', '.join(known)}"
            )
    return SCHEDULES[name](**options)


def log_snr(alpha: Float[Array, "*b"], sigma: Float[Array, "*b"]) -> Float[Array, "*b"]:
    """`log(alpha**2 / sigma**2)`, bounded to +-40 where one of them is zero."""
    tiny = jnp.float32(jnp.finfo(jnp.float32).tiny)
    log = 2 * (jnp.log(jnp.maximum(alpha, tiny)) - jnp.log(jnp.maximum(sigma, tiny)))
    return jnp.clip(log, -MAX_LOG_SNR, MAX_LOG_SNR)


def level_at(schedule: Schedule, ratio: Float[np.ndarray, "*b"]) -> Float[np.ndarray, "*b"]:
    """The level at which sigma / alpha is `ratio`.

    It is that of a reading with so much noise: `x0 + ratio eps`, times alpha, is a token there.
    Found between the points of a grid, by the angle of (alpha, sigma), in NumPy.

    Args:
        schedule: of the noise.
        ratio: from 0 up; infinity, of what is missing, is level 1.
    """
    return np.interp(np.arctan(ratio), *_angles(schedule)).astype(np.float32)


def ratio_at(schedule: Schedule, level: float) -> float:
    """The ratio sigma / alpha at a level: the inverse of `level_at`."""
    angles, levels = _angles(schedule)
    return float(np.tan(np.interp(level, levels, angles)))


@functools.cache
def _angles(schedule: Schedule) -> tuple[np.ndarray, np.ndarray]:
    # Closer near 0, where a sigma that grows as the root of the level is steep.
    level = np.linspace(0, 1, LEVEL_GRID + 1) ** 2
    with jax.ensure_compile_time_eval():  # a caller may be being compiled
        alpha_sigma = schedule.alpha_sigma(jnp.asarray(level))
    alpha, sigma = (np.asarray(a, np.float64) for a in alpha_sigma)
    return np.arctan2(sigma, alpha), level
