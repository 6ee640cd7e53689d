"""Perturbations on PointMaze and on Gymnasium's own MuJoCo environments."""

import gymnasium as gym
import numpy as np
import pytest

from dfplan_envs.perturb import PERTURBATIONS

MAZE = "dfplan/PointMaze_UMaze_D4RL-v0"
REACHER = "Reacher-v5"
STEPS = 60


def make_env(env_id, *perturbations):
    """Make an environment with perturbations (name, value) or (name, value, options)."""
    env = gym.make(env_id)
    for name, value, *options in perturbations:
        env = PERTURBATIONS[name](env, value, **(options[0] if options else {}))
    return env


def play(env, seed=3, steps=STEPS, action=None):
    """Return the observation vectors and infos of an episode, including the reset's.

    Actions are random by default.
    """
    observation, info = env.reset(seed=seed)
    observations = [observation]
    infos = [info]
    rng = np.random.default_rng(0)
    for _ in range(steps):
        step_action = rng.uniform(-1, 1, env.action_space.shape) if action is None else action
        observation, _, _, _, info = env.step(np.float32(step_action))
        observations.append(observation)
        infos.append(info)
    env.close()
    return as_vectors(observations), infos


def true_observations(infos):
    return as_vectors([info["true_observation"] for info in infos])


def as_vectors(observations):
    """Stack observations; of a goal Dict, only its `observation`."""
    return np.array([o["observation"] if isinstance(o, dict) else o for o in observations])


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
def test_each_follows_its_seed_and_keeps_the_start(env_id, name):
    perturbation = (name, VALUES[name])
    plain, _ = play(make_env(env_id))
    perturbed, infos = play(make_env(env_id, perturbation))
    repeat, _ = play(make_env(env_id, perturbation))
    np.testing.assert_array_equal(perturbed, repeat)
    assert not np.array_equal(perturbed, plain)
    if name in SENSORS:  # the true states do not change
        np.testing.assert_array_equal(true_observations(infos), plain)
        assert perturbed.dtype == plain.dtype
    else:
        np.testing.assert_array_equal(perturbed[0], plain[0])
    if name not in ("obs_delay", "action_delay", "mass", "damping", "actuator_gain"):
        other, other_infos = play(make_env(env_id, perturbation), seed=4)
        if name in SENSORS:
            other_plain, _ = play(make_env(env_id), seed=4)
            error = perturbed - true_observations(infos)
            other_error = other - true_observations(other_infos)
            assert not np.array_equal(np.isnan(other), np.isnan(perturbed)) or not np.array_equal(
                other_error, error
            )
            np.testing.assert_array_equal(true_observations(other_infos), other_plain)


def test_noise_has_the_given_deviation_in_each_dimension():
    reading, infos = play(make_env(MAZE, ("obs_noise", (0.2, 0.1, 0.0, 1.0))), steps=400)
    error = reading - true_observations(infos)
    np.testing.assert_allclose(error.std(axis=0), [0.2, 0.1, 0, 1.0], rtol=0.15)
    np.testing.assert_allclose(error.mean(axis=0), 0, atol=0.2)
    assert abs(np.corrcoef(error[1:, 0], error[:-1, 0])[0, 1]) < 0.15


def test_bias_is_drawn_once_per_episode():
    env = make_env(MAZE, ("obs_bias", 0.3))
    errors = []
    for seed in range(40):
        observation, info = env.reset(seed=seed)
        errors.append(observation["observation"] - info["true_observation"]["observation"])
        observation, *_, info = env.step(np.ones(2, np.float32))
        later = observation["observation"] - info["true_observation"]["observation"]
        np.testing.assert_allclose(later, errors[-1], atol=1e-6)
    env.close()
    assert np.std(errors) == pytest.approx(0.3, rel=0.2)


def test_missing_numbers_are_nan_and_marked():
    for name, drops_whole_observations in (("obs_dropout", True), ("sensor_dropout", False)):
        reading, infos = play(make_env(MAZE, (name, 0.5)), steps=300)
        missing = np.isnan(reading)
        np.testing.assert_array_equal(missing, [info["missing"] for info in infos])
        np.testing.assert_array_equal(reading[~missing], true_observations(infos)[~missing])
        assert missing.mean() == pytest.approx(0.5, abs=0.1) and not missing[0].any()
        all_or_nothing = (missing.all(axis=1) == missing.any(axis=1)).all()
        assert all_or_nothing == drops_whole_observations


