"""Solvers: one step from a level to a lower one, each token with levels of its own."""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Float

from dfplan.diffusion.parametrize import to_eps
from dfplan.diffusion.schedule import Schedule, log_snr
from dfplan.types import Array, UserError, check_choice

SOLVERS = ("ddim", "ancestral", "multistep", "consistency")
TINY = 1e-6


class SolverState(NamedTuple):
    """What the multistep solver keeps of each token's step before; the others leave it alone.

    Attributes:
        x0: clean estimate of the step before, `[B, T, D]`.
        half_log_snr: its level, lambda = log(alpha / sigma), `[B, T]`.
        known: whether there was such a step, `[B, T]` bool.
    """

    x0: Float[Array, "B T D"]
    half_log_snr: Float[Array, "B T"]
    known: Array

    @classmethod
    def empty(cls, x: Float[Array, "B T D"]) -> "SolverState":
        """Before the first step."""
        flat = jnp.zeros(x.shape[:-1], x.dtype)
        return cls(jnp.zeros_like(x), flat, flat > 0)


@dataclasses.dataclass(frozen=True)
class Solver:
    """How a clean estimate becomes the token at the next level.

    - "ddim": Song et al. 2021, equation 12. `eta` scales its noise, from 0 (deterministic) to 1.
    - "ancestral": a draw from the posterior q(x_to | x_from, x0) of Ho et al. 2020, equation 6, for
      any two levels; the same as DDIM with eta 1.
    - "multistep": DPM-Solver++(2M), second order (Lu et al. 2022, algorithm 2); first order on a
      token's first step and on the one that ends at level 0.
    - "consistency": the clean estimate with fresh noise of the lower level (Song et al. 2023,
      algorithm 1).

    Attributes:
        kind: see above.
        eta: of "ddim".
        clip: bound on the clean estimate's features, normalised units; None for none.
        temperature: standard deviation of the noise that a step draws.

    Raises:
        UserError: when a value is unknown or out of range.
    """

    kind: str = "ddim"
    eta: float = 0.0
    clip: float | None = None
    temperature: float = 1.0

    def __post_init__(self):
        check_choice("solver", self.kind, SOLVERS)
        if not 0 <= self.eta <= 1:
            raise UserError(f"solver eta must be in [0, 1], got {self.eta}")
        if self.clip is not None and not self.clip > 0:
            raise UserError(f"solver clip must be above 0, got {self.clip}")
        if not self.temperature >= 0:
            raise UserError(f"solver temperature must be at least 0, got {self.temperature}")

    @property
    def noisy(self) -> bool:
        """Whether a step draws noise."""
        return self.kind in ("ancestral", "consistency") or (self.kind == "ddim" and self.eta > 0)

    def step(
        self,
        schedule: Schedule,
        x: Float[Array, "B T D"],
        x0: Float[Array, "B T D"],
        memory: SolverState,
        level_from: Float[Array, "B T"],
        level_to: Float[Array, "B T"],
        noise: Float[Array, "B T D"] | None = None,
    ) -> tuple[Float[Array, "B T D"], SolverState]:
        """Tokens at `level_to` from tokens at `level_from` and their clean estimates.

        A token whose two levels are equal stays as it is, bit for bit.

        Args:
            schedule: of the noise.
            x: tokens at `level_from`.
            x0: clean estimates of `x`.
            memory: of the step before; `Memory.empty` at the first.
            level_from, level_to: levels in [0, 1], `level_to <= level_from`.
            noise: standard normal; needed when `noisy`.
        """
        if self.clip is not None:
            x0 = jnp.clip(x0, -self.clip, self.clip)
        start, end = schedule.alpha_sigma(level_from), schedule.alpha_sigma(level_to)
        noise = None if noise is None else self.temperature * noise
        if self.kind == "multistep":
            new, after = _multistep(x, x0, memory, start, end)
        elif self.kind == "consistency":
            assert noise is not None
            (alpha, sigma), after = _columns(end), memory
            new = alpha * x0 + sigma * noise
        else:
            eta = 1.0 if self.kind == "ancestral" else self.eta
            new, after = _ddim(x, x0, start, end, eta, noise), memory
        moves = level_to != level_from
        memory = SolverState(*(_where(moves, a, b) for a, b in zip(after, memory, strict=True)))
        return _where(moves, new, x), memory


def _where(mask: Array, a: Array, b: Array) -> Array:
    return jnp.where(mask.reshape(mask.shape + (1,) * (a.ndim - mask.ndim)), a, b)


def _ddim(x: Array, x0: Array, start, end, eta: float, noise: Array | None) -> Array:
    (alpha_s, sigma_s), (alpha_t, sigma_t) = _columns(start), _columns(end)
    eps = to_eps(x, x0, alpha_s, sigma_s)
    if eta == 0:
        return alpha_t * x0 + sigma_t * eps
    assert noise is not None
    # Equation 12's fresh noise is that of the posterior, sigma_t^2 / sigma_s^2 (1 - alpha_s^2 /
    # alpha_t^2), times eta^2. In terms of `rate`, the root of the ratio of the two SNRs, neither it
    # nor what it leaves of sigma_t^2 is a difference of nearly equal numbers.
    rate = alpha_s * sigma_t / (jnp.maximum(alpha_t, TINY) * jnp.maximum(sigma_s, TINY))
    rate = jnp.minimum(rate, 1.0)
    fresh = eta * jnp.sqrt((1 - rate) * (1 + rate))
    kept = jnp.sqrt((1 - eta) * (1 + eta) + (eta * rate) ** 2)
    return alpha_t * x0 + sigma_t * (kept * eps + fresh * noise)


def _multistep(x: Array, x0: Array, memory: SolverState, start, end) -> tuple[Array, SolverState]:
    lambda_s, lambda_t = log_snr(*start) / 2, log_snr(*end) / 2
    (alpha_s, sigma_s), (alpha_t, sigma_t) = _columns(start), _columns(end)
    ratio = (lambda_s - memory.half_log_snr) / jnp.maximum(lambda_t - lambda_s, TINY)
    second = memory.known & (end[1] > 0) & (ratio > TINY)
    slope = jnp.where(second, 1 / (2 * jnp.maximum(ratio, TINY)), 0.0)[..., None]
    estimate = x0 + slope * (x0 - memory.x0)
    fall = sigma_t / jnp.maximum(sigma_s, TINY)
    # alpha_t (1 - exp(-h)) with exp(-h) = alpha_s sigma_t / (sigma_s alpha_t), without logarithms.
    new = fall * x + (alpha_t - alpha_s * fall) * estimate
    return new, SolverState(x0, lambda_s, jnp.ones_like(memory.known))


def _columns(alpha_sigma: tuple[Array, Array]) -> tuple[Array, Array]:
    alpha, sigma = alpha_sigma
    return alpha[..., None], sigma[..., None]
