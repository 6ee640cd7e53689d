"""Ancestral sampling."""

import dataclasses

from dfplan.diffusion.solvers.base import AlphaSigma, SolverBase
from dfplan.diffusion.solvers.ddim import ddim_update
from dfplan.types import Array, PyTree


@dataclasses.dataclass(frozen=True)
class Ancestral(SolverBase):
    """A draw from the posterior q(x_to | x_from, x0) of Ho et al. 2020, equation 6.

    Holds for any two levels, and equals DDIM with eta 1.
    """

    @property
    def needs_noise(self) -> bool:
        """See `Solver`."""
        return True

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
        return ddim_update(x, x0, start, end=end, eta=1.0, noise=noise), state
