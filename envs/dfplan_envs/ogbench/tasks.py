"""Task records of OGBench's mazes for the point and the ant; see `dfplan_envs.tasks`."""

import dataclasses
from typing import Any

MAZES = ("medium", "large", "giant", "teleport")
DESCRIPTIONS = {
    "navigate": "long routes to random goals",
    "stitch": "short pieces of four cells, to be combined",
    "explore": "random directions with strong noise",
}


@dataclasses.dataclass(frozen=True)
class MazeFamily:
    """A robot's mazes.

    Attributes:
        name: OGBench's name for them.
        sizes: Names of the mazes for each kind of data.
        preset: Settings of its tasks.
    """

    name: str
    sizes: dict[str, tuple[str, ...]]
    preset: dict[str, Any]


STEPS = {"navigate": 1_000_000, "stitch": 1_000_000, "explore": 5_000_000}
"""Control steps of OGBench's datasets."""
PRESET = {
    # A token is about as long as a cell, and a window as the longest route.
    "data.stride": 24,
    "data.tokens": 32,
    "data.stitch": True,
    # A plan through a wall must cost more than the detour to a goal behind it.
    "planner.ood_penalty": 50.0,
    "planner.candidates": 8,
    # Half a token ahead; farther ahead, robots cut corners and lean on walls.
    "planner.low_level_controller": "policy:lookahead=12",
    # The robots' dynamics are the same everywhere.
    "policy.relative_dims": [0, 1],
    "planner.replan_every": 20,
    # A warm start keeps to the chosen route where several are equally long.
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
        # The value network learns easily which actions of a point are fast.
        "policy.sharpness": 3.0,
    },
)
ANT = MazeFamily(
    name="antmaze",
    sizes={"navigate": MAZES, "stitch": MAZES, "explore": ("medium", "large", "teleport")},
    preset={
        **PRESET,
        # Only the position is planned; the low-level policy moves the joints.
        "data.plan_dims": [0, 1],
        "planner.goal.tolerance": 0.5,  # OGBench's for the ant, in meters
        # An ant that touches a wall with its legs may turn over.
        "planner.low_level_controller": "policy:lookahead=12,path=spline,clearance=2.4",
        # Behavior cloning, as the advantage of one step of a gait is smaller than its error.
        "policy.sharpness": 0.0,
    },
)


PRETRAINED = (
    "ogbench-pointmaze-giant-stitch",
    "ogbench-antmaze-large-navigate",
    "ogbench-antmaze-giant-stitch",
)
"""Tasks with a pretrained planner."""


def _record(family: MazeFamily, size: str, kind: str) -> dict[str, Any]:
    name = f"{family.name}-{size}"
    task = f"ogbench-{name}-{kind}"
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
        "checkpoint": f"dfplan_envs:checkpoints/{task}" if task in PRETRAINED else "",
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
