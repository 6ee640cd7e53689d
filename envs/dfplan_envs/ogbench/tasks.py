"""Task records of OGBench's mazes for the point and the ant; see `dfplan_envs.tasks`."""

import dataclasses
from typing import Any

MAZES = ("medium", "large", "giant", "teleport")
DESCRIPTIONS = {
    "navigate": "long routes to random goals",
    "stitch": "pieces of four cells, to be put together",
    "explore": "random directions with much noise",
}


@dataclasses.dataclass(frozen=True)
class MazeFamily:
    """The mazes of a robot.

    Attributes:
        name: OGBench's name of the robot's mazes.
        sizes: Names of the mazes for each kind of data.
        preset: Settings of its tasks.
    """

    name: str
    sizes: dict[str, tuple[str, ...]]
    preset: dict[str, Any]


STEPS = {"navigate": 1_000_000, "stitch": 1_000_000, "explore": 5_000_000}
"""Control steps of OGBench's datasets."""
PRESET = {
    # One token for each cell that the data covers, and the longest route in one window.
    "data.stride": 24,
    "data.tokens": 32,
    "data.stitch": True,
    # A goal behind a wall is near: a plan through the wall must cost more than the detour.
    "planner.ood_penalty": 50.0,
    "planner.candidates": 8,
    # Half a token ahead; farther ahead, robots cut corners and lean on walls.
    "planner.low_level_controller": "policy:lookahead=12",
    # Robots move alike everywhere.
    "policy.relative_dims": [0, 1],
    "planner.replan_every": 20,
    # Refining the remaining plan keeps to one way around where several are equally long.
    "planner.warm_start.level": 0.8,
}
GOAL_TOLERANCE = 1.0
"""Distance at which OGBench counts the point's goal as reached, in meters."""
POINT = MazeFamily(
    name="pointmaze",
    sizes={"navigate": MAZES, "stitch": MAZES},
    preset={
        **PRESET,
        "planner.goal.tolerance": GOAL_TOLERANCE,
        # Which actions are fast is easily told of a point.
        "policy.sharpness": 3.0,
    },
)
ANT = MazeFamily(
    name="antmaze",
    sizes={"navigate": MAZES, "stitch": MAZES, "explore": ("medium", "large", "teleport")},
    preset={
        **PRESET,
        # The position alone is planned; the joints are left to the low-level controller.
        "data.plan_dims": [0, 1],
        "planner.goal.tolerance": 0.5,  # OGBench's for the ant, in meters
        # Cloned, as the advantage of one step of a gait is smaller than its error.
        "policy.sharpness": 0.0,
    },
)


def _record(family: MazeFamily, size: str, kind: str) -> dict[str, Any]:
    name = f"{family.name}-{size}"
    preset = dict(family.preset)
    if size == "teleport":
        preset["data.split_at_chance"] = True
    return {
        "description": f"OGBench's {name} (needs ogbench), data: {DESCRIPTIONS[kind]}",
        "env": f"ogbench.locomaze:{name}-v0",
        "env_kwargs": {},
        "dataset": f"ogbench/{name}-{kind}-v0",
        "collector": f"dfplan_envs.ogbench.collect:collect_{kind}",
        "collect_steps": STEPS[kind],
        "policy": "",
        "tracker": "",
        "checkpoint": "",
        "goal_dims": [0, 1],
        "positions": [0, 1],
        "score": None,
        "protocol": "ogbench",
        "preset": preset,
    }


OGBENCH_TASKS: dict[str, dict[str, Any]] = {
    f"ogbench-{family.name}-{size}-{kind}": _record(family, size, kind)
    for family in (POINT, ANT)
    for kind, sizes in family.sizes.items()
    for size in sizes
}
