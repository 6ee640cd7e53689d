"""DiffusionConfig: the choices that the trainer and the sampler must agree on."""

import dataclasses

from dfplan.diffusion.parametrize import PARAMETRIZATIONS
from dfplan.diffusion.schedule import SCHEDULES, Schedule, make_schedule
from dfplan.types import UserError, check_choice


@dataclasses.dataclass(frozen=True)
class DiffusionConfig:
    """Noise schedule and what the network predicts.

    Attributes:
        schedule: "cosine", "linear_beta" or "sigmoid".
        shift: added to the cosine schedule's log-SNR, in nats; positive means cleaner levels.
        parametrization: "x0", "eps" or "v".
        levels: K, number of discrete noise levels above 0; 0 for continuous ones.

    Raises:
        UserError: on an unknown name, a negative number, or a shift for a schedule without one.
    """

    schedule: str = "cosine"
    shift: float = 1.6
    parametrization: str = "v"
    levels: int = 0

    def __post_init__(self):
        check_choice("diffusion.schedule", self.schedule, SCHEDULES)
        check_choice("diffusion.parametrization", self.parametrization, PARAMETRIZATIONS)
        if self.levels < 0:
            raise UserError(f"diffusion.levels must be at least 0, got {self.levels}")
        if self.shift and self.schedule != "cosine":
            raise UserError(
                f"diffusion.shift {self.shift} needs the cosine schedule, not {self.schedule!r}"
            )

    def make_schedule(self) -> Schedule:
        """The noise schedule."""
        options = {"shift": self.shift} if self.schedule == "cosine" else {}
        return make_schedule(self.schedule, **options)
