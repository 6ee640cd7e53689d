"""PlannerConfig: how a plan is sampled, chosen and followed."""

import dataclasses
import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np

from dfplan.diffusion.matrix import MATRICES, grouped, make_matrix
from dfplan.diffusion.solver import SOLVERS, Solver
from dfplan.types import UserError, check_choice

GOALS = ("token", "guidance", "both", "none")
ACTIONS = ("tracker", "inverse", "diffused")
TUPLES = ("rows", "observation_noise", "history_guidance", "history_guidance_levels")


@dataclasses.dataclass(frozen=True)
class PlannerConfig:
    """A receding-horizon planner.

    Attributes:
        horizon: future tokens per plan; 0 means as many as in training.
        candidates: plans per call, N; the best is followed.
        matrix: scheduling matrix, "full_sequence", "autoregressive", "pyramid", "trapezoid" or
            "custom".
        slope: of pyramid and trapezoid, noise levels per token.
        rows: of a custom matrix, one after the other: integers from `steps` down to 0, `horizon`
            of them a row.
        steps: denoising steps per token, K.
        rho: step k of K stands at level (k / K) ** rho.
        solver: "ddim", "ancestral", "multistep" or "consistency".
        eta: noise that DDIM adds, 0 (none) to 1 (ancestral).
        clip: bound on clean estimates, normalised units; 0 for none.
        temperature: standard deviation of all noise that sampling draws: below 1, plans are more
            alike and likelier ones.
        history: observed tokens that a plan is conditioned on, H, the present included.
        history_level: noise level in [0, 1] that the observed history is declared to have, at
            least.
        history_guidance: weights w_i that push the plan away from those it would be after blurred
            histories, `D + sum_i w_i (D - D_i)`; empty or zeros for none. One more computation of
            the plan for each.
        history_guidance_levels: noise levels in (0, 1] that those histories are blurred to, one for
            each weight; 1 is no history at all.
        history_guidance_keep: the latest history tokens that stay as they are in all of them; with
            1 only the present.
        observation_noise: standard deviation of the observation's noise, SI units: one number for
            all dimensions of the state, or one for each; -1 where it is to be estimated. States are
            filtered then, and history is declared as noisy as what is known of it.
        missing: whether observations may hold NaN, for what is missing; it is filled in then.
        goal: "token" (the goal is a clean token), "guidance" (gradient), "both", or "none": then it
            only chooses among candidates. A goal of reward is followed likewise: its token asks for
            a return, its gradient is that of the plan's value.
        quantile: the return that the token of a reward asks for, 0 to 1: 0.9 is better than nine of
            ten that the data had from such states.
        guidance_scale: strength of the gradient.
        guidance_samples: futures that the gradient is the mean of, each with other noise in the
            tokens that are still pure noise; as many times the computation. More than 1 goes with
            the goals "guidance" and "both".
        support: price, in control steps, of each step that a candidate spends where the data has
            never been in the goal's dimensions; 0 turns that off. Without effect where there are
            more than three of them.
        goal_tolerance: distance at which a plan counts as arrived, in the goal's units.
        replan_every: control steps between plans.
        warm: noise level in (0, 1) that what is left of the last plan is put back to, for the next
            one to be made of it; 0 plans from scratch each time. That is done anyway where the last
            plan is not worth keeping: the robot is further off it than that noise or falls behind
            it, it does not arrive or pays for its way, or the goal has moved. `matrix` and `steps`
            are of plans from scratch.
        warm_steps: denoising steps per token from there.
        warm_tokens: tokens that take these steps together, one such group after the other.
        deadline_ms: milliseconds that `act` may take: after them it goes on with the plan that it
            has, and takes the new one when that is there. 0 never waits, -1 for as long as it
            takes.
        lead: control steps that a plan is asked for ahead of the time when it begins, from where
            the plan in force leads to by then; the time that planning takes.
        action: from plan to action by a "tracker" that the task supplies, by "inverse" dynamics or
            by the plan's own "diffused" actions.

    Raises:
        UserError: when a value is unknown or out of range.
    """

    horizon: int = 0
    candidates: int = 4
    matrix: str = "autoregressive"
    slope: float = 1.0
    rows: tuple[int, ...] = ()
    steps: int = 3
    rho: float = 1.5
    solver: str = "ddim"
    eta: float = 1.0
    clip: float = 0.0
    temperature: float = 1.0
    history: int = 1
    history_level: float = 0.0
    history_guidance: tuple[float, ...] = ()
    history_guidance_levels: tuple[float, ...] = (1.0,)
    history_guidance_keep: int = 0
    observation_noise: tuple[float, ...] = ()
    missing: bool = False
    goal: str = "token"
    quantile: float = 0.9
    guidance_scale: float = 0.1
    guidance_samples: int = 1
    support: float = 5.0
    goal_tolerance: float = 0.1
    replan_every: int = 10
    warm: float = 0.0
    warm_steps: int = 2
    warm_tokens: int = 2
    deadline_ms: float = -1.0
    lead: int = 0
    action: str = "inverse"

    def __post_init__(self):
        check_choice("planner.matrix", self.matrix, MATRICES)
        check_choice("planner.goal", self.goal, GOALS)
        check_choice("planner.action", self.action, ACTIONS)
        check_choice("planner.solver", self.solver, SOLVERS)
        self._check_values()
        if self.guidance_samples > 1 and self.goal in ("token", "none"):
            raise UserError(
                f"planner.guidance_samples {self.guidance_samples} averages a gradient, and "
                f"planner.goal {self.goal!r} has none; valid here: 1, or the goals guidance, both"
            )
        for name in TUPLES:
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.guides_history:
            self._check_history_guidance()

    @property
    def filters(self) -> bool:
        """Whether states are estimated, and not just observed."""
        return self.missing or any(self.observation_noise)

    @property
    def guides_history(self) -> bool:
        """Whether blurred histories guide the plan."""
        return any(self.history_guidance)

    def _check_history_guidance(self) -> None:
        weights, levels = len(self.history_guidance), len(self.history_guidance_levels)
        if weights != levels:
            raise UserError(
                f"planner.history_guidance has {weights} weights and "
                f"planner.history_guidance_levels {levels} levels; needed: one for each"
            )
        if self.history_guidance_keep >= self.history:
            raise UserError(
                f"planner.history_guidance_keep {self.history_guidance_keep} leaves nothing to "
                f"blur of planner.history {self.history}; valid: 0 to {self.history - 1}"
            )

    def _check_values(self) -> None:
        lows = dict.fromkeys(("candidates", "steps", "history", "replan_every"), 1)
        lows |= dict.fromkeys(("warm_steps", "warm_tokens"), 1)
        lows |= {"horizon": 0, "guidance_samples": 1, "history_guidance_keep": 0, "lead": 0}
        for name, low in lows.items():
            self._need(name, lambda x, low=low: _whole(x) and x >= low, f"an integer from {low} up")
        for name in ("slope", "clip", "temperature", "guidance_scale", "support"):
            self._need(name, lambda x: _finite(x) and x >= 0, "a number from 0 up")
        for name in ("rho", "goal_tolerance"):
            self._need(name, lambda x: _finite(x) and x > 0, "a number above 0")
        for name in ("history_level", "eta", "quantile"):
            self._need(name, lambda x: _finite(x) and 0 <= x <= 1, "a number in [0, 1]")
        self._need(
            "deadline_ms",
            lambda x: _finite(x) and (x >= 0 or x == -1),
            "milliseconds from 0 up, or -1 (none)",
        )
        self._need("warm", lambda x: _finite(x) and 0 <= x < 1, "a number from 0, below 1")
        self._need(
            "observation_noise",
            lambda x: all(_finite(s) and (s >= 0 or s == -1) for s in tuple(x)),
            "numbers from 0 up, or -1 (estimated)",
        )
        self._need("history_guidance", lambda x: all(map(_finite, tuple(x))), "finite numbers")
        self._need(
            "history_guidance_levels",
            lambda x: all(_finite(k) and 0 < k <= 1 for k in tuple(x)),
            "numbers above 0, to 1",
        )
        whole = f"integers from 0 to planner.steps, {self.steps}"
        self._need(
            "rows", lambda x: all(_whole(k) and 0 <= k <= self.steps for k in tuple(x)), whole
        )

    def _need(self, name: str, valid: Callable[[Any], bool], what: str) -> None:
        value = getattr(self, name)
        if not valid(value):
            raise UserError(f"planner.{name} must be {what}, got {value!r}")

    def make_matrix(self, horizon: int) -> np.ndarray:
        """The scheduling matrix `[M+1, horizon]`."""
        return make_matrix(self.matrix, horizon, self.steps, self.slope, self.rows)

    def warm_start_matrix(self, horizon: int) -> np.ndarray:
        """The scheduling matrix `[M+1, horizon]` from a guess on."""
        return grouped(horizon, self.warm_steps, self.warm_tokens)

    def make_solver(self) -> Solver:
        """The per-token solver."""
        return Solver(self.solver, self.eta, self.clip or None, self.temperature)


def _whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _finite(value: Any) -> bool:
    return isinstance(value, Real) and math.isfinite(value)
