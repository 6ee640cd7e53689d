"""Collection of D4RL-style PointMaze data."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium as gym
import numpy as np
from minari.data_collector import EpisodeBuffer

from dfplan_envs.buffers import make_buffer
from dfplan_envs.pointmaze.env import PointMazeEnv
from dfplan_envs.pointmaze.maps import MAPS, Maze
from dfplan_envs.pointmaze.rules import RULES
from dfplan_envs.pointmaze.simulate import Recording, simulate
from dfplan_envs.tasks import SCORES

EPISODE_STEPS = 1000
DESCRIPTION = (
    "A waypoint controller drives a ball to a sequence of random goals, without resets in between "
    "(D4RL's Maze2D protocol, PD gains 10/-1, action noise 0.5). desired_goal is the goal that the "
    "controller heads for at that step, so it changes within an episode; the reward is 1 for a "
    "step that ends within 0.5 m of it."
)


def collect(
    env_id: str,
    *,
    steps: int,
    seed: int = 0,
    env_kwargs: dict[str, Any] | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Run the waypoint controller in a batch of mazes.

    The data depends only on the map, not on the rules or the goals of `env_id`; the dataset
    records D4RL's random-goal environment of that map as its environment. The same seed gives the
    same data, bit for bit. Episodes have about 1000 steps and are truncated, never terminated.

    Args:
        env_id: PointMaze id.
        steps: Total number of control steps, at least 1.
        seed: Seed for all random draws.
        env_kwargs: Arguments of `gymnasium.make`, such as `maze_map`.
        progress: Callback that receives the number of steps simulated so far.

    Returns:
        Arguments of `minari.create_dataset_from_buffers`: the episodes, their environment and a
        description.

    Raises:
        ValueError: If `steps` is not positive, the map is invalid, or `env_id` is not a PointMaze.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    env, maze = _make_data_env(env_id, env_kwargs or {})
    size = math.ceil(steps / EPISODE_STEPS)
    length = math.ceil(steps / size)
    recording = simulate(maze, size, length, rng=np.random.default_rng(seed), progress=progress)
    if progress is not None:
        progress(steps)
    # The steps that exceed `steps` are dropped, one from each of the first episodes.
    num_shortened = size * length - steps
    lengths = [length - 1] * num_shortened + [length] * (size - num_shortened)
    maze_name = _maze_name(maze)
    score = SCORES[maze_name] if maze_name else {"min": None, "max": None}
    return {
        "buffer": list(_make_episodes(recording, lengths)),
        "env": env,
        "eval_env": env,
        "algorithm_name": f"dfplan_envs waypoint controller, seed {seed}",
        "author": "dfplan",
        "description": DESCRIPTION,
        "ref_min_score": score["min"],
        "ref_max_score": score["max"],
        "requirements": ["dfplan-envs"],
    }


def _make_data_env(env_id: str, env_kwargs: dict[str, Any]) -> tuple[gym.Env, Maze]:
    """Make D4RL's random-goal environment on the map of `env_id`."""
    env = gym.make(env_id, **env_kwargs)
    if not isinstance(env.unwrapped, PointMazeEnv):
        raise ValueError(f"{env_id} is not a PointMaze; this collector supports only PointMaze ids")
    maze = env.unwrapped.maze
    name = _maze_name(maze)
    if name is not None:
        return gym.make(f"dfplan/PointMaze_{name}_D4RL-v0"), maze
    data_env = gym.make(
        "dfplan/PointMaze_D4RL-v0",
        maze_map=list(maze.rows),
        max_episode_steps=env.spec.max_episode_steps if env.spec else None,
    )
    return data_env, maze


def _maze_name(maze: Maze) -> str | None:
    """Return the name of a D4RL maze, or None for a custom map."""
    return next((name for name, rows in MAPS.items() if rows == maze.rows), None)


def _make_episodes(recording: Recording, lengths: list[int]) -> Iterator[EpisodeBuffer]:
    radius = RULES["d4rl"].success_radius
    for i, length in enumerate(lengths):
        states = recording.states[i, : length + 1]
        goals = recording.goals[i, : length + 1]
        distance = np.linalg.norm(states[1:, :2] - goals[:-1], axis=-1)
        observations = {
            "observation": states,
            "achieved_goal": states[:, :2],
            "desired_goal": goals,
        }
        rewards = (distance <= radius).astype(np.float64)
        yield make_buffer(observations, recording.actions[i, :length], rewards, id=i)
