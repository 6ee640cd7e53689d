"""Physics in closed form: MuJoCo's next states, in NumPy and compiled by JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan_envs.pointmaze.maps import parse_map
from dfplan_envs.pointmaze.model import build_model
from dfplan_envs.pointmaze.physics import make_physics
from dfplan_envs.pointmaze.pursuit import track
from dfplan_envs.pointmaze.simulate import BatchPhysics

COUNT = 4000


def draw(maze, rng):
    """Float32 states anywhere, half of them near cells' corners; slow to beyond clipping."""
    centers = np.array([maze.center(cell) for cell in maze.free])
    near = rng.choice([-1, 1], (COUNT, 2)) * rng.uniform(0.36, 0.5, (COUNT, 2))
    offset = np.where(rng.random((COUNT, 2)) < 0.5, rng.uniform(-0.5, 0.5, (COUNT, 2)), near)
    velocity = rng.choice([0.1, 1.0, 6.0], (COUNT, 1)) * rng.normal(size=(COUNT, 2))
    position = centers[rng.integers(len(centers), size=COUNT)] + offset
    states = np.concatenate([position, velocity], axis=1).astype(np.float32)
    return states.astype(float), rng.uniform(-1.0, 1.0, (COUNT, 2)).astype(np.float32)


@pytest.mark.parametrize("name", ["UMaze", "Large"])
def test_a_step_is_mujocos(name):
    maze, rng = parse_map(name), np.random.default_rng(0)
    states, actions = draw(maze, rng)
    expected = BatchPhysics(build_model(maze), COUNT).step(states, actions)
    physics = make_physics(maze)
    touching = (physics._contacts(states[:, :2], states[:, 2:])[1] > 0).sum(axis=1)
    assert (np.bincount(touching) > 50).all() and touching.max() == 3
    np.testing.assert_allclose(physics.step(states, actions), expected, atol=1e-7)
    found = jax.jit(make_physics(maze, jnp).step)(jnp.float32(states), actions)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found[:, :2], expected[:, :2], atol=1e-6)
    np.testing.assert_allclose(found[:, 2:], expected[:, 2:], atol=3e-5)


def test_long_pushes_into_walls_end_where_mujocos_do():
    maze, rng, count = parse_map("UMaze"), np.random.default_rng(0), 200
    mujoco = BatchPhysics(build_model(maze), count)
    step = jax.jit(make_physics(maze, jnp).step)
    centers = np.array([maze.center(cell) for cell in maze.free])
    expected = np.zeros((count, 4))
    expected[:, :2] = centers[rng.integers(len(centers), size=count)]
    found = jnp.float32(expected)
    for turn in range(300):
        if turn % 40 == 0:
            actions = rng.uniform(-1.5, 1.5, (count, 2)).astype(np.float32)
        expected = mujoco.step(expected, np.clip(actions, -1, 1)).copy()
        found = step(found, actions)
    apart = np.abs(np.asarray(found) - expected)[:, :2].max(axis=1)
    # A ball that bounces in a corner, or on one, makes much of a rounding.
    assert np.median(apart) < 1e-5 and (apart < 1e-3).mean() > 0.97


def test_two_of_a_maze_are_one_program():
    first, second = (make_physics(parse_map("UMaze"), jnp) for _ in range(2))
    assert first == second and hash(first) == hash(second)


def test_the_tracker_is_the_same_in_jax():
    rng, batch = np.random.default_rng(0), 300
    path = np.cumsum(0.2 * rng.normal(size=(batch, 20, 2)), axis=1)
    plans = np.concatenate([path, rng.normal(size=path.shape)], axis=2).astype(np.float32)
    state = plans[:, 3] + 0.1 * rng.normal(size=(batch, 4)).astype(np.float32)
    compiled = jax.jit(lambda *args: track(args[0], 12, 0, *args[1:], xp=jnp))
    for goal in (plans[:, -1, :2], None):
        found, expected = compiled(plans, state, goal), track(plans, 12, 0, state, goal)
        assert found.dtype == expected.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=1e-3)
