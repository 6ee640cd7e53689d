"""Settings of the critic."""

import dataclasses

from dfplan.types import UserError


@dataclasses.dataclass(frozen=True)
class ValueConfig:
    """Settings of the critic, a value of states and plans; learned if `data.goal` is "reward".

    Attributes:
        discount: Discount per control step, in (0, 1); rewards up to about 1 / (1 - discount) steps
            ahead count.
        members: Networks in the K-fold ensemble, at least 2; each is trained without 1/K of the
            episodes. A return is compared with the prediction of the network that has not seen it,
            and the value of a plan is the mean over all networks.
        width: Width of each network's two hidden layers.
        steps: Optimizer steps.
        batch_size: States per step.
        learning_rate: Adam's learning rate at the start of a cosine schedule.

    Raises:
        UserError: If a value is out of range.
    """

    discount: float = 0.99
    members: int = 4
    width: int = 64
    steps: int = 2_000
    batch_size: int = 256
    learning_rate: float = 2e-3

    def __post_init__(self):
        if not 0 < self.discount < 1:
            raise UserError(f"value.discount must be in (0, 1), got {self.discount}")
        for name, low in (("members", 2), ("width", 1), ("steps", 1), ("batch_size", 1)):
            if not getattr(self, name) >= low:
                raise UserError(f"value.{name} must be at least {low}, got {getattr(self, name)}")
        if not 0 < self.learning_rate < float("inf"):
            raise UserError(f"value.learning_rate must be above 0, got {self.learning_rate}")
