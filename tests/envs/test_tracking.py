"""The PD tracker follows plans."""

import gymnasium as gym
import numpy as np
import pytest

import dfplan_envs  # noqa: F401
from dfplan_envs.pointmaze.ball import DT
from dfplan_envs.pointmaze.routes import build_routes
from dfplan_envs.pointmaze.tracking import interpolate, track

STRIDE = 10


def scripted_plan(maze, start, goal, speed=3.5):
    """Return a route over cell centers at constant speed, as tokens [1, T, 4]."""
    routes = build_routes(maze)
    rng = np.random.default_rng(0)
    cell = routes.locate(start[None])
    target = routes.locate(goal[None])
    points = [start]
    while cell != target:
        cell = routes.next_cell(cell, target, rng)
        points.append(routes.centers[cell[0]])
    points[-1:] = [goal] if len(points) > 1 else [points[0], goal]
    points = np.array(points)
    length = np.append(0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1)))
    distance = np.minimum(np.arange(42) * STRIDE * DT * speed, length[-1])
    position = np.stack([np.interp(distance, length, points[:, i]) for i in range(2)], axis=1)
    velocity = np.gradient(position, STRIDE * DT, axis=0)
    return np.concatenate([position, velocity], axis=1)[None]


@pytest.mark.parametrize(("maze", "min_return"), [("UMaze", 190), ("Medium", 400)])
def test_scripted_plan_reaches_the_goal(maze, min_return):
    env = gym.make(f"dfplan/PointMaze_{maze}_D4RL-v0")
    returns = []
    for seed in range(10):
        observation, _ = env.reset(seed=seed)
        goal = observation["desired_goal"]
        plan = scripted_plan(env.unwrapped.maze, observation["achieved_goal"], goal)
        total = 0.0
        elapsed = 0
        truncated = False
        while not truncated:
            state = observation["observation"][None]
            action = track(plan, STRIDE, np.array([elapsed]), state=state, goal=goal[None])[0]
            observation, reward, _, truncated, info = env.step(action)
            total += reward
            elapsed += 1
        assert info["success"]
        returns.append(total)
    print(f"{maze}: mean return {np.mean(returns):.1f}")
    assert np.mean(returns) > min_return


def test_interpolation_passes_through_tokens_and_is_exact_for_cubics():
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
    plans = rng.normal(size=(5, 9, 4))
    state = rng.normal(size=(5, 4))
    goal = rng.normal(size=(5, 2))
    elapsed = np.array([0, 3, 17, 60, 200])
    batched = track(plans, STRIDE, elapsed, state=state, goal=goal)
    for i in range(5):
        row = slice(i, i + 1)
        single = track(plans[row], STRIDE, elapsed[row], state=state[row], goal=goal[row])
        np.testing.assert_array_equal(batched[row], single)
    assert batched.dtype == np.float32 and batched.shape == (5, 2)


def test_holds_at_the_goal():
    plan = np.full((1, 4, 4), 3.0)
    goal = np.zeros((1, 2))
    inside = np.array([[0.3, 0.0, 0, 0]])
    outside = np.array([[0.5, 0.0, 0, 0]])
    assert track(plan, STRIDE, 0, state=inside, goal=goal)[0, 0] < 0
    assert track(plan, STRIDE, 0, state=outside, goal=goal)[0, 0] > 0
    assert track(plan, STRIDE, 0, state=inside, goal=None)[0, 0] > 0


def test_single_token_is_a_setpoint():
    plan = np.array([[[1.0, 0.0, 0.0, 0.0]]])
    np.testing.assert_allclose(
        track(plan, STRIDE, 5, state=np.array([[0.98, 0.0, 0, 0]]), kp=10.0),
        [[0.2, 0.0]],
        atol=1e-6,
    )


def test_invalid_arguments():
    with pytest.raises(ValueError, match=r"states.*\[B, T, 4\].*\(3, 4\)"):
        track(np.zeros((3, 4)), STRIDE, 0, state=np.zeros((3, 4)))
    with pytest.raises(ValueError, match=r"stride.*0"):
        track(np.zeros((1, 3, 4)), 0, 0, state=np.zeros((1, 4)))
