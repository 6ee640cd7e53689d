"""PlannerConfig: how a plan is sampled, chosen and followed."""

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from dfplan.diffusion.matrix import MATRICES, grouped, make_matrix
from dfplan.diffusion.solvers import SOLVERS, Solver
from dfplan.planner.registry import PLANNERS, RANKERS
from dfplan.types import UserError, check_choice
from dfplan.util.validate import (
    MAX_NUMBER,
    check_integers,
    check_numbers,
    invalid,
    is_integer,
    is_number,
)

GOAL_CONDITIONING = ("token", "guidance", "both", "none")
ESTIMATED = -1.0
"""Stands for an observation noise that is estimated online."""
MAX_TOKENS = 10_000
MAX_CANDIDATES = 100_000
MAX_STEPS = 1_000_000
"""Control steps."""
MAX_TEMPERATURE = 10.0
MAX_RHO = 10.0
"""Beyond it, low noise levels vanish in float32."""
MAX_WEIGHT = 1e6


def _set_tuple(config: Any, name: str) -> None:
    """Turn a sequence into a tuple, so that the frozen dataclass stays hashable."""
    object.__setattr__(config, name, tuple(getattr(config, name)))


@contextlib.contextmanager
def _naming(setting: str) -> Iterator[None]:
    """Begin the errors of a registry with the name of the setting."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{setting}: {error}") from error


@dataclasses.dataclass(frozen=True)
class SamplingConfig:
    """How a plan is denoised from pure noise.

    Attributes:
        matrix: Scheduling matrix, from `dfplan.diffusion.matrix.MATRICES`: "full_sequence",
            "autoregressive", "pyramid", "trapezoid", "horizon_aware", "custom", or one that another
            package registers. The slope in "pyramid:slope=2" or "trapezoid:slope=2" is the number
            of denoising steps by which each token trails its neighbor, 1 by default. The alpha in
            "horizon_aware:alpha=1", 0.6 by default, is the exponent with which the denoising steps
            of a token grow along the plan.
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
        with _naming("planner.sampling.matrix"):
            MATRICES.check(self.matrix, filled=2, named=("entries",))
        prefix = "planner.sampling."
        check_integers(self, prefix, minimum=1, names=["steps"], maximum=MAX_TOKENS)
        check_numbers(self, prefix, ["clip"])
        check_numbers(self, prefix, ["temperature"], high=MAX_TEMPERATURE)
        check_numbers(self, prefix, ["rho"], high=MAX_RHO, open_low=True)
        with _naming(f"planner.sampling.solver {self.solver!r}"):
            self.make_solver()
        _set_tuple(self, "custom_matrix")
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
class GoalConfig:
    """How a plan is conditioned on its goal.

    Attributes:
        conditioning: "token" (the goal is a clean token), "guidance" (its gradient guides the
            sampling), "both", or "none" (the goal only ranks candidates). Where the goal is reward,
            the token asks for a return and the gradient is that of the plan's value.
        tolerance: Distance at which a plan counts as arrived, in the goal's units. Training reduces
            it to a twentieth of the spread of the data's goals if it exceeds half of that spread.
        return_quantile: Return that the token asks for where the goal is reward, as a quantile in
            [0, 1]: 0.9 is better than nine of ten returns that the data had from similar states.
        pessimism: Standard deviations over the critic's members that are subtracted from a plan's
            expected return, so that plans on which they disagree lose; ignored for goal states.

    Raises:
        UserError: If a value is unknown or out of range.
    """

    conditioning: str = "token"
    tolerance: float = 0.1
    return_quantile: float = 0.9
    pessimism: float = 0.0

    def __post_init__(self):
        check_choice("planner.goal.conditioning", self.conditioning, GOAL_CONDITIONING)
        check_numbers(self, "planner.goal.", ["tolerance"], open_low=True)
        check_numbers(self, "planner.goal.", ["return_quantile"], high=1.0)
        check_numbers(self, "planner.goal.", ["pessimism"], high=100.0)

    @property
    def as_token(self) -> bool:
        """Whether the goal is shown to the network as a clean token."""
        return self.conditioning in ("token", "both")

    @property
    def as_guidance(self) -> bool:
        """Whether the goal's gradient guides the sampling."""
        return self.conditioning in ("guidance", "both")


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
class HistoryConfig:
    """The observed tokens that a plan is conditioned on.

    Attributes:
        tokens: History tokens, H, including the present.
        level: Least noise level in [0, 1] that the history is declared to have.
        guidance_weights: Weights w_i of history guidance, which pushes the plan away from plans
            made with noised histories: `D + sum_i w_i (D - D_i)` (Song et al. 2025, arXiv
            2502.06764). Empty or all zero turns it off. Each weight adds one network evaluation per
            denoising step.
        guidance_levels: Noise level in (0, 1] of the noised history of each weight; 1 removes the
            history.
        guidance_keep: Latest history tokens that are not noised; with 1 only the present.

    Raises:
        UserError: If a value is out of range, or weights and levels differ in number.
    """

    tokens: int = 1
    level: float = 0.0
    guidance_weights: tuple[float, ...] = ()
    guidance_levels: tuple[float, ...] = (1.0,)
    guidance_keep: int = 0

    def __post_init__(self):
        prefix = "planner.history."
        check_integers(self, prefix, minimum=1, names=["tokens"], maximum=MAX_TOKENS)
        check_integers(self, prefix, minimum=0, names=["guidance_keep"], maximum=MAX_TOKENS)
        check_numbers(self, prefix, ["level"], high=1.0)
        _set_tuple(self, "guidance_weights")
        _set_tuple(self, "guidance_levels")
        if not all(is_number(w) and abs(w) <= MAX_WEIGHT for w in self.guidance_weights):
            valid = f"numbers from {-MAX_WEIGHT:g} to {MAX_WEIGHT:g}"
            raise invalid(prefix + "guidance_weights", self.guidance_weights, valid)
        if not all(is_number(level) and 0 < level <= 1 for level in self.guidance_levels):
            raise invalid(prefix + "guidance_levels", self.guidance_levels, "numbers in (0, 1]")
        if self.guided:
            self._check_guidance()

    def _check_guidance(self) -> None:
        weights = len(self.guidance_weights)
        levels = len(self.guidance_levels)
        if weights != levels:
            raise UserError(
                f"planner.history.guidance_weights has {weights} weights and "
                f"planner.history.guidance_levels {levels} levels; needed: one level per weight"
            )
        if self.guidance_keep >= self.tokens:
            raise UserError(
                f"planner.history.guidance_keep {self.guidance_keep} leaves nothing to add noise "
                f"to: planner.history.tokens is {self.tokens}; valid: 0 to {self.tokens - 1}"
            )

    @property
    def guided(self) -> bool:
        """Whether noised histories guide the plan."""
        return any(self.guidance_weights)


