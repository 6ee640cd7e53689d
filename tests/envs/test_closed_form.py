"""The closed-form physics gives MuJoCo's next states, in NumPy and compiled by JAX."""

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


def draw_states_and_actions(maze, rng):
    """Draw float32 states, half of them near cell corners, with speeds up to beyond clipping."""
    centers = np.array([maze.center(cell) for cell in maze.free])
    near_corner = rng.choice([-1, 1], (COUNT, 2)) * rng.uniform(0.36, 0.5, (COUNT, 2))
    offset = np.where(rng.random((COUNT, 2)) < 0.5, rng.uniform(-0.5, 0.5, (COUNT, 2)), near_corner)
    velocity = rng.choice([0.1, 1.0, 6.0], (COUNT, 1)) * rng.normal(size=(COUNT, 2))
    position = centers[rng.integers(len(centers), size=COUNT)] + offset
    states = np.concatenate([position, velocity], axis=1).astype(np.float32)
    return states.astype(float), rng.uniform(-1.0, 1.0, (COUNT, 2)).astype(np.float32)


@pytest.mark.parametrize("name", ["UMaze", "Large"])
def test_step_matches_mujoco(name):
    maze = parse_map(name)
    states, actions = draw_states_and_actions(maze, np.random.default_rng(0))
    expected = BatchPhysics(build_model(maze), COUNT).step(states, actions)
    physics = make_physics(maze)
    _, weight, _ = physics._contacts(states[:, :2], states[:, 2:])
    num_contacts = (weight > 0).sum(axis=1)
    assert (np.bincount(num_contacts) > 50).all() and num_contacts.max() == 3
    np.testing.assert_allclose(physics.step(states, actions), expected, atol=1e-7)
    compiled = jax.jit(make_physics(maze, jnp).step)(jnp.float32(states), actions)
    assert compiled.dtype == jnp.float32
    np.testing.assert_allclose(compiled[:, :2], expected[:, :2], atol=1e-6)
    np.testing.assert_allclose(compiled[:, 2:], expected[:, 2:], atol=3e-5)


def test_long_pushes_into_walls_end_at_mujocos_positions():
    maze = parse_map("UMaze")
    rng = np.random.default_rng(0)
    count = 200
    mujoco = BatchPhysics(build_model(maze), count)
    step = jax.jit(make_physics(maze, jnp).step)
    centers = np.array([maze.center(cell) for cell in maze.free])
    expected = np.zeros((count, 4))
    expected[:, :2] = centers[rng.integers(len(centers), size=count)]
    states = jnp.float32(expected)
    for t in range(300):
        if t % 40 == 0:
            actions = rng.uniform(-1.5, 1.5, (count, 2)).astype(np.float32)
        expected = mujoco.step(expected, np.clip(actions, -1, 1)).copy()
        states = step(states, actions)
    error = np.abs(np.asarray(states) - expected)[:, :2].max(axis=1)
    # Bounces in or at a corner amplify rounding errors.
    assert np.median(error) < 1e-5 and (error < 1e-3).mean() > 0.97


def test_physics_of_equal_mazes_share_a_compiled_program():
    first = make_physics(parse_map("UMaze"), jnp)
    second = make_physics(parse_map("UMaze"), jnp)
    assert first == second and hash(first) == hash(second)


def test_tracker_is_the_same_in_jax():
    rng = np.random.default_rng(0)
    batch = 300
    path = np.cumsum(0.2 * rng.normal(size=(batch, 20, 2)), axis=1)
    plans = np.concatenate([path, rng.normal(size=path.shape)], axis=2).astype(np.float32)
    state = plans[:, 3] + 0.1 * rng.normal(size=(batch, 4)).astype(np.float32)

    @jax.jit
    def compiled_track(plans, state, goal):
        return track(plans, 12, 0, state=state, goal=goal, xp=jnp)

    for goal in (plans[:, -1, :2], None):
        action = compiled_track(plans, state, goal)
        expected = track(plans, 12, 0, state=state, goal=goal)
        assert action.dtype == expected.dtype == np.float32
        np.testing.assert_allclose(action, expected, atol=1e-3)
