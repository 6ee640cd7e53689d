"""Settings of the tokens that a planner is trained on."""

import dataclasses

from dfplan.types import UserError, check_choice

FRAMES = ("last", "stack")
GOALS = ("state", "reward")


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """How trajectories become token sequences.

    Attributes:
        stride: control steps per token.
        frames: "last" keeps the state at the token's own step; "stack" the `stride` states up to it
            (Diffusion Forcing's frame stacking).
        actions: tokens also hold the `stride` actions that led there (for diffused actions).
        tokens: state tokens per training window, without the goal token; 0 takes as many as the
            data's own trips to a goal ask for (`dfplan.data.goal_intervals`).
        goal_horizon: longest hindsight goal, in tokens; 0 means `tokens`.
        goal_decay: hindsight distances have density exp(-goal_decay * distance / goal_horizon).
        start_fraction: share of windows that begin at an episode's first step, as a plan after a
            reset does; the others begin anywhere.
        before_start: tokens by which those windows reach back before their episode, at most. These
            are missing, as they are in a planner's history early in an episode: `planner.history.tokens`
            - 1 shows training all that such a planner meets.
        rest_dims: state dimensions that are zero at rest. A state at or after the goal repeats the
            goal's state with these at zero, so that plans learn to arrive and stay. Tokens with
            actions end at the goal instead: no action is known that stays.
        goal: what plans are for: "state", to reach one (or to imitate, where no goal is named), or
            "reward", for as much of it as there is to get. The first token then holds how good a
            window's return is, see `TokenLayout.return_quantile_token`.

    Raises:
        UserError: when a value is out of range.
    """

    stride: int = 1
    frames: str = "last"
    actions: bool = False
    tokens: int = 32
    goal_horizon: int = 0
    goal_decay: float = 1.0
    start_fraction: float = 0.0
    before_start: int = 0
    rest_dims: tuple[int, ...] = ()
    goal: str = "state"

    def __post_init__(self):
        check_choice("data.goal", self.goal, GOALS)
        check_choice("data.frames", self.frames, FRAMES)
        if self.tokens != 0 and not self.tokens >= 2:
            raise UserError(f"data.tokens must be at least 2, or 0 (automatic), got {self.tokens}")
        lows = {"stride": 1, "goal_horizon": 0, "goal_decay": 0, "before_start": 0}
        for name, low in lows.items():
            if not getattr(self, name) >= low:  # NaN is no number to use either
                raise UserError(f"data.{name} must be at least {low}, got {getattr(self, name)}")
        if self.tokens and self.before_start >= self.tokens:
            raise UserError(
                f"data.before_start {self.before_start} leaves no token of the episode in a window "
                f"of {self.tokens}; valid: 0 to {self.tokens - 1}"
            )
        if not 0 <= self.start_fraction <= 1:
            raise UserError(f"data.start_fraction must be in [0, 1], got {self.start_fraction}")
        object.__setattr__(self, "rest_dims", tuple(self.rest_dims))
