"""OGBench's ant: many at once move exactly as in the environment, and walk where they should."""

import gymnasium as gym
import mujoco
import numpy as np
import pytest

pytest.importorskip("ogbench")

from dfplan_envs.ogbench import ant
from dfplan_envs.ogbench.ant import AntBatch
from dfplan_envs.ogbench.cells import MazeCells
from dfplan_envs.ogbench.collect import collect_explore, collect_navigate, collect_stitch
from dfplan_envs.ogbench.procedure import Procedure, simulate

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


@pytest.fixture
def untrained(monkeypatch):
    """A policy that needs no file."""
    rng = np.random.default_rng(0)
    layers = tuple(
        (rng.normal(size=shape).astype(np.float32), np.zeros(shape[1], np.float32))
        for shape in ((29, 16), (16, 8))
    )
    monkeypatch.setattr(ant, "load_walker", lambda: layers)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.usefixtures("untrained")
@pytest.mark.parametrize("collector", [collect_navigate, collect_stitch, collect_explore])
def test_collected_actions_lead_to_the_collected_states_in_the_environment(collector):
    (episode,) = collector(env_id("medium"), steps=100, seed=5)["buffer"]
    maze = make_maze("medium")
    maze.reset()
    mujoco.mj_resetData(maze.model, maze.data)
    maze.set_state(episode.observations[0, :15], episode.observations[0, 15:])
    # MuJoCo warm-starts its solver with the last step's result, which the episode does not hold.
    observations = [maze.get_ob()] + [maze.step(action)[0] for action in episode.actions]
    np.testing.assert_allclose(observations[:20], episode.observations[:20], atol=1e-4)
    assert np.abs(episode.actions).max() == 1 and episode.actions.shape == (100, 8)


@pytest.mark.usefixtures("untrained")
def test_data_depend_neither_on_the_number_of_cores_nor_of_episodes(monkeypatch):
    def observations(cores, episodes):
        monkeypatch.setattr(ant, "available_cores", lambda: cores)
        buffer = collect_stitch(env_id("teleport"), steps=200 * episodes, seed=3)["buffer"]
        return np.stack([episode.observations for episode in buffer])

    first = observations(cores=1, episodes=3)
    np.testing.assert_array_equal(observations(cores=5, episodes=3), first)
    np.testing.assert_array_equal(observations(cores=2, episodes=1), first[:1])


class Recorder:
    """A body that stands still and remembers in which directions it should have moved."""

    action_dim = 2

    def __init__(self, size):
        self.xy = np.zeros((size, 2))
        self.directions = []

    def observe(self):
        return self.xy.copy()

    positions = observe

    def reset(self, positions, rngs):
        self.xy[:] = positions

    def place(self, rows, positions):
        self.xy[rows] = positions

    def act(self, directions):
        self.directions.append(directions.copy())
        return directions

    def step(self, actions):
        pass


def test_exploring_follows_a_random_direction_for_ten_steps():
    body = Recorder(3)
    cells = MazeCells(make_maze("medium").maze_map)
    procedure = Procedure(cells=cells, kind="explore", action_noise=1.0, goal_tolerance=0.5)
    seeds = np.random.SeedSequence(0).spawn(3)
    _, actions = simulate(procedure, body, 40, seeds)
    directions = np.stack(body.directions, axis=1)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=-1), 1, atol=1e-5)
    changes = np.abs(np.diff(directions, axis=1)).max(axis=-1) > 0
    np.testing.assert_array_equal(np.flatnonzero(changes.all(axis=0)), [9, 19, 29])
    assert changes.sum() == 9
    assert (np.abs(actions) == 1).mean() > 0.2
