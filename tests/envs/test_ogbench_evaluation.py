"""Evaluation in OGBench's own mazes, against a scorer written like its `impls/utils/evaluation.py`.

In the teleport maze an episode depends on numbers drawn from `np.random` at its steps.
"""

import functools

import gymnasium as gym
import numpy as np
import pytest

pytest.importorskip("ogbench")

from dfplan.evaluation.metrics import measure
from dfplan.evaluation.play import run_episodes
from dfplan.representation.layout import Layout
from dfplan.tasks.ogbench import OGBenchProtocol
from dfplan_envs.ogbench.cells import MazeCells

SEED = 70
EPISODES = 15
LIMIT = 150
LAYOUT = Layout(2, 2, goal_dims=(0, 1))


class Walker:
    """Walks to its goal by the map, and through teleporters that lie on its route."""

    def __init__(self, cells):
        self.cells = cells

    def reset(self, mask=None, *, seed=None):
        pass

    def act(self, observation, goal=None, *, episode_over=None):
        position = np.asarray(observation)
        cells = self.cells
        target = cells.centers[cells.next_cell[cells.locate(goal), cells.locate(position)]]
        offset = target - position
        return offset / np.maximum(np.linalg.norm(offset, axis=-1, keepdims=True), 1e-6)


def play_by_hand(agent, make):
    """Success of each episode, and the number of teleports."""
    env = make()
    success = []
    teleports = 0
    for i in range(EPISODES):
        np.random.seed(SEED + i)  # noqa: NPY002
        env.action_space.seed(SEED + i)
        observation, info = env.reset(seed=SEED + i, options={"task_id": i // (EPISODES // 5) + 1})
        goal = info["goal"]
        agent.reset(seed=[SEED + i])
        done = False
        while not done:
            action = agent.act(observation[None], goal=goal[None])[0]
            previous = observation
            observation, _, terminated, truncated, info = env.step(action)
            teleports += np.linalg.norm(observation - previous) > 1
            done = terminated or truncated
        success.append(info["success"])
    env.close()
    return success, teleports


@pytest.mark.parametrize("maze", ["medium", "teleport"])
def test_every_episode_ends_as_the_scorer_says(maze):
    env_id = f"ogbench.locomaze:pointmaze-{maze}-v0"
    make = functools.partial(gym.make, env_id, max_episode_steps=LIMIT)
    agent = Walker(MazeCells(np.asarray(make().unwrapped.maze_map)))
    expected, teleports = play_by_hand(agent, make)
    assert 0.1 < np.mean(expected) < 0.9 and (teleports > 5) == (maze == "teleport")
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    episodes = run_episodes(
        agent,
        make,
        np.arange(SEED, SEED + EPISODES),
        state=LAYOUT.state,
        goal=LAYOUT.goal,
        goal_dims=LAYOUT.goal_dims,
        protocol=OGBenchProtocol(),
    )
    np.testing.assert_array_equal(measure(episodes)["success_rate"], expected)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
