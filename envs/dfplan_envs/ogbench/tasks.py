"""Task records of OGBench's point mazes; see `dfplan_envs.tasks`."""

from typing import Any

MAZES = ("medium", "large", "giant", "teleport")
DESCRIPTIONS = {
    "navigate": "long routes to random goals",
    "stitch": "pieces of four cells, to be put together",
}
STEPS = 1_000_000
GOAL_TOLERANCE = 1.0
"""Distance at which OGBench counts a goal as reached, in meters."""


def _preset(maze: str) -> dict[str, Any]:
    preset = {
        # One token for each cell that the data covers, and the longest route in one window.
        "data.stride": 24,
        "data.tokens": 32,
        "data.stitch": True,
        # A goal behind a wall is near: a plan through the wall must cost more than the detour.
        "planner.ood_penalty": 50.0,
        "planner.candidates": 8,
        "planner.goal.tolerance": GOAL_TOLERANCE,
        "planner.replan_every": 20,
    }
    if maze == "teleport":
        preset["data.split_at_chance"] = True
    return preset


def _record(maze: str, kind: str) -> dict[str, Any]:
    name = f"pointmaze-{maze}"
    return {
        "description": f"OGBench's {name} (needs ogbench), data: {DESCRIPTIONS[kind]}",
        "env": f"ogbench.locomaze:{name}-v0",
        "env_kwargs": {},
        "dataset": f"ogbench/{name}-{kind}-v0",
        "collector": f"dfplan_envs.ogbench.collect:collect_{kind}",
        "collect_steps": STEPS,
        "policy": "",
        "tracker": "",
        "checkpoint": "",
        "goal_dims": [0, 1],
        "positions": [0, 1],
        "score": None,
        "protocol": "ogbench",
        "preset": _preset(maze),
    }


OGBENCH_TASKS: dict[str, dict[str, Any]] = {
    f"ogbench-pointmaze-{maze}-{kind}": _record(maze, kind)
    for maze in MAZES
    for kind in DESCRIPTIONS
}
