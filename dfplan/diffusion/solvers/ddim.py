"""Denoising diffusion implicit models."""

import dataclasses

import jax.numpy as jnp

from dfplan.diffusion.parametrize import to_eps
from dfplan.diffusion.solvers.base import TINY, AlphaSigma, SolverBase, columns
from dfplan.types import Array, PyTree, UserError


@dataclasses.dataclass(frozen=True)
class DDIM(SolverBase):
    """DDIM (Song et al. 2021, equation 12).

    Attributes:
        eta: Scale of the noise, from 0 (deterministic) to 1 (ancestral sampling).

    Raises:
        UserError: If a value is out of range.
    """

    eta: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.eta <= 1:
            raise UserError(f"ddim solver's eta must be in [0, 1], got {self.eta}")

    @property
    def needs_noise(self) -> bool:
        """See `Solver`."""
        return self.eta > 0

    def update(
        self,
        x: Array,
        x0: Array,
        state: PyTree,
        start: AlphaSigma,
        end: AlphaSigma,
        noise: Array | None,
    ) -> tuple[Array, PyTree]:
        """See `SolverBase`."""
        return ddim_update(x, x0, start, end=end, eta=self.eta, noise=noise), state


def ddim_update(
    x: Array, x0: Array, start: AlphaSigma, end: AlphaSigma, eta: float, noise: Array | None
) -> Array:
    """Return the tokens at the next level; arguments as in `SolverBase.update`."""
    alpha_s, sigma_s = columns(start)
    alpha_t, sigma_t = columns(end)
    eps = to_eps(x, x0, alpha=alpha_s, sigma=sigma_s)
    if eta == 0:
        return alpha_t * x0 + sigma_t * eps
    assert noise is not None
    # Equation 12's fresh noise is that of the posterior, sigma_t^2 / sigma_s^2 (1 - alpha_s^2 /
    # alpha_t^2), times eta^2. In terms of `rate`, the square root of the ratio of the two SNRs,
    # neither the fresh nor the remaining noise is a difference of nearly equal numbers.
    rate = alpha_s * sigma_t / (jnp.maximum(alpha_t, TINY) * jnp.maximum(sigma_s, TINY))
    rate = jnp.minimum(rate, 1.0)
    fresh = eta * jnp.sqrt((1 - rate) * (1 + rate))
    remaining = jnp.sqrt((1 - eta) * (1 + eta) + (eta * rate) ** 2)
    return alpha_t * x0 + sigma_t * (remaining * eps + fresh * noise)
