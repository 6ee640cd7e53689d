"""What a plan is conditioned on: settings of its goal and of the observed history."""

import dataclasses

from dfplan.representation.config import MAX_TOKENS
from dfplan.types import UserError, check_choice
from dfplan.util.validate import check_integers, check_numbers, invalid, is_number, set_tuple

GOAL_CONDITIONING = ("token", "guidance", "both", "none")
MAX_WEIGHT = 1e6


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
        set_tuple(self, "guidance_weights")
        set_tuple(self, "guidance_levels")
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