@dataclasses.dataclass(frozen=True)
class SensingConfig:
    """Noisy and missing observations.

    Attributes:
        observation_noise: Standard deviation of the observation noise, in the observation's units:
            one number for all state dimensions, or one per dimension; -1 estimates it online.
            States are then Kalman-filtered, and history tokens get the noise level of the
            posterior.
        missing: Whether observations may hold NaN for missing values; these are then imputed.

    Raises:
        UserError: If a value is out of range.
    """

    observation_noise: tuple[float, ...] = ()
    missing: bool = False

    def __post_init__(self):
        _set_tuple(self, "observation_noise")
        noise = self.observation_noise
        if not all(is_number(s) and (0 <= s <= MAX_NUMBER or s == ESTIMATED) for s in noise):
            valid = f"numbers in [0, {MAX_NUMBER:g}], or -1 to estimate them"
            raise invalid("planner.sensing.observation_noise", self.observation_noise, valid)

    @property
    def filters(self) -> bool:
        """Whether states are estimated rather than taken as observed."""
        return self.missing or any(self.observation_noise)


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


@dataclasses.dataclass(frozen=True)
class TimingConfig:
    """Planning while the robot moves: deadlines, real-time chunking, and early first actions.

    Attributes:
        deadline_ms: Time budget of `act`, in milliseconds; when it is exceeded, the active plan
            stays active until the new one is ready. 0 never waits, -1 sets no limit.
        inference_delay: Control steps d that planning takes, for real-time chunking: the next d
            control steps of the active plan, which the robot executes meanwhile, are committed, and
            each new plan begins with them. 0 commits nothing.
        near_tokens: Tokens of a plan that are clean before the robot begins to follow it; the rest
            of the plan is made meanwhile and followed from the next control step on. 0 waits for
            the whole plan.

    Raises:
        UserError: If a value is out of range.
    """

    deadline_ms: float = -1.0
    inference_delay: int = 0
    near_tokens: int = 0

    def __post_init__(self):
        deadline = self.deadline_ms
        if not is_number(deadline) or not (0 <= deadline <= MAX_NUMBER or deadline == -1):
            valid = f"milliseconds in [0, {MAX_NUMBER:g}], or -1 for no limit"
            raise invalid("planner.timing.deadline_ms", deadline, valid)
        names = ["inference_delay", "near_tokens"]
        check_integers(self, "planner.timing.", minimum=0, names=names, maximum=MAX_STEPS)


