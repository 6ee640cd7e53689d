"""Settings of the critic."""

import dataclasses

from dfplan.nets.mlp_fit import check_fit_settings
from dfplan.util.validate import check_integers, check_numbers


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
        open_ends = {"open_low": True, "open_high": True}
        check_numbers(self, "value.", ["discount"], high=1.0, **open_ends)
        check_integers(self, "value.", minimum=2, names=["members"], maximum=100)
        check_fit_settings(self, "value.")
