"""A second-order multistep solver."""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Bool, Float

from dfplan.diffusion.schedules.schedule import log_snr
from dfplan.diffusion.solvers.base import TINY, AlphaSigma, SolverBase, columns
from dfplan.types import Array


class SolverState(NamedTuple):
    """The previous step of each token.

    Attributes:
        x0: Clean estimate of the previous step.
        half_log_snr: Level of the previous step, lambda = log(alpha / sigma).
        exists: Whether there was a previous step.
    """

    x0: Float[Array, "B T D"]
    half_log_snr: Float[Array, "B T"]
    exists: Bool[Array, "B T"]


@dataclasses.dataclass(frozen=True)
class Multistep(SolverBase):
    """DPM-Solver++(2M), second order (Lu et al. 2022, algorithm 2).

    First order on a token's first step and on the step that ends at level 0.
    """

    @property
    def needs_noise(self) -> bool:
        """See `Solver`."""
        return False

    def init_state(self, x: Float[Array, "B T D"]) -> SolverState:
        """See `Solver`."""
        zeros = jnp.zeros(x.shape[:-1], x.dtype)
        return SolverState(x0=jnp.zeros_like(x), half_log_snr=zeros, exists=zeros > 0)

    def update(
        self,
        x: Array,
        x0: Array,
        state: SolverState,
        start: AlphaSigma,
        end: AlphaSigma,
        noise: Array | None,
    ) -> tuple[Array, SolverState]:
        """See `SolverBase`."""
        lambda_s = log_snr(*start) / 2
        lambda_t = log_snr(*end) / 2
        alpha_s, sigma_s = columns(start)
        alpha_t, sigma_t = columns(end)
        ratio = (lambda_s - state.half_log_snr) / jnp.maximum(lambda_t - lambda_s, TINY)
        second_order = state.exists & (end[1] > 0) & (ratio > TINY)
        slope = jnp.where(second_order, 1 / (2 * jnp.maximum(ratio, TINY)), 0.0)[..., None]
        estimate = x0 + slope * (x0 - state.x0)
        decay = sigma_t / jnp.maximum(sigma_s, TINY)
        # alpha_t (1 - exp(-h)), with exp(-h) = alpha_s sigma_t / (sigma_s alpha_t): no logarithms.
        new_x = decay * x + (alpha_t - alpha_s * decay) * estimate
        return new_x, SolverState(x0, lambda_s, jnp.ones_like(state.exists))