@dataclasses.dataclass(frozen=True)
class PlannerConfig:
    """A receding-horizon planner.

    Attributes:
        kind: Planning algorithm, from `dfplan.planner.registry.PLANNERS`: "diffusion", or one that
            another package registers.
        horizon: Future tokens per plan, P; 0 for the same number as in training.
        candidates: Candidate plans per call, N; the best one is followed.
        ranker: How candidates are compared: "arrival" (earliest arrival at the goal, plus the OOD
            penalty), "value" (highest expected return), "auto" (value where the goal is reward,
            else arrival), or one that another package registers.
        replan_every: Control steps between plans (the execution horizon).
        ood_penalty: Out-of-distribution penalty, in control steps per step that a candidate spends
            off the data support in the goal's dimensions; 0 turns it off. Ignored where the goal
            has more than three dimensions.
        low_level_controller: What turns a plan into actions: a "tracker" that the task supplies,
            "inverse" dynamics learned with the planner, a "policy" learned before it (settings:
            `policy`), the plan's own "diffused" actions, or a controller that another package
            registers in `dfplan.control.low_level.LOW_LEVEL_CONTROLLERS`.
        sampling: How a plan is denoised.
        goal: How a plan is conditioned on its goal.
        guidance: Gradient guidance.
        history: Observed tokens that a plan is conditioned on.
        sensing: Noisy and missing observations.
        warm_start: Replanning from the last plan.
        timing: Deadlines, the delay of planning, and plans that are followed early.

    Raises:
        UserError: If a value is unknown or out of range.
    """

    kind: str = "diffusion"
    horizon: int = 0
    candidates: int = 4
    ranker: str = "auto"
    replan_every: int = 10
    ood_penalty: float = 5.0
    low_level_controller: str = "inverse"
    sampling: SamplingConfig = SamplingConfig()
    goal: GoalConfig = GoalConfig()
    guidance: GuidanceConfig = GuidanceConfig()
    history: HistoryConfig = HistoryConfig()
    sensing: SensingConfig = SensingConfig()
    warm_start: WarmStartConfig = WarmStartConfig()
    timing: TimingConfig = TimingConfig()

    def __post_init__(self):
        with _naming("planner.kind"):
            PLANNERS.check(self.kind, named=("model", "config", "horizon"))
        with _naming("planner.ranker"):
            RANKERS.check(self.ranker, named=("layout", "config"))
        check_integers(self, "planner.", minimum=0, names=["horizon"], maximum=MAX_TOKENS)
        check_integers(self, "planner.", minimum=1, names=["candidates"], maximum=MAX_CANDIDATES)
        check_integers(self, "planner.", minimum=1, names=["replan_every"], maximum=MAX_STEPS)
        check_numbers(self, "planner.", ["ood_penalty"])
        if self.guidance.samples > 1 and not self.goal.as_guidance:
            raise UserError(
                f"planner.guidance.samples {self.guidance.samples} averages a gradient, and "
                f"planner.goal.conditioning {self.goal.conditioning!r} has none; valid here: "
                "1, or the conditioning guidance or both"
            )
