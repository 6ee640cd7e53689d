"""Task records: how dfplan finds these environments, their data and their trackers.

`TASKS` is plain JSON data, found through the entry-point group `dfplan.tasks`.
"""

from typing import Any

SCORES: dict[str, dict[str, float]] = {
    "UMaze": {"min": 23.85, "max": 161.86},
    "Medium": {"min": 13.13, "max": 277.39},
    "Large": {"min": 6.7, "max": 273.99},
}
"""D4RL's reference returns (d4rl/infos.py), of a random policy and of its own controller."""

COLLECT_STEPS = {"UMaze": 500_000, "Medium": 1_000_000, "Large": 1_000_000}


def _record(maze: str, env: str, description: str, score: Any, tolerance: float) -> dict[str, Any]:
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
            # A token every 0.24 s; as many as the data's own trips ask for. Every 0.12 s plans no
            # better and takes up to twice the time.
            "data.stride": 24,
            "data.tokens": 0,
            "data.goal_decay": 0.5,
            "data.start_fraction": 0.1,
            "data.rest_dims": [2, 3],
            "planner.action": "tracker",
            "planner.goal_tolerance": tolerance,
            "planner.replan_every": 20,
            # A plan from what is left of the last one is as good, and sooner there on long ways.
            "planner.warm": 0.8,
        },
    }


TMAZE: dict[str, Any] = {
    "description": "T-maze: a cue at the start names the arm to go to; needs memory",
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
        # A token every 0.2 s. History reaches back 3.8 s, over the slowest way to the junction.
        "data.stride": 20,
        "data.tokens": 28,
        "data.start_fraction": 0.5,
        "data.before_start": 19,
        # The cue is shown once: in a noised history it would mostly be lost.
        "training.objective.history_clean": 1.0,
        "training.objective.history_ramp": 0.0,
        "planner.history": 20,
        "planner.horizon": 8,
        "planner.action": "tracker",
        "planner.candidates": 1,
        "planner.replan_every": 20,
    },
}


def _tasks() -> dict[str, dict[str, Any]]:
    tasks = {}
    for maze, score in SCORES.items():
        name, env = f"pointmaze-{maze.lower()}", f"dfplan/PointMaze_{maze}"
        tasks[name] = _record(
            maze, f"{env}_D4RL-v0", f"D4RL's {maze} maze, random goals (Multi2D)", score, 0.5
        )
        tasks[f"{name}-fixed"] = _record(
            maze, f"{env}_D4RL_Fixed-v0", f"D4RL's {maze} maze, its fixed goal (Maze2D)", score, 0.5
        )
        # D4RL's constants do not hold for episodes that end at the goal.
        tasks[f"{name}-robotics"] = _record(
            maze,
            f"{env}_Robotics-v0",
            f"Gymnasium-Robotics' {maze} maze: radius 0.45 m, ends at the goal",
            None,
            0.45,
        )
    tasks["pointmaze"] = {
        **_record("Medium", "dfplan/PointMaze_D4RL-v0", "your own map, random goals", None, 0.5),
        "description": "your own map (env_kwargs: maze_map), D4RL's protocol, random goals",
        "dataset": "dfplan/pointmaze-v0",
        "checkpoint": "",
    }
    return tasks | {"tmaze": TMAZE}


TASKS: dict[str, dict[str, Any]] = _tasks()
