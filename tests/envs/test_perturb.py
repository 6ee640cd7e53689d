"""Perturbations on PointMaze and on Gymnasium's own MuJoCo environments."""

import gymnasium as gym
import numpy as np
import pytest

from dfplan_envs.perturb import PERTURBATIONS

MAZE, REACHER = "dfplan/PointMaze_UMaze_D4RL-v0", "Reacher-v5"
STEPS = 60


def make(env_id, *layers):
    env = gym.make(env_id)
    for name, value, options in ((*layer, {})[:3] for layer in layers):
        env = PERTURBATIONS[name](env, value, **options)
    return env


def play(env, seed=3, steps=STEPS, action=None):
    """Observations (of a goal Dict its vector) and infos of an episode, the reset's first."""
    found = [env.reset(seed=seed)]
    rng = np.random.default_rng(0)
    for _ in range(steps):
        drawn = rng.uniform(-1, 1, env.action_space.shape) if action is None else action
        observation, _, _, _, info = env.step(np.float32(drawn))
        found.append((observation, info))
    env.close()
    infos = [info for _, info in found]
    return np.array([o["observation"] if isinstance(o, dict) else o for o, _ in found]), infos


def truth(infos):
    seen = [info["true_observation"] for info in infos]
    return np.array([o["observation"] if isinstance(o, dict) else o for o in seen])


@pytest.fixture(params=[MAZE, REACHER])
def env_id(request):
    return request.param


VALUES = {
    "obs_noise": 0.1,
    "obs_bias": 0.1,
    "obs_dropout": 0.5,
    "sensor_dropout": 0.5,
    "obs_burst": 5,
    "obs_delay": 3,
    "action_delay": 3,
    "push": 0.5,
    "mass": 2.0,
    "damping": 3.0,
    "actuator_gain": 0.5,
}
SENSORS = [name for name in VALUES if name.startswith(("obs", "sensor"))]


@pytest.mark.parametrize("name", VALUES)
def test_each_follows_its_seed_changes_something_and_keeps_the_start(env_id, name):
    layer = (name, VALUES[name])
    plain, _ = play(make(env_id))
    one, infos = play(make(env_id, layer))
    again, _ = play(make(env_id, layer))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, plain)
    if name in SENSORS:  # the world itself is as it was
        np.testing.assert_array_equal(truth(infos), plain)
        assert one.dtype == plain.dtype
    else:
        np.testing.assert_array_equal(one[0], plain[0])
    if name not in ("obs_delay", "action_delay", "mass", "damping", "actuator_gain"):
        other, others = play(make(env_id, layer), seed=4)
        if name in SENSORS:
            plain4, _ = play(make(env_id), seed=4)
            assert not np.array_equal(np.isnan(other), np.isnan(one)) or not np.array_equal(
                other - truth(others), one - truth(infos)
            )
            np.testing.assert_array_equal(truth(others), plain4)


def test_noise_has_its_deviation_in_each_dimension():
    reading, infos = play(make(MAZE, ("obs_noise", (0.2, 0.1, 0.0, 1.0))), steps=400)
    error = reading - truth(infos)
    np.testing.assert_allclose(error.std(axis=0), [0.2, 0.1, 0, 1.0], rtol=0.15)
    np.testing.assert_allclose(error.mean(axis=0), 0, atol=0.2)
    assert abs(np.corrcoef(error[1:, 0], error[:-1, 0])[0, 1]) < 0.15


def test_a_bias_is_drawn_once_an_episode():
    env = make(MAZE, ("obs_bias", 0.3))
    errors = []
    for seed in range(40):
        observation, info = env.reset(seed=seed)
        errors.append(observation["observation"] - info["true_observation"]["observation"])
        observation, *_, info = env.step(np.ones(2, np.float32))
        later = observation["observation"] - info["true_observation"]["observation"]
        np.testing.assert_allclose(later, errors[-1], atol=1e-6)
    env.close()
    assert np.std(errors) == pytest.approx(0.3, rel=0.2)


def test_what_is_missing_is_nan_and_said_to_be():
    for name, whole in (("obs_dropout", True), ("sensor_dropout", False)):
        reading, infos = play(make(MAZE, (name, 0.5)), steps=300)
        gone = np.isnan(reading)
        np.testing.assert_array_equal(gone, [info["missing"] for info in infos])
        np.testing.assert_array_equal(reading[~gone], truth(infos)[~gone])
        assert gone.mean() == pytest.approx(0.5, abs=0.1) and not gone[0].any()
        assert (gone.all(axis=1) == gone.any(axis=1)).all() == whole


def test_bursts_are_as_long_and_as_far_apart_as_asked():
    reading, _ = play(make(REACHER, ("obs_burst", 4, {"period": 10})), steps=49)
    gone = np.isnan(reading).all(axis=1)
    edges = np.flatnonzero(np.diff(gone.astype(int)) == 1)
    assert set(np.diff(edges)) == {10}
    assert gone[edges[0] + 1 : edges[0] + 11].sum() == 4


def test_delays():
    plain, _ = play(make(MAZE))
    late, _ = play(make(MAZE, ("obs_delay", 3)))
    np.testing.assert_array_equal(late[3:], plain[:-3])
    np.testing.assert_array_equal(late[:3], np.repeat(plain[:1], 3, axis=0))
    idle, _ = play(make(MAZE), steps=3, action=[0, 0])
    slow, _ = play(make(MAZE, ("action_delay", 3)), action=[1, 0])
    pushed, _ = play(make(MAZE), action=[1, 0])
    np.testing.assert_array_equal(slow[:4], idle)
    assert slow[4, 2] > slow[3, 2] + 0.01 and slow[4, 2] < pushed[4, 2]


