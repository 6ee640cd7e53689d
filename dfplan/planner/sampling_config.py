"""How a plan is sampled: settings of the denoising, its guidance and its warm start."""

import dataclasses

import numpy as np

from dfplan.diffusion.matrix import MATRICES, grouped, make_matrix
from dfplan.diffusion.solvers import SOLVERS, Solver
from dfplan.representation.config import MAX_TOKENS
from dfplan.util.validate import (
    check_integers,
    check_numbers,
    invalid,
    is_integer,
    naming,
    set_tuple,
)

MAX_CANDIDATES = 100_000
MAX_TEMPERATURE = 10.0
MAX_RHO = 10.0
"""Beyond it, low noise levels vanish in float32."""


@dataclasses.dataclass(frozen=True)
class SamplingConfig:
    """How a plan is denoised from pure noise.

    Attributes:
        matrix: Scheduling matrix, from `dfplan.diffusion.matrix.MATRICES`: "full_sequence",
            "autoregressive", "pyramid", "trapezoid", "horizon_aware", "custom", or one that another
            package registers. The slope in "pyramid:slope=2" or "trapezoid:slope=2" is the number
            of denoising steps by which each token trails its neighbor, 1 by default. The first in
            "autoregressive:first=1" is the number of denoising steps of the first token, by default
            that of all tokens. The alpha in "horizon_aware:alpha=1", 0.6 by default, is the
            exponent with which the denoising steps of a token grow along the plan.
        custom_matrix: Entries of a custom matrix, row by row: integers from `steps` down to 0,
            one per future token in each row.
        steps: Denoising steps per token, K.
        rho: Spacing of the noise levels: step k of K is at level (k / K) ** rho.
        solver: Solver, from `dfplan.diffusion.solvers.SOLVERS`: "ddim", "ancestral", "multistep" or
            "consistency", or one that another package registers. The eta in "ddim:eta=1" is the
            scale of the noise that DDIM adds, from 0 (deterministic, if omitted) to 1 (ancestral).
        clip: Bound on clean estimates, in normalized units; 0 for no bound.
        temperature: Standard deviation of all noise drawn during sampling; below 1, plans are less
            diverse and closer to the mode.

    Raises:
        UserError: If a value is unknown or out of range.
    """

    matrix: str = "autoregressive"
    custom_matrix: tuple[int, ...] = ()
    steps: int = 3
    rho: float = 1.5
    solver: str = "ddim:eta=1"
    clip: float = 0.0
    temperature: float = 1.0

    def __post_init__(self):
        with naming("planner.sampling.matrix"):
            MATRICES.check(self.matrix, filled=2, named=("entries",))
        prefix = "planner.sampling."
        check_integers(self, prefix, minimum=1, names=["steps"], maximum=MAX_TOKENS)
        check_numbers(self, prefix, ["clip"])
        check_numbers(self, prefix, ["temperature"], high=MAX_TEMPERATURE)
        check_numbers(self, prefix, ["rho"], high=MAX_RHO, open_low=True)
        with naming(f"planner.sampling.solver {self.solver!r}"):
            self.make_solver()
        set_tuple(self, "custom_matrix")
        if not all(is_integer(k) and 0 <= k <= self.steps for k in self.custom_matrix):
            valid = f"integers from 0 to planner.sampling.steps, {self.steps}"
            raise invalid("planner.sampling.custom_matrix", self.custom_matrix, valid)

    def make_matrix(self, horizon: int) -> np.ndarray:
        """Return the scheduling matrix `[M+1, horizon]`."""
        return make_matrix(self.matrix, horizon, self.steps, custom_matrix=self.custom_matrix)

    def make_solver(self) -> Solver:
        """Return the per-token solver."""
        return SOLVERS.make(self.solver, clip=self.clip or None, temperature=self.temperature)


@dataclasses.dataclass(frozen=True)
class GuidanceConfig:
    """Gradient guidance, by the goal or by `agent.extra_cost`.

    Attributes:
        scale: Strength of the gradient.
        samples: Sampled futures over which the gradient is averaged, each with other noise in the
            tokens that are still pure noise; multiplies the computation.

    Raises:
        UserError: If a value is out of range.
    """

    scale: float = 0.1
    samples: int = 1

    def __post_init__(self):
        check_numbers(self, "planner.guidance.", ["scale"])
        check_integers(
            self, "planner.guidance.", minimum=1, names=["samples"], maximum=MAX_CANDIDATES
        )


@dataclasses.dataclass(frozen=True)
class WarmStartConfig:
    """Replanning from the remaining part of the last plan.

    Falls back to planning from scratch where the robot deviates from the plan by more than the
    noise of `level` or lags behind it, where the plan misses the goal or leaves the data support,
    and where the goal has moved.

    Attributes:
        level: Noise level in [0, 1) that the remaining plan is put back to before it is refined;
            0 plans from scratch each time.
        steps: Denoising steps per token from that level.
        tokens: Tokens that are denoised together, one group after the other.

    Raises:
        UserError: If a value is out of range.
    """

    level: float = 0.0
    steps: int = 2
    tokens: int = 2

    def __post_init__(self):
        check_numbers(self, "planner.warm_start.", ["level"], high=1.0, open_high=True)
        names = ["steps", "tokens"]
        check_integers(self, "planner.warm_start.", minimum=1, names=names, maximum=MAX_TOKENS)

    def make_matrix(self, horizon: int) -> np.ndarray:
        """Return the scheduling matrix `[M+1, horizon]` of a warm start."""
        return grouped(horizon, self.steps, self.tokens)