def test_bursts_have_the_given_length_and_period():
    reading, _ = play(make_env(REACHER, ("obs_burst", 4, {"period": 10})), steps=49)
    missing = np.isnan(reading).all(axis=1)
    edges = np.flatnonzero(np.diff(missing.astype(int)) == 1)
    assert set(np.diff(edges)) == {10}
    assert missing[edges[0] + 1 : edges[0] + 11].sum() == 4


@pytest.mark.parametrize(
    ("name", "value"), [("obs_dropout", 0.5), ("sensor_dropout", 0.5), ("obs_burst", 4)]
)
def test_a_part_of_an_observation_can_be_missing(name, value):
    """Numbers of equal probability or burst length are missing together, unlike single sensors."""
    missing = np.isnan(play(make_env(MAZE, (name, (0, value, 0, value))), steps=100)[0])
    assert not missing[:, [0, 2]].any() and 0 < missing[:, [1, 3]].sum() < 200
    assert (missing[:, 1] == missing[:, 3]).all() == (name != "sensor_dropout")


def test_bursts_may_have_a_length_for_each_sensor():
    missing = np.isnan(play(make_env(MAZE, ("obs_burst", (0, 2, 4, 4), {"period": 10})))[0])
    assert missing[:60].sum(axis=0).tolist() in ([0, 10, 20, 20], [0, 12, 24, 24])


def test_delays():
    plain, _ = play(make_env(MAZE))
    delayed, _ = play(make_env(MAZE, ("obs_delay", 3)))
    np.testing.assert_array_equal(delayed[3:], plain[:-3])
    np.testing.assert_array_equal(delayed[:3], np.repeat(plain[:1], 3, axis=0))
    idle, _ = play(make_env(MAZE), steps=3, action=[0, 0])
    delayed, _ = play(make_env(MAZE, ("action_delay", 3)), action=[1, 0])
    immediate, _ = play(make_env(MAZE), action=[1, 0])
    np.testing.assert_array_equal(delayed[:4], idle)
    assert delayed[3, 2] + 0.01 < delayed[4, 2] < immediate[4, 2]


def test_achieved_goal_agrees_with_the_observation():
    """Where achieved_goal repeats numbers of the observation, they come from the same sensor."""
    env = make_env(MAZE, ("obs_noise", 0.2), ("sensor_dropout", 0.3))
    for seed in range(3):
        env.reset(seed=seed)
        for _ in range(10):
            observation, *_ = env.step(np.ones(2, np.float32))
            np.testing.assert_array_equal(
                observation["achieved_goal"], observation["observation"][:2]
            )
            assert np.isfinite(observation["desired_goal"]).all()
    env.close()


def test_they_stack_in_any_order_and_duplicates_differ():
    reading, infos = play(make_env(MAZE, ("obs_noise", 0.1), ("obs_noise", 0.1)), steps=400)
    error = reading - true_observations(infos)
    assert error.std() == pytest.approx(0.1 * 2**0.5, rel=0.1)  # 0.2 if both drew the same numbers
    noise = ("obs_noise", 0.1)
    dropout = ("obs_dropout", 0.5)
    for perturbations in ((noise, dropout), (dropout, noise)):
        reading, infos = play(make_env(MAZE, *perturbations))
        assert np.isnan(reading).any()
        assert np.nanstd(reading - true_observations(infos)) == pytest.approx(0.1, rel=0.3)


def test_pushes_have_the_given_force_duration_and_period():
    env = make_env(MAZE, ("push", 0.5, {"duration": 3, "period": 20}))
    model = env.unwrapped.model
    data = env.unwrapped.data
    limit = np.abs(model.actuator_gear[:2, 0] * model.actuator_ctrlrange[:2, 1])
    env.reset(seed=0)
    forces = []
    for _ in range(60):
        env.step(np.zeros(2, np.float32))
        forces.append(data.qfrc_applied.copy() / limit)
    env.close()
    magnitude = np.linalg.norm(forces, axis=1)
    np.testing.assert_allclose(magnitude[magnitude > 0], 0.5, rtol=1e-6)
    starts = np.flatnonzero((magnitude[1:] > 0) & (magnitude[:-1] == 0)) + 1
    assert set(np.diff(starts)) == {20}
    for start in starts[:-1]:
        assert (magnitude[start : start + 3] > 0).all() and magnitude[start + 3] == 0
        np.testing.assert_array_equal(forces[start], forces[start + 2])
    assert len(starts) >= 2
    assert not np.allclose(forces[starts[0]], forces[starts[1]])


