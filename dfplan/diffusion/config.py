"""DiffusionConfig: the choices that training and sampling must agree on."""

import dataclasses

from dfplan.diffusion.parametrize import PARAMETRIZATIONS
from dfplan.diffusion.schedules import SCHEDULES, Schedule
from dfplan.types import check_choice
from dfplan.util.validate import check_integers, naming

MAX_LEVELS = 1_000_000
"""Largest number of noise levels; float32 cannot distinguish more."""


@dataclasses.dataclass(frozen=True)
class DiffusionConfig:
    """Noise schedule and what the network predicts.

    Attributes:
        schedule: Noise schedule with its parameters: "cosine:shift=1.6", "linear_beta", "sigmoid",
            or one that another package registers.
        parametrization: Prediction of the network: "x0", "eps" or "v".
        num_levels: Number K of discrete noise levels above 0; 0 for continuous levels.

    Raises:
        UserError: If a value is unknown or out of range.
    """

    schedule: str = "cosine:shift=1.6"
    parametrization: str = "v"
    num_levels: int = 0

    def __post_init__(self):
        with naming("diffusion.schedule"):
            self.make_schedule()
        check_choice("diffusion.parametrization", self.parametrization, PARAMETRIZATIONS)
        check_integers(self, "diffusion.", minimum=0, names=["num_levels"], maximum=MAX_LEVELS)

    def make_schedule(self) -> Schedule:
        """Return the noise schedule."""
        return SCHEDULES.make(self.schedule)
