"""Settings of the action critic."""

import dataclasses

from dfplan.nets.mlp_fit import check_fit_settings
from dfplan.util.validate import check_integers, check_numbers


@dataclasses.dataclass(frozen=True)
class ActionValueConfig:
    """Settings of the action critic, learned if `planner.ranker` is "action_value".

    Attributes:
        members: Networks of the action value, at least 2. Targets use their mean minus one standard
            deviation, which is the lower value of two networks.
        expectile: Expectile in [0.5, 1) of the data's action values in a state, which the value of
            the state predicts: 0.5 for the mean behavior, more for the better actions of the data
            (Kostrikov et al. 2021, arXiv 2110.06169).
        width: Width of each network's two hidden layers.
        steps: Optimizer steps.
        batch_size: Transitions per step.
        learning_rate: Adam's learning rate at the start of a cosine schedule.

    Raises:
        UserError: If a value is out of range.
    """

    members: int = 4
    expectile: float = 0.8
    width: int = 128
    steps: int = 100_000
    batch_size: int = 256
    learning_rate: float = 1e-3

    def __post_init__(self):
        prefix = "action_value."
        check_integers(self, prefix, minimum=2, names=["members"], maximum=100)
        check_numbers(self, prefix, ["expectile"], low=0.5, high=1.0, open_high=True)
        check_fit_settings(self, prefix)
