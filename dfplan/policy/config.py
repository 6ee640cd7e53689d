"""Settings of the learned low-level policy."""

import dataclasses

from dfplan.nets.mlp_fit import check_fit_settings
from dfplan.types import UserError
from dfplan.util.validate import check_integers, check_numbers, set_tuple

MAX_HORIZON = 100_000
TOKENS = 1.5
"""Horizon where `horizon` is 0, in tokens."""


@dataclasses.dataclass(frozen=True)
class PolicyConfig:
    """Settings of the low-level policy, learned if `planner.low_level_controller` is "policy".

    Attributes:
        target_dims: State dimensions that a target fixes, which must be planned; empty for those of
            a goal or, without goals, for all that are planned. An arm that moves objects steers
            toward poses of its gripper.
        horizon: Maximum distance of a target, in control steps; 0 for one and a half tokens. It
            limits how far ahead on a plan the target can be.
        relative_dims: State dimensions that the policy sees only as the offset of the target, such
            as x and y of a robot whose dynamics are the same everywhere.
        timed: Whether the control steps left until a target is due are an input, so that the policy
            keeps the plan's timing; otherwise it reaches each target as soon as it can.
        sharpness: Exponent of an action's weight per standard deviation of its advantage; 0 clones
            the data's behavior. Large values suit robots whose value is easy to learn. The
            advantage is in reward where the goal is reward, and otherwise the time saved.
        expectile: Expectile of the negative duration that the value predicts, in [0.5, 1): 0.5 for
            the mean over the data, more to weight faster episodes.
        width: Width of the two hidden layers.
        steps: Optimizer steps.
        batch_size: Transitions per step.
        learning_rate: Adam's learning rate at the start of a cosine schedule.

    Raises:
        UserError: If a value is out of range.
    """

    target_dims: tuple[int, ...] = ()
    horizon: int = 0
    relative_dims: tuple[int, ...] = ()
    timed: bool = False
    sharpness: float = 1.0
    expectile: float = 0.8
    width: int = 256
    steps: int = 10_000
    batch_size: int = 512
    learning_rate: float = 1e-3

    def __post_init__(self):
        check_integers(self, "policy.", minimum=0, names=["horizon"], maximum=MAX_HORIZON)
        check_numbers(self, "policy.", ["sharpness"], high=100.0)
        check_numbers(self, "policy.", ["expectile"], low=0.5, high=1.0, open_high=True)
        check_fit_settings(self, "policy.")
        for name in ("target_dims", "relative_dims"):
            set_tuple(self, name)
        if len(set(self.target_dims)) < len(self.target_dims):
            raise UserError(f"policy.target_dims {list(self.target_dims)} contains a duplicate")

    def max_steps(self, stride: int) -> int:
        """Return the horizon in control steps.

        Args:
            stride: Control steps per token.
        """
        return self.horizon or max(round(TOKENS * stride), 1)
