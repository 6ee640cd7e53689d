"""OGBench's ant: many at once move exactly as in the environment, and walk where they should."""

import gymnasium as gym
import numpy as np
import pytest

pytest.importorskip("ogbench")

from dfplan_envs.ogbench.ant import AntBatch
from dfplan_envs.ogbench.cells import MazeCells

ENDLESS = {"terminate_at_goal": False, "max_episode_steps": 10**9}
ANTS = 3


def env_id(maze):
    return f"ogbench.locomaze:antmaze-{maze}-v0"


def make_maze(name):
    return gym.make(env_id(name), **ENDLESS).unwrapped


@pytest.fixture(scope="module", params=["medium", "teleport"])
def maze(request):
    return make_maze(request.param)


def reset_pair(maze, seeds):
    """Return the observations of the environment after resets, and a batch reset to the same."""
    np.random.seed(0)  # noqa: NPY002
    observations = np.stack([maze.reset(seed=seed)[0] for seed in seeds])
    ants = AntBatch(maze.model, MazeCells(maze.maze_map), len(seeds))
    ants.reset(observations[:, :2], [np.random.default_rng(seed) for seed in seeds])
    return observations, ants


def test_resets_equal_those_of_the_environment_to_the_last_bit(maze):
    expected, ants = reset_pair(maze, seeds=range(ANTS))
    np.testing.assert_array_equal(ants.observe(), expected)
    np.testing.assert_array_equal(ants.positions(), expected[:, :2])


def test_steps_equal_those_of_the_environment_to_the_last_bit(maze):
    _, ants = reset_pair(maze, seeds=[11, 12])
    corner = np.array([-1.6, -1.6])  # The first cell, about the origin, has walls on two sides.
    second_cell = np.array([4.0, 0.0])
    moved = np.array([1])
    rng = np.random.default_rng(2)
    wall_contacts = 0
    for step in range(120):
        if step in (0, 80):  # As teleporters do.
            position = second_cell if step else corner
            maze.set_xy(position)
            ants.place(moved, position[None])
            np.testing.assert_array_equal(ants.observe()[1], maze.get_ob())
        actions = rng.uniform(-1, 1, (2, 8))
        observation, *_ = maze.step(actions[1])
        ants.step(actions)
        np.testing.assert_array_equal(ants.observe()[1], observation)
        names = {maze.model.geom(geom).name for geom in maze.data.contact.geom.ravel()}
        wall_contacts += any(name.startswith("block") for name in names)
    assert wall_contacts > 10
