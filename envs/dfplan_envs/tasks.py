"""Task records that tell dfplan about the environments, their datasets and their trackers.

`TASKS` is plain JSON data; dfplan discovers it through the entry-point group `dfplan.tasks`.
"""

from typing import Any

from dfplan_envs.locomotion.tasks import LOCOMOTION_TASKS
from dfplan_envs.ogbench.manipulation.tasks import MANIPULATION_TASKS
from dfplan_envs.ogbench.tasks import OGBENCH_TASKS

SCORES: dict[str, dict[str, float]] = {
    "UMaze": {"min": 23.85, "max": 161.86},
    "Medium": {"min": 13.13, "max": 277.39},
    "Large": {"min": 6.7, "max": 273.99},
}
"""Returns of a random policy and of D4RL's controller, which normalize scores (d4rl/infos.py)."""

COLLECT_STEPS = {"UMaze": 500_000, "Medium": 1_000_000, "Large": 1_000_000}
"""Control steps in the dataset of each maze."""


def _pointmaze_record(
    maze: str,
    env: str,
    description: str,
    score: dict[str, float] | None,
    goal_tolerance: float,
) -> dict[str, Any]:
    return {
        "description": description,
        "env": env,
        "env_kwargs": {},
        "dataset": f"dfplan/pointmaze-{maze.lower()}-v0",
        "collector": "dfplan_envs.pointmaze.collect:collect",
        "collect_steps": COLLECT_STEPS[maze],
        "policy": "dfplan_envs.pointmaze.controller:WaypointPolicy",
        "tracker": "dfplan_envs.pointmaze.pursuit:track",
        "checkpoint": f"dfplan_envs:checkpoints/pointmaze-{maze.lower()}",
        "positions": [0, 1],
        "score": score,
        "preset": {
            # One token every 0.24 s; 0 tokens means that the number is derived from the data. One
            # token every 0.12 s plans no better and takes up to twice the time.
            "data.stride": 24,
            "data.tokens": 0,
            "data.goal_decay": 0.5,
            "data.start_fraction": 0.1,
            "data.rest_dims": [2, 3],
            "planner.low_level_controller": "tracker",
            "planner.goal.tolerance": goal_tolerance,
            "planner.replan_every": 20,
            # Refining the remaining plan gives equally good plans, and is faster on long paths.
            "planner.warm_start.level": 0.8,
        },
    }


TMAZE: dict[str, Any] = {
    "description": "T-maze: a cue shown at the start tells which arm to enter; requires memory",
    "env": "dfplan/TMaze-v0",
    "env_kwargs": {},
    "dataset": "dfplan/tmaze-v0",
    "collector": "",
    "collect_steps": 150_000,
    "policy": "dfplan_envs.tmaze.policy:CuePolicy",
    "tracker": "dfplan_envs.tmaze.tracking:track",
    "checkpoint": "",
    "positions": [0, 1],
    "score": None,
    "preset": {
        # One token every 0.2 s. History spans 3.8 s, longer than the slowest run to the junction.
        "data.stride": 20,
        "data.tokens": 28,
        "data.start_fraction": 0.5,
        "data.before_start": 19,
        # The cue is shown only once; noised history would mostly hide it.
        "training.objective.history.clean": 1.0,
        "training.objective.history.ramp": 0.0,
        "planner.history.tokens": 20,
        "planner.horizon": 8,
        "planner.low_level_controller": "tracker",
        "planner.candidates": 1,
        "planner.replan_every": 20,
    },
}


def _make_tasks() -> dict[str, dict[str, Any]]:
    tasks = {}
    for maze, score in SCORES.items():
        name = f"pointmaze-{maze.lower()}"
        env = f"dfplan/PointMaze_{maze}"
        tasks[name] = _pointmaze_record(
            maze=maze,
            env=f"{env}_D4RL-v0",
            description=f"D4RL's {maze} maze, random goals (Multi2D)",
            score=score,
            goal_tolerance=0.5,
        )
        tasks[f"{name}-fixed"] = _pointmaze_record(
            maze=maze,
            env=f"{env}_D4RL_Fixed-v0",
            description=f"D4RL's {maze} maze, fixed goal (Maze2D)",
            score=score,
            goal_tolerance=0.5,
        )
        tasks[f"{name}-robotics"] = _pointmaze_record(
            maze=maze,
            env=f"{env}_Robotics-v0",
            description=f"Gymnasium-Robotics' {maze} maze, 0.45 m radius, ends at the goal",
            # D4RL's scores do not apply to episodes that end at the goal.
            score=None,
            goal_tolerance=0.45,
        )
    tasks["pointmaze"] = {
        **_pointmaze_record(
            maze="Medium",
            env="dfplan/PointMaze_D4RL-v0",
            description="your own map (env_kwargs: maze_map), D4RL's rules, random goals",
            score=None,
            goal_tolerance=0.5,
        ),
        "dataset": "dfplan/pointmaze-v0",
        "checkpoint": "",
    }
    return tasks | {"tmaze": TMAZE} | OGBENCH_TASKS | MANIPULATION_TASKS | LOCOMOTION_TASKS


TASKS: dict[str, dict[str, Any]] = _make_tasks()
