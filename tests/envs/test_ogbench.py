"""OGBench's point mazes: the collected data are what their own procedure would give."""

import gymnasium as gym
import numpy as np
import pytest

pytest.importorskip("ogbench")

from dfplan_envs.ogbench.cells import MazeCells
from dfplan_envs.ogbench.collect import collect, collect_navigate, collect_stitch
from dfplan_envs.ogbench.point import PointBatch
from dfplan_envs.ogbench.procedure import Procedure, Teleports, simulate

MAZES = ("medium", "large", "giant", "teleport")
EPISODES = 12
ENDLESS = {"terminate_at_goal": False, "max_episode_steps": 10**9}


def env_id(maze):
    return f"ogbench.locomaze:pointmaze-{maze}-v0"


@pytest.fixture(scope="module", params=MAZES)
def maze(request):
    np.random.seed(0)  # noqa: NPY002
    env = gym.make(env_id(request.param), **ENDLESS).unwrapped
    env.reset(seed=0)
    return env


def test_routes_are_those_of_the_oracle(maze):
    cells = MazeCells(maze.maze_map)
    rng = np.random.default_rng(1)
    for _ in range(50):
        start, goal = cells.centers[rng.integers(len(cells.free), size=2)]
        start = start + rng.uniform(-1.9, 1.9, 2)
        expected, _ = maze.get_oracle_subgoal(start, goal)
        cell = cells.next_cell[cells.locate(goal), cells.locate(start)]
        np.testing.assert_array_equal(cells.centers[cell], expected)


def test_steps_equal_those_of_the_environment_to_the_last_bit(maze):
    points = PointBatch(maze.model, MazeCells(maze.maze_map), 1)
    rng = np.random.default_rng(2)
    points.reset(maze.get_xy()[None], rngs=[])
    touched = 0
    for step in range(600):
        if step % 20 == 0:  # Drives into walls and corners for a while.
            drift = rng.normal(size=2)
        action = np.clip(drift + 0.5 * rng.normal(size=2), -1, 1)
        unhindered = maze.get_xy() + 0.2 * action
        observation, *_ = maze.step(action)
        points.step(action[None])
        np.testing.assert_array_equal(points.observe()[0], observation)
        touched += not np.array_equal(observation, unhindered)
        points.place(np.array([0]), maze.get_xy()[None])  # The environment may have teleported it.
    assert touched > 50


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def episodes(collector, maze, **options):
    return list(collector(env_id(maze), **options)["buffer"])


@pytest.mark.parametrize("maze", ["giant", "teleport"])
@pytest.mark.parametrize("collector", [collect_navigate, collect_stitch])
def test_the_same_seed_gives_the_same_data_and_every_step(maze, collector):
    first = episodes(collector, maze, steps=2300, seed=3)
    second = episodes(collector, maze, steps=2300, seed=3)
    assert sum(len(episode.actions) for episode in first) == 2300
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.observations, b.observations)
        np.testing.assert_array_equal(a.actions, b.actions)
        assert len(a.observations) == len(a.actions) + 1 and a.truncations[-1]
    other = episodes(collector, maze, steps=200, seed=4)
    assert not np.array_equal(other[0].observations[:100], first[0].observations[:100])


def test_stitched_pieces_go_four_cells_and_routes_go_farther():
    walls = gym.make(env_id("giant")).unwrapped.maze_map
    cells = MazeCells(walls)

    def farthest(buffers):
        index = [cells.locate(episode.observations) for episode in buffers]
        return np.array([cells.distance[i[0], i].max() for i in index])

    pieces = farthest(episodes(collect_stitch, "giant", steps=10_000, seed=0))
    assert len(pieces) == 50 and pieces.max() == 4 and (pieces == 4).mean() > 0.9
    routes = farthest(episodes(collect_navigate, "giant", steps=10_000, seed=0))
    assert len(routes) == 5 and routes.max() > 15