def test_dynamics_are_scaled_once_despite_repeated_resets():
    nominal = gym.make(REACHER).unwrapped.model
    for name, field, factor in (
        ("mass", "body_mass", 2.0),
        ("damping", "dof_damping", 3.0),
        ("actuator_gain", "actuator_gainprm", 0.5),
    ):
        env = make_env(REACHER, (name, factor))
        for seed in range(3):
            env.reset(seed=seed)
        scaled = getattr(env.unwrapped.model, field)
        np.testing.assert_allclose(scaled, factor * getattr(nominal, field))
        assert scaled.any()
        env.close()


def test_moving_goal_has_its_speed_and_stays_in_bounds():
    env = make_env(MAZE, ("moving_goal", 1.0, {"radius": 0.8, "period": 5}))
    inner = env.unwrapped
    goals = [env.reset(seed=1)[0]["desired_goal"]]
    for _ in range(100):
        goals.append(env.step(np.zeros(2, np.float32))[0]["desired_goal"])
    env.close()
    distances = np.linalg.norm(np.diff(goals, axis=0), axis=1)
    moved = distances > 0
    assert moved.sum() >= 10 and set(np.diff(np.flatnonzero(moved)) % 5) == {0}
    np.testing.assert_allclose(distances[moved], 5 * inner.dt * 1.0, rtol=1e-5)
    assert np.linalg.norm(np.array(goals) - goals[0], axis=1).max() <= 0.8 + 1e-6
    assert all(inner.may_hold_goal(goal) for goal in goals)
    assert not inner.may_hold_goal(np.array([100.0, 0.0]))


INVALID = [
    ("obs_noise", -1.0, r"obs_noise deviation .*>= 0.*-1\.0"),
    ("obs_noise", (0.1, 0.2, 0.3), r"obs_noise deviation .*3 numbers.*1 or 4"),
    ("obs_bias", float("nan"), r"obs_bias deviation .*>= 0.*nan"),
    ("obs_dropout", 1.5, r"obs_dropout probability .*\[0, 1\].*1\.5"),
    ("sensor_dropout", -0.5, r"sensor_dropout probability .*\[0, 1\].*-0\.5"),
    ("obs_dropout", (0.5, 2, 0, 0), r"obs_dropout probability .*\[0, 1\].*2"),
    ("obs_burst", (4, 2.5, 0, 0), r"obs_burst length .*integers.*2\.5"),
    ("obs_burst", (4, 0), r"obs_burst length has 2 numbers.*1 or"),
    ("obs_burst", 0, r"obs_burst length .*>= 1.*0"),
    ("obs_burst", 60, r"obs_burst period .*>= 60.*50"),
    ("obs_delay", 1.5, r"obs_delay steps .*>= 0.*1\.5"),
    ("action_delay", -1, r"action_delay steps .*>= 0.*-1"),
    ("action_delay", float("inf"), r"action_delay steps .*>= 0.*inf"),
    ("push", -0.5, r"push fraction .*\[0, inf\].*-0\.5"),
    ("push", (0.5, 0.5), r"push fraction .*\[0, inf\].*\(0\.5, 0\.5\)"),
    ("mass", -1.0, r"Mass factor .*\[0, inf\].*-1\.0"),
    ("moving_goal", -1.0, r"moving_goal speed .*\[0, inf\].*-1\.0"),
]


@pytest.mark.parametrize(("name", "value", "facts"), INVALID)
def test_invalid_numbers(name, value, facts):
    with pytest.raises(ValueError, match=facts):
        make_env(MAZE, (name, value))


@pytest.mark.parametrize(
    ("name", "env_id", "facts"),
    [
        ("push", "Pendulum-v1", "MuJoCo.*Pendulum"),
        ("mass", "Pendulum-v1", "MuJoCo.*Pendulum"),
        ("moving_goal", "Pendulum-v1", "goal.*dt.*Pendulum"),
        ("obs_noise", "FrozenLake-v1", r"Box.*Dict.*Discrete\(16\)"),
    ],
)
def test_unsuitable_environments(name, env_id, facts):
    with pytest.raises(ValueError, match=facts):
        make_env(env_id, (name, 0.5))
