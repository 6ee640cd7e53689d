"""The rules of D4RL and Gymnasium-Robotics."""

import gymnasium as gym
import numpy as np
import pytest

import dfplan_envs  # noqa: F401

STEPS = {"UMaze": 300, "Medium": 600, "Large": 800}
GOAL_CELLS = {"UMaze": (1, 1), "Medium": (6, 6), "Large": (7, 9)}
ZERO_ACTION = np.zeros(2, np.float32)


@pytest.mark.parametrize("maze", STEPS)
def test_episode_is_truncated_and_never_ends_at_the_goal(maze):
    env = gym.make(f"dfplan/PointMaze_{maze}_D4RL_Fixed-v0")
    cell = GOAL_CELLS[maze]
    first, info = env.reset(seed=0, options={"start": env.unwrapped.maze.center(cell)})
    assert info["success"] is True
    for step in range(STEPS[maze]):
        observation, reward, terminated, truncated, info = env.step(ZERO_ACTION)
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


def test_success_radius_is_half_a_meter():
    env = gym.make("dfplan/PointMaze_UMaze_D4RL-v0").unwrapped
    goal = env.maze.center((1, 1))
    for offset, expected in ((0.499, 1.0), (0.501, 0.0)):
        env.reset(seed=0, options={"start": goal + [offset, 0], "goal": goal})
        _, reward, *_, info = env.step(ZERO_ACTION)
        assert (reward, info["success"]) == (expected, expected == 1.0)
    achieved = goal + np.array([[0.499, 0], [0.501, 0]])
    np.testing.assert_array_equal(env.compute_reward(achieved, goal, {}), [1.0, 0.0])


def test_robotics_episode_ends_within_its_success_radius():
    env = gym.make("dfplan/PointMaze_UMaze_Robotics-v0").unwrapped
    goal = env.maze.center((1, 1))
    for offset, expected in ((0.449, True), (0.451, False)):
        env.reset(seed=0, options={"start": goal + [offset, 0], "goal": goal})
        _, reward, terminated, _, info = env.step(ZERO_ACTION)
        assert terminated is expected and info["success"] is expected and reward == expected


def test_d4rl_draws_starts_and_goals_independently():
    env = gym.make("dfplan/PointMaze_UMaze_D4RL-v0").unwrapped
    observations = [env.reset(seed=seed)[0] for seed in range(400)]
    starts = np.array([observation["observation"] for observation in observations])
    goals = np.array([observation["desired_goal"] for observation in observations])
    for points in (starts[:, :2], goals):
        cells = [env.maze.cell(point) for point in points]
        assert set(cells) == set(env.maze.free)
        noise = points - [env.maze.center(cell) for cell in cells]
        assert 0.09 < np.abs(noise).max() <= 0.1
    assert 0.09 < starts[:, 2:].std() < 0.11
    same_cell = [
        env.maze.cell(start) == env.maze.cell(goal)
        for start, goal in zip(starts, goals, strict=True)
    ]
    assert 0.07 < np.mean(same_cell) < 0.22  # 1/7


def test_robotics_draws_start_and_goal_in_different_cells():
    env = gym.make("dfplan/PointMaze_UMaze_Robotics-v0").unwrapped
    for seed in range(50):
        observation, info = env.reset(seed=seed)
        start = observation["observation"]
        goal = observation["desired_goal"]
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
    ("options", "facts"),
    [
        ({"reset_cell": (2, 1)}, r"reset_cell \(2, 1\).*\(1, 1\), \(1, 2\)"),
        ({"goal_cell": (9, 9)}, r"goal_cell \(9, 9\).*\(1, 1\), \(1, 2\)"),
        ({"start": (-1.0, 0.0)}, r"start \[-1\. +0\.\].*wall"),
        ({"start": (0.0, 0.0, 0.0)}, r"start .*2 or 4.*\[0\. 0\. 0\.\]"),
        ({"goal": (1.0,)}, r"goal .*2.*\[1\.\]"),
        ({"begin": (1, 1)}, r"'begin'.*'start', 'goal', 'reset_cell', 'goal_cell'"),
    ],
)
def test_invalid_reset_options(options, facts):
    env = gym.make("dfplan/PointMaze_UMaze_D4RL-v0")
    with pytest.raises(ValueError, match=facts):
        env.reset(seed=0, options=options)


@pytest.mark.parametrize(
    ("kwargs", "facts"),
    [
        ({"protocol": "ogbench"}, "'ogbench'.*'d4rl', 'robotics'"),
        ({"goal": "near"}, "'near'.*'random', 'fixed'"),
        ({"goal": "fixed", "maze_map": ["###", "#O#", "###"]}, "goal='fixed'.*'G'.*0"),
    ],
)
def test_invalid_settings(kwargs, facts):
    with pytest.raises(ValueError, match=facts):
        gym.make("dfplan/PointMaze_D4RL-v0", **{"maze_map": "UMaze", **kwargs})


def test_action_is_clipped_and_must_be_finite():
    env = gym.make("dfplan/PointMaze_UMaze_D4RL-v0").unwrapped
    start = env.maze.center((1, 2))

    def next_state(action):
        env.reset(seed=0, options={"start": start})
        return env.step(np.array(action))[0]["observation"]

    np.testing.assert_array_equal(next_state([7.0, -9.0]), next_state([1.0, -1.0]))
    with pytest.raises(ValueError, match=r"action.*nan"):
        next_state([np.nan, 0.0])


def test_speed_is_limited():
    env = gym.make("dfplan/PointMaze_Large_D4RL-v0").unwrapped
    env.reset(seed=0, options={"start": env.maze.center((3, 1))})
    speeds = [env.step(np.array([1.0, 0.0]))[0]["observation"][2] for _ in range(60)]
    assert 5.0 < max(speeds) < 5.25  # clipped before a step, which then adds at most 0.24
