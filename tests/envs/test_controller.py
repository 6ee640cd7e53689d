"""The waypoint controller as a policy."""

import gymnasium as gym
import numpy as np
import pytest

import dfplan_envs  # noqa: F401
from dfplan_envs.pointmaze.controller import ControllerConfig, WaypointPolicy
from dfplan_envs.pointmaze.maps import parse_map
from dfplan_envs.pointmaze.routes import build_routes


@pytest.mark.parametrize("maze", ["UMaze", "Medium", "Large"])
@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_controller_reaches_goals(maze, noise):
    env = gym.make(f"dfplan/PointMaze_{maze}_D4RL-v0")
    policy = WaypointPolicy(env, noise=noise)
    reached = []
    for seed in range(20):
        observation, info = env.reset(seed=seed)
        success = info["success"]
        truncated = False
        while not truncated:
            action = policy.act(observation)
            assert env.action_space.contains(action)
            observation, _, _, truncated, info = env.step(action)
            success |= info["success"]
        reached.append(success and info["success"])
    assert np.mean(reached) >= 0.95


def test_controller_reaches_the_goal_after_pushes():
    env = gym.make("dfplan/PointMaze_UMaze_D4RL-v0").unwrapped
    policy = WaypointPolicy(env)
    observation, _ = env.reset(seed=0, options={"reset_cell": (3, 1), "goal_cell": (1, 1)})
    for step in range(300):
        if step % 60 == 30:
            env.data.qvel[:] += (-4.0, 4.0)
        observation, *_, info = env.step(policy.act(observation))
    assert info["success"]


def test_route_lengths():
    maze = parse_map("UMaze")
    routes = build_routes(maze)
    top = maze.free.index((1, 1))
    bottom = maze.free.index((3, 1))
    assert routes.distance[top, bottom] == routes.distance[bottom, top] == 6
    assert routes.locate(np.array([maze.center((3, 1))])) == [bottom]


def test_other_environments_are_rejected():
    with pytest.raises(TypeError, match=r"PointMaze.*CartPole"):
        WaypointPolicy(gym.make("CartPole-v1"))


@pytest.mark.parametrize(("field", "value"), [("reach", 0.0), ("reroute_distance", 1.5)])
def test_invalid_settings(field, value):
    with pytest.raises(ValueError, match=f"{field} > .*{field}={value}"):
        ControllerConfig(**{field: value})
