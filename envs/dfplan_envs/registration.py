"""Gymnasium ids of the tasks in dfplan_envs."""

from typing import Any

import gymnasium as gym

POINTMAZE = "dfplan_envs.pointmaze.env:PointMazeEnv"
TMAZE = "dfplan_envs.tmaze.env:TMazeEnv"
EPISODE_STEPS = {"UMaze": 300, "Medium": 600, "Large": 800}
"""Time limit of each named maze, in control steps."""

ENV_SPECS: dict[str, dict[str, Any]] = {
    "dfplan/PointMaze_D4RL-v0": {"max_episode_steps": 800, "kwargs": {}},
    "dfplan/PointMaze_Robotics-v0": {
        "max_episode_steps": 800,
        "kwargs": {"protocol": "robotics"},
    },
}
for _name, _steps in EPISODE_STEPS.items():
    for _suffix, _kwargs in {
        "D4RL": {},
        "D4RL_Fixed": {"goal": "fixed"},
        "Robotics": {"protocol": "robotics"},
    }.items():
        ENV_SPECS[f"dfplan/PointMaze_{_name}_{_suffix}-v0"] = {
            "max_episode_steps": _steps,
            "kwargs": {"maze_map": _name, **_kwargs},
        }
ENTRY_POINTS = dict.fromkeys(ENV_SPECS, POINTMAZE) | {"dfplan/TMaze-v0": TMAZE}
ENV_SPECS["dfplan/TMaze-v0"] = {"max_episode_steps": 600, "kwargs": {}}


def register_envs() -> None:
    """Register every id in `ENV_SPECS` that is not registered yet.

    `dfplan/PointMaze_D4RL-v0` and `dfplan/PointMaze_Robotics-v0` require `maze_map=` in
    `gymnasium.make` and accept `max_episode_steps=`; all other ids need no arguments.
    """
    for env_id, spec in ENV_SPECS.items():
        if env_id not in gym.registry:
            gym.register(env_id, entry_point=ENTRY_POINTS[env_id], **spec)
