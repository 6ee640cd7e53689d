"""D4RL's and Gymnasium-Robotics' rules."""

import gymnasium as gym
import numpy as np
import pytest

import dfplan_envs  # noqa: F401

STEPS = {"UMaze": 300, "Medium": 600, "Large": 800}
GOAL_CELLS = {"UMaze": (1, 1), "Medium": (6, 6), "Large": (7, 9)}
STILL = np.zeros(2, np.float32)


@pytest.mark.parametrize("maze", STEPS)
def test_episode_is_truncated_and_never_ends_at_the_goal(maze):
    env = gym.make(f"dfplan/PointMaze_{maze}_D4RL_Fixed-v0")
    cell = GOAL_CELLS[maze]
    first, info = env.reset(seed=0, options={"start": env.unwrapped.maze.center(cell)})
    assert info["success"] is True
    for step in range(STEPS[maze]):
        observation, reward, terminated, truncated, info = env.step(STILL)
        assert reward == 1.0 and not terminated and info["success"] is True
        assert truncated == (step == STEPS[maze] - 1)
        np.testing.assert_array_equal(observation["desired_goal"], first["desired_goal"])


@pytest.mark.parametrize("maze", STEPS)
def test_fixed_goal_is_the_marked_cell_exactly(maze):
    env = gym.make(f"dfplan/PointMaze_{maze}_D4RL_Fixed-v0").unwrapped
    for seed in range(5):
        observation, _ = env.reset(seed=seed)
        np.testing.assert_array_equal(
            observation["desired_goal"], env.maze.center(GOAL_CELLS[maze])
        )


def test_reward_radius_is_half_a_metre():
    env = gym.make("dfplan/PointMaze_UMaze_D4RL-v0").unwrapped
    goal = env.maze.center((1, 1))
    for offset, expected in ((0.499, 1.0), (0.501, 0.0)):
        env.reset(seed=0, options={"start": goal + [offset, 0], "goal": goal})
        _, reward, *_, info = env.step(STILL)
        assert (reward, info["success"]) == (expected, expected == 1.0)
    achieved = goal + np.array([[0.499, 0], [0.501, 0]])
    np.testing.assert_array_equal(env.compute_reward(achieved, goal, {}), [1.0, 0.0])


def test_robotics_ends_at_the_goal_within_its_own_radius():
    env = gym.make("dfplan/PointMaze_UMaze_Robotics-v0").unwrapped
    goal = env.maze.center((1, 1))
    for offset, expected in ((0.449, True), (0.451, False)):
        env.reset(seed=0, options={"start": goal + [offset, 0], "goal": goal})
        _, reward, terminated, _, info = env.step(STILL)
        assert terminated is expected and info["success"] is expected and reward == expected


def test_d4rl_draws():
    env = gym.make("dfplan/PointMaze_UMaze_D4RL-v0").unwrapped
    first = [env.reset(seed=s)[0] for s in range(400)]
    starts = np.array([o["observation"] for o in first])
    goals = np.array([o["desired_goal"] for o in first])
    for points in (starts[:, :2], goals):
        cells = [env.maze.cell(p) for p in points]
        assert set(cells) == set(env.maze.free)
        noise = points - [env.maze.center(c) for c in cells]
        assert 0.09 < np.abs(noise).max() <= 0.1
    assert 0.09 < starts[:, 2:].std() < 0.11
    same = np.mean(
        [env.maze.cell(s) == env.maze.cell(g) for s, g in zip(starts, goals, strict=True)]
    )
    assert 0.07 < same < 0.22  # 1/7


def test_robotics_draws_start_and_goal_apart():
    env = gym.make("dfplan/PointMaze_UMaze_Robotics-v0").unwrapped
    for seed in range(50):
        observation, info = env.reset(seed=seed)
        start, goal = observation["observation"], observation["desired_goal"]
        assert env.maze.cell(start) != env.maze.cell(goal)
        assert not info["success"] or np.linalg.norm(start[:2] - goal) <= 0.45
        np.testing.assert_array_equal(start[2:], 0.0)


def test_reset_options():
    env = gym.make("dfplan/PointMaze_UMaze_D4RL-v0")
    observation, _ = env.reset(seed=0, options={"reset_cell": (3, 1), "goal_cell": (1, 2)})
    center = env.unwrapped.maze.center
    np.testing.assert_array_equal(observation["desired_goal"], center((1, 2)))
    assert np.abs(observation["achieved_goal"] - center((3, 1))).max() <= 0.1
    observation, _ = env.reset(options={"start": (-1.1, 0.9, 1.0, -2.0), "goal": (1.0, 0.2)})
    np.testing.assert_array_equal(observation["observation"], (-1.1, 0.9, 1.0, -2.0))
    np.testing.assert_array_equal(observation["desired_goal"], (1.0, 0.2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reset_cell": (2, 1)}, "free cell"),
        ({"goal_cell": (9, 9)}, "free cell"),
        ({"start": (-1.0, 0.0)}, "wall"),
        ({"goal": (1.0,)}, "finite numbers"),
        ({"begin": (1, 1)}, "reset_cell"),
    ],
)
def test_bad_reset_options(options, message):
    env = gym.make("dfplan/PointMaze_UMaze_D4RL-v0")
    with pytest.raises(ValueError, match=message):
        env.reset(seed=0, options=options)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"protocol": "ogbench"}, "'d4rl', 'robotics'"),
        ({"goal": "near"}, "'random', 'fixed'"),
        ({"goal": "fixed", "maze_map": ["###", "#O#", "###"]}, "one 'G' cell"),
    ],
)
def test_bad_settings(kwargs, message):
    with pytest.raises(ValueError, match=message):
        gym.make("dfplan/PointMaze_D4RL-v0", **{"maze_map": "UMaze", **kwargs})


def test_action_is_clipped_and_must_be_finite():
    env = gym.make("dfplan/PointMaze_UMaze_D4RL-v0").unwrapped
    start = {"start": env.maze.center((1, 2))}

    def after(action):
        env.reset(seed=0, options=start)
        return env.step(np.array(action))[0]["observation"]

    np.testing.assert_array_equal(after([7.0, -9.0]), after([1.0, -1.0]))
    with pytest.raises(ValueError, match="finite"):
        after([np.nan, 0.0])


def test_speed_is_limited():
    env = gym.make("dfplan/PointMaze_Large_D4RL-v0").unwrapped
    env.reset(seed=0, options={"start": env.maze.center((3, 1))})
    speeds = [env.step(np.array([1.0, 0.0]))[0]["observation"][2] for _ in range(60)]
    assert 5.0 < max(speeds) < 5.25  # clipped before a step, which then adds at most 0.24
