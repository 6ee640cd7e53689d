"""Multistep consistency sampling."""

import dataclasses

from dfplan.diffusion.solvers.base import AlphaSigma, SolverBase, columns
from dfplan.types import Array, PyTree


@dataclasses.dataclass(frozen=True)
class Consistency(SolverBase):
    """The clean estimate with fresh noise of the lower level (Song et al. 2023, algorithm 1)."""

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
        assert noise is not None
        alpha, sigma = columns(end)
        return alpha * x0 + sigma * noise, state
