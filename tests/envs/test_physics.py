"""The physics equals Gymnasium-Robotics'."""

import gymnasium as gym
import numpy as np
import pytest

import dfplan_envs  # noqa: F401
from dfplan_envs.pointmaze import ball
from dfplan_envs.pointmaze.maps import MAPS, parse_map
from dfplan_envs.pointmaze.model import build_model
from dfplan_envs.pointmaze.simulate import BatchPhysics

MODEL_FIELDS = [
    "geom_type",
    "geom_pos",
    "geom_size",
    "geom_contype",
    "geom_conaffinity",
    "geom_condim",
    "geom_margin",
    "geom_solref",
    "geom_solimp",
    "body_mass",
    "dof_damping",
    "actuator_gear",
    "actuator_ctrlrange",
    "jnt_axis",
]


@pytest.fixture(scope="module", params=["UMaze", "Medium", "Large"])
def pair(request):
    robotics = pytest.importorskip("gymnasium_robotics")
    gym.register_envs(robotics)
    theirs = gym.make(f"PointMaze_{request.param}-v3", continuing_task=True).unwrapped
    ours = gym.make(f"dfplan/PointMaze_{request.param}_D4RL-v0").unwrapped
    yield request.param, ours, theirs
    theirs.close()


def test_maps_are_equal(pair):
    name, _, theirs = pair
    walls = [[int(cell == "#") for cell in row] for row in MAPS[name]]
    assert walls == theirs.maze.maze_map
    assert parse_map(theirs.maze.maze_map).walls == parse_map(name).walls


def test_models_are_equal(pair):
    name, _, theirs = pair
    ours = build_model(parse_map(name))
    for field in MODEL_FIELDS:
        np.testing.assert_allclose(
            getattr(ours, field), getattr(theirs.model, field), atol=1e-15, err_msg=field
        )
    assert ours.opt.timestep == theirs.model.opt.timestep == 0.01
    assert ours.opt.integrator == theirs.model.opt.integrator


def test_trajectories_are_equal(pair):
    _, ours, theirs = pair
    rng = np.random.default_rng(0)
    theirs.reset(seed=0)
    state = np.concatenate([theirs.data.qpos, theirs.data.qvel])
    ours.reset(seed=0, options={"start": state})
    action = np.zeros(2, np.float32)
    for step in range(600):
        if step % 40 == 0:  # long pushes, so that the ball hits walls at full speed
            action = rng.uniform(-1.5, 1.5, 2).astype(np.float32)
        observation = ours.step(action)[0]["observation"]
        expected = theirs.step(action)[0]["observation"]
        np.testing.assert_allclose(observation, expected, atol=1e-8)


def test_ball_constants_match_the_compiled_model():
    model = build_model(parse_map("UMaze"))
    particle = model.geom("particle_geom").id
    assert model.geom_size[particle, 0] == ball.RADIUS
    assert model.body_mass[model.geom_bodyid[particle]] == pytest.approx(ball.MASS, rel=1e-12)
    np.testing.assert_array_equal(model.actuator_gear[:, 0], ball.FORCE)
    np.testing.assert_array_equal(model.dof_damping, ball.DAMPING)
    assert model.opt.timestep == ball.DT
    physics = BatchPhysics(model, 1)
    state = physics.step(np.array([[0.0, 1.0, 9.0, 0.0]]), np.array([[1.0, 1.0]]))[0]
    assert state[2] == pytest.approx(ball.TOP_SPEED)
    # Damping takes off a little of one step's acceleration.
    assert state[3] == pytest.approx(ball.ACCELERATION * ball.DT, rel=0.01)
