"""The tracker follows plans."""

import gymnasium as gym
import numpy as np
import pytest

import dfplan_envs  # noqa: F401
from dfplan_envs.pointmaze.routes import build_routes
from dfplan_envs.pointmaze.tracking import interpolate, track

STRIDE, DT = 10, 0.01


def scripted_plan(maze, start, goal, speed=3.5):
    """A route over cell centres, re-timed to constant speed, as tokens [1, T, 4]."""
    routes, rng = build_routes(maze), np.random.default_rng(0)
    cell, target = routes.locate(start[None]), routes.locate(goal[None])
    points = [start]
    while cell != target:
        cell = routes.next_cell(cell, target, rng)
        points.append(routes.centers[cell[0]])
    points[-1:] = [goal] if len(points) > 1 else [points[0], goal]
    points = np.array(points)
    length = np.append(0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1)))
    along = np.minimum(np.arange(42) * STRIDE * DT * speed, length[-1])
    position = np.stack([np.interp(along, length, points[:, i]) for i in range(2)], axis=1)
    velocity = np.gradient(position, STRIDE * DT, axis=0)
    return np.concatenate([position, velocity], axis=1)[None]


@pytest.mark.parametrize(("maze", "floor"), [("UMaze", 190), ("Medium", 400)])
def test_a_scripted_plan_reaches_the_goal(maze, floor):
    env = gym.make(f"dfplan/PointMaze_{maze}_D4RL-v0")
    returns = []
    for seed in range(10):
        observation, _ = env.reset(seed=seed)
        goal = observation["desired_goal"]
        plan = scripted_plan(env.unwrapped.maze, observation["achieved_goal"], goal)
        total, elapsed, truncated = 0.0, 0, False
        while not truncated:
            state = observation["observation"][None]
            action = track(plan, STRIDE, np.array([elapsed]), state, goal[None])[0]
            observation, reward, _, truncated, info = env.step(action)
            total, elapsed = total + reward, elapsed + 1
        assert info["success"]
        returns.append(total)
    print(f"{maze}: mean return {np.mean(returns):.1f}")
    assert np.mean(returns) > floor


def test_interpolation_goes_through_the_tokens_and_is_exact_for_cubics():
    time = np.arange(6.0)

    def cubic(t):
        position = np.stack([t**3 - 2 * t, 1 - t**2], axis=-1)
        return np.concatenate([position, np.stack([3 * t**2 - 2, -2 * t], axis=-1)], axis=-1)

    tokens = cubic(time)[None]
    for t in (0.0, 0.3, 2.0, 4.75, 5.0):
        np.testing.assert_allclose(interpolate(tokens, np.array([t]), 1.0)[0], cubic(t), atol=1e-9)
    np.testing.assert_array_equal(interpolate(tokens, np.array([9.0]), 1.0)[0], tokens[0, -1])


def test_batch_equals_one_by_one():
    rng = np.random.default_rng(0)
    plans, state = rng.normal(size=(5, 9, 4)), rng.normal(size=(5, 4))
    goal, elapsed = rng.normal(size=(5, 2)), np.array([0, 3, 17, 60, 200])
    together = track(plans, STRIDE, elapsed, state, goal)
    for i in range(5):
        part = slice(i, i + 1)
        alone = track(plans[part], STRIDE, elapsed[part], state[part], goal[part])
        np.testing.assert_array_equal(together[part], alone)
    assert together.dtype == np.float32 and together.shape == (5, 2)


def test_holds_at_the_goal():
    plan, goal = np.full((1, 4, 4), 3.0), np.zeros((1, 2))
    inside, outside = np.array([[0.3, 0.0, 0, 0]]), np.array([[0.5, 0.0, 0, 0]])
    assert track(plan, STRIDE, 0, inside, goal)[0, 0] < 0
    assert track(plan, STRIDE, 0, outside, goal)[0, 0] > 0
    assert track(plan, STRIDE, 0, inside, None)[0, 0] > 0


def test_one_token_is_a_set_point():
    plan = np.array([[[1.0, 0.0, 0.0, 0.0]]])
    np.testing.assert_allclose(
        track(plan, STRIDE, 5, np.array([[0.98, 0.0, 0, 0]]), kp=10.0), [[0.2, 0.0]], atol=1e-6
    )


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"\[B, T, 4\]"):
        track(np.zeros((3, 4)), STRIDE, 0, np.zeros((3, 4)))
    with pytest.raises(ValueError, match="stride"):
        track(np.zeros((1, 3, 4)), 0, 0, np.zeros((1, 4)))
