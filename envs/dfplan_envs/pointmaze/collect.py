"""Collect D4RL-style data on a PointMaze into a local Minari data set."""

import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium as gym
import minari
import numpy as np
from minari.data_collector import EpisodeBuffer

from dfplan_envs.pointmaze.env import PointMazeEnv
from dfplan_envs.pointmaze.maps import MAPS, Maze
from dfplan_envs.pointmaze.protocol import PROTOCOLS
from dfplan_envs.pointmaze.simulate import Recording, simulate
from dfplan_envs.tasks import SCORES

EPISODE_STEPS = 1000
DESCRIPTION = (
    "A waypoint controller drives a ball to one random goal after the other, without a reset in "
    "between (D4RL's Maze2D protocol, PD gains 10/-1, action noise 0.5). desired_goal is the goal "
    "that the controller heads for at that step, so it changes within an episode; the reward is 1 "
    "for a step that ends within 0.5 m of it."
)


def collect(
    env_id: str,
    dataset_id: str,
    *,
    steps: int,
    seed: int = 0,
    env_kwargs: dict[str, Any] | None = None,
    progress: Callable[[int], None] | None = None,
) -> minari.MinariDataset:
    """Drive many mazes with the waypoint controller, and write what happened.

    The data depends on the map alone, not on the protocol or the goals of `env_id`: the data set
    names D4RL's random-goal environment on that map as its own. The same seed gives the same data,
    bit for bit. Episodes last about 1000 steps and are truncated, never terminated.

    Args:
        env_id: a PointMaze id.
        dataset_id: Minari id to write; must be free.
        steps: control steps in all, at least 1.
        seed: seeds everything.
        env_kwargs: arguments of `gymnasium.make`, such as `maze_map`.
        progress: called now and then with the steps simulated so far.

    Raises:
        ValueError: if `steps` is not positive, the map is bad, or `env_id` is no PointMaze.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    env, maze = _data_env(env_id, env_kwargs or {})
    size = math.ceil(steps / EPISODE_STEPS)
    length = math.ceil(steps / size)
    recording = simulate(maze, size, length, np.random.default_rng(seed), progress=progress)
    if progress is not None:
        progress(steps)
    short = size * length - steps  # that many episodes are one step shorter
    lengths = [length - 1] * short + [length] * (size - short)
    return _write(env, _name(maze), dataset_id, list(_episodes(recording, lengths)), seed)


def _data_env(env_id: str, env_kwargs: dict[str, Any]) -> tuple[gym.Env, Maze]:
    env = gym.make(env_id, **env_kwargs)
    if not isinstance(env.unwrapped, PointMazeEnv):
        raise ValueError(f"{env_id} is no PointMaze; this collector drives only those")
    maze = env.unwrapped.maze
    name = _name(maze)
    if name is not None:
        return gym.make(f"dfplan/PointMaze_{name}_D4RL-v0"), maze
    steps = env.spec.max_episode_steps if env.spec else None
    own = {"maze_map": list(maze.rows), "max_episode_steps": steps}
    return gym.make("dfplan/PointMaze_D4RL-v0", **own), maze


def _name(maze: Maze) -> str | None:
    return next((name for name, rows in MAPS.items() if rows == maze.rows), None)


def _episodes(recording: Recording, lengths: list[int]) -> Iterator[EpisodeBuffer]:
    radius = PROTOCOLS["d4rl"].radius
    for i, length in enumerate(lengths):
        states, goals = recording.states[i, : length + 1], recording.goals[i, : length + 1]
        distance = np.linalg.norm(states[1:, :2] - goals[:-1], axis=-1)
        truncations = np.zeros(length, bool)
        truncations[-1:] = True
        # Minari's types ask for lists, its storage takes arrays, and much faster.
        arrays: dict[str, Any] = {
            "observations": {
                "observation": states,
                "achieved_goal": states[:, :2],
                "desired_goal": goals,
            },
            "actions": recording.actions[i, :length],
            "rewards": (distance <= radius).astype(np.float64),
            "terminations": np.zeros(length, bool),
            "truncations": truncations,
        }
        yield EpisodeBuffer(id=i, **arrays)


def _write(
    env: gym.Env, maze: str | None, dataset_id: str, episodes: list[EpisodeBuffer], seed: int
) -> minari.MinariDataset:
    score = SCORES[maze] if maze else {"min": None, "max": None}
    with warnings.catch_warnings():
        # Minari asks for a permalink and an address, which a local data set has no use for.
        warnings.filterwarnings("ignore", message="`(code_permalink|author_email)` is set to None")
        return minari.create_dataset_from_buffers(
            dataset_id,
            buffer=episodes,
            env=env,
            eval_env=env,
            algorithm_name=f"dfplan_envs waypoint controller, seed {seed}",
            author="dfplan",
            description=DESCRIPTION,
            ref_min_score=score["min"],
            ref_max_score=score["max"],
            requirements=["dfplan-envs"],
        )
