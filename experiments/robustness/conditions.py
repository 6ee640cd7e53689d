"""What the planner is put through, and what it is told of it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

NOISE = "obs_noise=0.2,0.2,0,0"
"""0.2 m on both positions, at every control step; velocities are read exactly."""
DECLARED = {"observation_noise": (0.2, 0.2, 0.0, 0.0)}
DROPOUT, BURSTS = "obs_dropout=0.5", "obs_burst=20,period=50"
PUSHES = "push=0.5,duration=10,period=50"


@dataclasses.dataclass(frozen=True)
class Condition:
    """A row of the table.

    Attributes:
        label: of the row.
        perturb: perturbations, as on the command line.
        planner: planner settings that are changed.
        target: what the row is to show, over the row without perturbations: least reach rate, and
            greatest first reach; None where it has none.
    """

    label: str
    perturb: tuple[str, ...] = ()
    planner: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    target: tuple[float | None, float | None] = (None, None)


CONDITIONS = {
    "clean": Condition("no perturbation"),
    "declared": Condition("noise, declared", (NOISE,), DECLARED, (0.98, 1.15)),
    "undeclared": Condition("noise, undeclared", (NOISE,)),
    "estimated": Condition(
        "noise, estimated by the planner", (NOISE,), {"observation_noise": (-1.0,)}
    ),
    "dropout": Condition(
        "half of all observations missing", (DROPOUT,), {"missing": True}, (0.98, None)
    ),
    "bursts": Condition(
        "20 of every 50 observations missing in a row", (BURSTS,), {"missing": True}, (0.95, None)
    ),
    "pushes": Condition(
        "pushes: half the actuators' force, 10 of every 50 steps", (PUSHES,), {}, (0.98, None)
    ),
    "together": Condition(
        "noise, half missing and pushes at once",
        (NOISE, DROPOUT, PUSHES),
        {**DECLARED, "missing": True},
    ),
}
FILTER_TARGET = 0.5
"""Greatest error of the states acted on, over that of the readings, with declared noise."""
