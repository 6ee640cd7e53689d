"""The ids that dfplan_envs adds to Gymnasium's registry."""

from typing import Any

import gymnasium as gym

POINTMAZE = "dfplan_envs.pointmaze.env:PointMazeEnv"
TMAZE = "dfplan_envs.tmaze.env:TMazeEnv"
EPISODE_STEPS = {"UMaze": 300, "Medium": 600, "Large": 800}

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
    """Register every id of `ENV_SPECS`; calling it again changes nothing.

    `dfplan/PointMaze_D4RL-v0` and `dfplan/PointMaze_Robotics-v0` take `maze_map=` and
    `max_episode_steps=` in `gymnasium.make`; the others bring their own.
    """
    for env_id, spec in ENV_SPECS.items():
        if env_id not in gym.registry:
            gym.register(env_id, entry_point=ENTRY_POINTS[env_id], **spec)
