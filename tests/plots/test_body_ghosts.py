"""The planned body in MuJoCo's frames."""

import contextlib
import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.mujoco.hopper_v5 import HopperEnv

from dfplan.plots.body_ghosts import BodyGhosts, BodyPoses, has_body_states

STEPS = 6


class Plain(gym.Wrapper):
    """A wrapper that Gymnasium cannot make again, as it does not record its arguments."""


@pytest.fixture(params=["Hopper-v5", "Walker2d-v5", "Ant-v5"])
def env(request):
    with warnings.catch_warnings(action="ignore"), gym.make(request.param) as env:
        yield env


def drive(env):
    """Return the observations and all positions of an episode with small actions."""
    observations = [env.reset(seed=4)[0]]
    positions = [env.unwrapped.data.qpos.copy()]
    for _ in range(STEPS):
        observations.append(env.step(0.1 * np.ones(env.action_space.shape))[0])
        positions.append(env.unwrapped.data.qpos.copy())
    return np.stack(observations), np.stack(positions)


def test_positions_along_the_ground_follow_from_the_planned_velocities(env):
    observations, positions = drive(env)
    poses = BodyPoses(env)
    assert has_body_states(env) and poses.skipped == (2 if "Ant" in env.spec.id else 1)
    planned = poses.positions(observations, positions[0, : poses.skipped], stride=1)
    np.testing.assert_allclose(planned, positions, atol=0.02)
    np.testing.assert_array_equal(planned[:, poses.skipped :], positions[:, poses.skipped :])
    every_second = poses.positions(observations[::2], positions[0, : poses.skipped], stride=2)
    np.testing.assert_allclose(every_second, positions[::2], atol=0.04)


def test_a_ghost_covers_the_robot_in_the_same_pose_and_leaves_it_alone(env):
    drive(env)
    data = env.unwrapped.data
    before = env.unwrapped.state_vector()
    markers = list(BodyPoses(env).markers(data.qpos.copy(), np.ones(4)))
    env.unwrapped.set_state(data.qpos, data.qvel)  # to compute where the geoms are
    body = [g for g in range(env.unwrapped.model.ngeom) if env.unwrapped.model.geom_bodyid[g]]
    np.testing.assert_allclose([m["pos"] for m in markers], data.geom_xpos[body], atol=1e-9)
    np.testing.assert_allclose([m["mat"] for m in markers], data.geom_xmat[body], atol=1e-9)
    np.testing.assert_array_equal(env.unwrapped.state_vector(), before)


@pytest.mark.parametrize("env_id", ["Reacher-v5", "CartPole-v1"])
def test_states_that_hold_something_else_have_no_body(env_id):
    with gym.make(env_id) as env:
        assert not has_body_states(env)


def test_wrappers_are_not_made_again_for_the_copy():
    with gym.make("Hopper-v5") as env:
        wrapped: Any = Plain(env)
        wrapped.reset(seed=0)
        assert has_body_states(wrapped)
        assert list(BodyPoses(wrapped).markers(wrapped.unwrapped.data.qpos.copy(), np.ones(4)))


def test_an_environment_that_gymnasium_did_not_make_has_no_copy():
    with contextlib.closing(HopperEnv()) as env:
        assert not has_body_states(env)


def test_ghosts_fade_and_stay_where_they_were_planned():
    with gym.make("Hopper-v5") as env:
        robot: Any = env.unwrapped
        observation, _ = env.reset(seed=0)
        states = np.tile(observation, (4, 1))
        states[:, 5] = 1.0  # m/s along the track
        states[-1, 0] = np.nan
        ghosts = BodyGhosts(env, stride=4)
        markers = list(ghosts(states))
        torso = np.array([marker["pos"][0] for marker in markers[::4]])
        assert len(markers) == 2 * 4  # four geoms; the state that is not finite has no ghost
        np.testing.assert_allclose(np.diff(torso), 4 * robot.dt, rtol=1e-6)
        assert markers[0]["rgba"][3] > markers[4]["rgba"][3]
        robot.data.qpos[0] += 1.0  # the robot moves on while it follows the same plan
        assert next(ghosts(states.copy()))["pos"][0] == markers[0]["pos"][0]
        states[1:, 1] += 0.1
        assert next(ghosts(states))["pos"][0] > markers[0]["pos"][0] + 0.9