def test_teleports_lead_to_exits():
    info = gym.make(env_id("teleport")).unwrapped._teleport_info
    jumps = []
    for episode in episodes(collect_navigate, "teleport", steps=40_000, seed=0):
        moved = np.linalg.norm(np.diff(episode.observations, axis=0), axis=-1)
        jumps.extend(episode.observations[1:][moved > 1.0])
    exits = np.array(info["teleport_out_xys"])
    distance = np.linalg.norm(np.array(jumps)[:, None] - exits, axis=-1)
    assert len(jumps) > 20 and distance.min(axis=1).max() < 0.3
    assert set(distance.argmin(axis=1)) == {0, 1, 2}


@pytest.mark.parametrize("kind", ["navigate", "stitch"])
def test_the_environment_replays_episodes_with_teleports_to_the_last_bit(kind, monkeypatch):
    env = gym.make(env_id("teleport"), **ENDLESS).unwrapped
    entrances, exits = (
        np.array(env._teleport_info[f"teleport_{side}_xys"]) for side in ("in", "out")
    )
    cells = MazeCells(env.maze_map)
    teleports = Teleports(entrances=entrances, exits=exits, reach=1.5)
    procedure = Procedure(cells, kind, action_noise=0.5, goal_tolerance=1.0, teleports=teleports)
    points = PointBatch(env.model, cells, EPISODES)
    jumps = 0
    recorded = simulate(procedure, points, 300, np.random.SeedSequence(5).spawn(EPISODES))
    for observations, actions in zip(*recorded, strict=True):
        # The observation of the step that ends at an entrance still shows the entrance.
        teleported = np.linalg.norm(np.diff(observations, axis=0), axis=-1) > 0.3
        after = observations[1:][teleported]
        drawn = np.linalg.norm(after[:, None] - exits, axis=-1).argmin(axis=1).tolist()
        drawn.append(0)  # for a teleport in the last step, whose exit no observation shows
        monkeypatch.setattr(np.random, "randint", lambda n, drawn=drawn: drawn.pop(0))
        env.reset(seed=0, options={"task_id": 1})
        env.set_xy(observations[0])
        jumps += len(after)
        for action, observation in zip(actions, observations[1:], strict=True):
            np.testing.assert_array_equal(env.step(action)[0], observation)
        assert len(drawn) <= 1
    assert jumps >= (6 if kind == "navigate" else 1)  # few pieces lead through an entrance


def test_the_original_file_is_taken_where_it_exists(home):
    folder = home / ".ogbench" / "data"
    folder.mkdir(parents=True)
    observations = np.arange(14, dtype=np.float32).reshape(7, 2)
    np.savez(
        folder / "pointmaze-large-stitch-v0.npz",
        observations=observations,
        actions=np.full((7, 2), 0.5, np.float32),
        terminals=np.array([0, 0, 0, 1, 0, 0, 1], bool),
    )
    recording = collect_stitch(env_id("large"), steps=100)
    assert "original file" in recording["algorithm_name"]
    first, second = buffers = list(recording["buffer"])
    np.testing.assert_array_equal(first.observations, observations[:4])
    np.testing.assert_array_equal(second.observations, observations[4:])
    assert [len(episode.actions) for episode in buffers] == [3, 2]


def test_other_environments_are_refused():
    with pytest.raises(ValueError, match="Pendulum-v1 is not one of OGBench's mazes"):
        collect("Pendulum-v1", "stitch", steps=10)
    with pytest.raises(ValueError, match="'explore'; valid: navigate, stitch"):
        collect(env_id("medium"), "explore", steps=10)
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        collect_stitch(env_id("medium"), steps=0)


def test_parts_are_the_undivided_data(monkeypatch):
    monkeypatch.setattr("dfplan_envs.ogbench.collect.BATCH", 2)
    whole = episodes(collect_stitch, "medium", steps=900, seed=3)
    parts = [
        episode
        for number in range(3)
        for episode in episodes(collect_stitch, "medium", steps=900, seed=3, part=(number, 3))
    ]
    assert [len(e.rewards) for e in parts] == [len(e.rewards) for e in whole] == [200] * 4 + [100]
    for a, b in zip(parts, whole, strict=True):
        np.testing.assert_array_equal(a.observations, b.observations)
        np.testing.assert_array_equal(a.actions, b.actions)