def test_the_goals_own_reading_is_the_observations():
    """Where achieved_goal repeats numbers of the observation, one sensor reads both."""
    env = make(MAZE, ("obs_noise", 0.2), ("sensor_dropout", 0.3))
    for seed in range(3):
        env.reset(seed=seed)
        for _ in range(10):
            observation, *_ = env.step(np.ones(2, np.float32))
            np.testing.assert_array_equal(
                observation["achieved_goal"], observation["observation"][:2]
            )
            assert np.isfinite(observation["desired_goal"]).all()
    env.close()


def test_they_stack_in_any_order_and_twins_differ():
    reading, infos = play(make(MAZE, ("obs_noise", 0.1), ("obs_noise", 0.1)), steps=400)
    error = reading - truth(infos)
    assert error.std() == pytest.approx(0.1 * 2**0.5, rel=0.1)  # 0.2 if the twins drew the same
    for layers in ([0, 1], [1, 0]):
        both = [("obs_noise", 0.1), ("obs_dropout", 0.5)]
        reading, infos = play(make(MAZE, *(both[i] for i in layers)))
        assert np.isnan(reading).any()
        assert np.nanstd(reading - truth(infos)) == pytest.approx(0.1, rel=0.3)


def test_a_push_has_the_force_that_was_asked_for():
    """On slide joints with mass and damping of the maze's ball, beside no push."""
    env = make(MAZE, ("push", 0.5, {"duration": 3, "period": 20}))
    model, data = env.unwrapped.model, env.unwrapped.data
    limit = np.abs(model.actuator_gear[:2, 0] * model.actuator_ctrlrange[:2, 1])
    env.reset(seed=0)
    forces = []
    for _ in range(60):
        env.step(np.zeros(2, np.float32))
        forces.append(data.qfrc_applied.copy() / limit)
    env.close()
    size = np.linalg.norm(forces, axis=1)
    np.testing.assert_allclose(size[size > 0], 0.5, rtol=1e-6)
    begins = np.flatnonzero((size[1:] > 0) & (size[:-1] == 0)) + 1
    assert set(np.diff(begins)) == {20}
    for begin in begins[:-1]:
        assert (size[begin : begin + 3] > 0).all() and size[begin + 3] == 0
        np.testing.assert_array_equal(forces[begin], forces[begin + 2])
    assert len(begins) >= 2
    assert not np.allclose(forces[begins[0]], forces[begins[1]])


def test_dynamics_are_scaled_once_however_often_it_is_reset():
    nominal = gym.make(REACHER).unwrapped.model
    for name, field, factor in (
        ("mass", "body_mass", 2.0),
        ("damping", "dof_damping", 3.0),
        ("actuator_gain", "actuator_gainprm", 0.5),
    ):
        env = make(REACHER, (name, factor))
        for seed in range(3):
            env.reset(seed=seed)
        scaled = getattr(env.unwrapped.model, field)
        np.testing.assert_allclose(scaled, factor * getattr(nominal, field))
        assert scaled.any()
        env.close()


def test_a_moving_goal_moves_at_its_speed_and_stays_near_and_free():
    env = make(MAZE, ("moving_goal", 1.0, {"radius": 0.8, "period": 5}))
    inner = env.unwrapped
    goals = [env.reset(seed=1)[0]["desired_goal"]]
    for _ in range(100):
        goals.append(env.step(np.zeros(2, np.float32))[0]["desired_goal"])
    env.close()
    moves = np.linalg.norm(np.diff(goals, axis=0), axis=1)
    moved = moves > 0
    assert moved.sum() >= 10 and set(np.diff(np.flatnonzero(moved)) % 5) == {0}
    np.testing.assert_allclose(moves[moved], 5 * inner.dt * 1.0, rtol=1e-5)
    assert np.linalg.norm(np.array(goals) - goals[0], axis=1).max() <= 0.8 + 1e-6
    assert all(inner.may_hold_goal(goal) for goal in goals)
    assert not inner.may_hold_goal(np.array([100.0, 0.0]))


BAD = [
    ("obs_noise", -1.0, "from 0 up"),
    ("obs_noise", (0.1, 0.2, 0.3), "has 3 numbers; needed: 1 or 4"),
    ("obs_bias", float("nan"), "from 0 up"),
    ("obs_dropout", 1.5, r"\[0, 1\], got 1.5"),
    ("sensor_dropout", -0.5, r"\[0, 1\]"),
    ("obs_burst", 0, "integer from 1 up"),
    ("obs_burst", 60, "obs_burst period must be an integer from 60 up, got 50"),
    ("obs_delay", 1.5, "integer from 0 up, got 1.5"),
    ("action_delay", -1, "integer from 0 up"),
    ("action_delay", float("inf"), "integer from 0 up"),
    ("push", -0.5, "push fraction"),
    ("push", (0.5, 0.5), "push fraction"),
    ("mass", -1.0, "factor"),
    ("moving_goal", -1.0, "speed"),
]


@pytest.mark.parametrize(("name", "value", "says"), BAD)
def test_bad_numbers_are_named(name, value, says):
    with pytest.raises(ValueError, match=says):
        make(MAZE, (name, value))


@pytest.mark.parametrize("name", ["push", "mass", "moving_goal", "obs_noise"])
def test_other_environments_are_refused(name):
    env_id = "FrozenLake-v1" if name == "obs_noise" else "Pendulum-v1"
    with pytest.raises(ValueError, match="need"):
        make(env_id, (name, 0.5))
