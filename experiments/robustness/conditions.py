"""Conditions: perturbations of the environment, and what the planner is told about them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

NOISE = "obs_noise=0.2,0.2,0,0"
"""0.2 m on both positions, at every control step; velocities are read exactly."""
DECLARED = {"sensing.observation_noise": (0.2, 0.2, 0.0, 0.0)}
DROPOUT = "obs_dropout=0.5"
BURSTS = "obs_burst=20,period=50"
PUSHES = "push=0.5,duration=10,period=50"


@dataclasses.dataclass(frozen=True)
class Condition:
    """A row of the table.

    Attributes:
        label: Row label.
        perturb: Perturbations, as on the command line.
        planner: Planner settings to change.
        min_reach: Smallest acceptable reach rate, as a ratio to the unperturbed row, or None.
        max_first_reach: Largest acceptable first reach, as a ratio to the unperturbed row, or None.
    """

    label: str
    perturb: tuple[str, ...] = ()
    planner: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    min_reach: float | None = None
    max_first_reach: float | None = None


CONDITIONS = {
    "clean": Condition("no perturbation"),
    "declared": Condition(
        "noise, declared", (NOISE,), DECLARED, min_reach=0.98, max_first_reach=1.15
    ),
    "undeclared": Condition("noise, undeclared", (NOISE,)),
    "estimated": Condition(
        "noise, estimated by the planner", (NOISE,), {"sensing.observation_noise": (-1.0,)}
    ),
    "dropout": Condition(
        "half of all observations missing", (DROPOUT,), {"sensing.missing": True}, min_reach=0.98
    ),
    "bursts": Condition(
        "20 of every 50 observations missing in a row",
        (BURSTS,),
        {"sensing.missing": True},
        min_reach=0.95,
    ),
    "pushes": Condition(
        "pushes: half the actuators' force, 10 of every 50 steps", (PUSHES,), min_reach=0.98
    ),
    "together": Condition(
        "noise, half missing and pushes at once",
        (NOISE, DROPOUT, PUSHES),
        {**DECLARED, "sensing.missing": True},
    ),
}
MAX_FILTER_ERROR = 0.5
"""Largest acceptable error of the filtered states, as a ratio to the readings, if declared."""
