"""The interface of a solver: one step down to a lower noise level, with levels per token."""

from typing import Protocol

from jaxtyping import Float

from dfplan.diffusion.schedules import Schedule
from dfplan.types import Array, PyTree


class Solver(Protocol):
    """Turns clean estimates into tokens at the next level; hashable, as `jax.jit` needs it.

    `SolverBase` implements everything but the update rule.
    """

    @property
    def needs_noise(self) -> bool:
        """Whether a step draws noise."""
        ...

    def init_state(self, x: Float[Array, "B T D"]) -> PyTree:
        """Return the state before the first step; every leaf is `[B, T, ...]`."""
        ...

    def step(
        self,
        schedule: Schedule,
        x: Float[Array, "B T D"],
        x0: Float[Array, "B T D"],
        state: PyTree,
        level_from: Float[Array, "B T"],
        level_to: Float[Array, "B T"],
        noise: Float[Array, "B T D"] | None = None,
    ) -> tuple[Float[Array, "B T D"], PyTree]:
        """Return tokens at `level_to`, from tokens at `level_from` and their clean estimates.

        A token whose two levels are equal stays as it is, bit for bit.

        Args:
            schedule: Noise schedule.
            x: Tokens at `level_from`.
            x0: Clean estimates of `x`.
            state: State after the previous step, or `init_state`.
            level_from: Current levels in [0, 1].
            level_to: Next levels, at most `level_from`.
            noise: Standard normal noise; required if `needs_noise`.

        Returns:
            The tokens and the new state.
        """
        ...
