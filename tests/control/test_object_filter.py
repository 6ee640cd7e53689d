"""Objects that rest or move with a robot, from noisy and missing readings.

The state is a robot's position and an object's; the action is the robot's velocity.
"""

import json

import numpy as np
import pytest

from dfplan.control.estimator import StateEstimator
from dfplan.control.linear_dynamics import LinearDynamics
from dfplan.control.object_dynamics import ObjectDynamics
from dfplan.control.object_filter import ObjectFilter
from dfplan.representation.normalizer import Normalizer

ROBOT = 0
OBJECT = 1
NOISE = 0.2
BATCH = 4
SPEED = 0.1


def simulate(carried, seed=0, batch=BATCH):
    """Return states `[T, B, 2]` and actions `[T, B, 1]`; the object moves where it is carried."""
    rng = np.random.default_rng(seed)
    action = np.repeat(rng.choice([-1.0, 1.0], (len(carried) // 5 + 1, batch, 1)), 5, axis=0)
    action = action[: len(carried)]
    state = [rng.uniform(-1.0, 1.0, (batch, 2))]
    for velocity, is_carried in zip(action[:, :, 0], carried, strict=True):
        state.append(state[-1] + SPEED * velocity[:, None] * [1.0, float(is_carried)])
    return np.stack(state[:-1]), action


def fit(carried=(True, False) * 200):
    carried = np.repeat(carried, 5)
    state, action = simulate(carried, seed=1)
    current, following = state[:-1].reshape(-1, 2), state[1:].reshape(-1, 2)
    return LinearDynamics.fit(
        current=current,
        action=action[:-1].reshape(-1, 1),
        following=following,
        low=np.full(2, -50.0),
        high=np.full(2, 50.0),
        objects=[[OBJECT]],
    )


DYNAMICS = fit()


def without_objects():
    return LinearDynamics(DYNAMICS.weights, DYNAMICS.covariance, DYNAMICS.low, DYNAMICS.high)


def make_estimator(dynamics, noise=(0.1, 0.1)):
    states = Normalizer(np.zeros(2, np.float32), np.ones(2, np.float32))
    actions = Normalizer(np.zeros(1, np.float32), np.ones(1, np.float32))
    return StateEstimator.create(dynamics, states, actions, observation_noise=noise)


def track(state, action, *, noise=0.0, hidden=(), dynamics=DYNAMICS):
    """Return estimates of the object and their deviations `[T, B]`."""
    rng = np.random.default_rng(2)
    estimator = make_estimator(dynamics, (0.0, noise))
    memory = estimator.init(state.shape[1])
    rows = []
    for step in range(len(state)):
        reading = state[step] + [0.0, noise] * rng.standard_normal(state[step].shape)
        reading[:, OBJECT] = np.nan if step in hidden else reading[:, OBJECT]
        mean, deviation, memory = estimator.observe(memory, reading)
        rows.append((mean, deviation))
        memory = estimator.predict(memory, action[step])
    mean, deviation = (np.stack(part) for part in zip(*rows, strict=True))
    return mean[:, :, OBJECT], deviation[:, :, OBJECT]


def test_the_dynamics_are_those_of_the_steps_with_movement():
    (own,) = DYNAMICS.objects
    assert own.dims == (OBJECT,)
    np.testing.assert_allclose(own.weights, [[0.0, 0.0, SPEED, 0.0]], atol=1e-6)
    assert 0.4 < DYNAMICS.weights[OBJECT, 2] / SPEED < 0.6  # which is true at no step


def test_what_hardly_varies_while_an_object_moves_has_no_effect():
    rng = np.random.default_rng(3)
    current = np.stack([rng.uniform(-1, 1, 200), 1.0 + 1e-7 * rng.standard_normal(200)], axis=1)
    action = rng.choice([-1.0, 1.0], (200, 1))
    following = current + [[SPEED, 0.0]] * action + 0.01 * rng.standard_normal((200, 2)) * [1, 0]
    own = ObjectDynamics.fit([0], current, action, following)
    assert own is not None
    np.testing.assert_allclose(own.weights[0, 2], SPEED, atol=0.01)
    assert np.abs(own.weights).max() < 2 * SPEED


def test_an_object_that_never_moves_has_no_dynamics():
    assert fit(carried=[False] * 100).objects == ()


def test_the_json_form_holds_the_objects():
    record = json.loads(json.dumps(DYNAMICS.to_dict()))
    loaded = LinearDynamics.from_dict(record)
    np.testing.assert_array_equal(loaded.objects[0].weights, DYNAMICS.objects[0].weights)
    np.testing.assert_array_equal(loaded.objects[0].covariance, DYNAMICS.objects[0].covariance)
    assert loaded.objects[0].dims == (OBJECT,)
    del record["objects"]
    assert LinearDynamics.from_dict(record).objects == ()


def test_readings_of_an_object_at_rest_are_averaged():
    state, action = simulate([False] * 60)
    estimate, deviation = track(state, action, noise=NOISE)
    error = (estimate - state[:, :, OBJECT])[30:]
    assert np.sqrt((error**2).mean()) < 0.3 * NOISE
    assert 0.1 * NOISE < deviation[-1].max() < 0.3 * NOISE
    plain, _ = track(state, action, noise=NOISE, dynamics=without_objects())
    assert np.sqrt((error**2).mean()) < 0.5 * rms(plain - state[:, :, OBJECT])


def test_an_object_that_is_carried_is_not_left_behind():
    carried = [False] * 30 + [True] * 60
    state, action = simulate(carried)
    estimate, _ = track(state, action, noise=NOISE)
    assert rms((estimate - state[:, :, OBJECT])[40:]) < 0.6 * NOISE


@pytest.mark.parametrize("is_carried", [True, False])
def test_a_hidden_object_does_what_it_did(is_carried):
    """A carried object moves with the robot, and one at rest stays."""
    state, action = simulate([is_carried] * 40)
    action[:] = 1.0
    state[:, :, ROBOT] = state[0, :, ROBOT] + SPEED * np.arange(40)[:, None]
    if is_carried:
        state[:, :, OBJECT] = state[0, :, OBJECT] + SPEED * np.arange(40)[:, None]
    hidden = range(20, 40)
    estimate, _ = track(state, action, hidden=hidden)
    np.testing.assert_allclose(estimate, state[:, :, OBJECT], atol=0.02)
    plain, _ = track(state, action, hidden=hidden, dynamics=without_objects())
    assert np.abs(plain - state[:, :, OBJECT])[-1].min() > 0.3


def test_an_object_that_was_moved_by_hand_is_found_at_once():
    state, action = simulate([False] * 40)
    state[30:, :, OBJECT] += 3.0
    estimate, deviation = track(state, action, noise=0.05)
    error = np.abs(estimate - state[:, :, OBJECT])
    assert error[29].max() < 0.05 and error[30].max() < 0.2
    assert deviation[30].min() > 2 * deviation[29].max()


def test_other_dimensions_are_estimated_as_without_objects():
    reading = simulate([False])[0][0] + 0.1
    estimators = [make_estimator(dynamics) for dynamics in (DYNAMICS, without_objects())]
    memories = [estimator.init(BATCH) for estimator in estimators]
    means = []
    for estimator, memory in zip(estimators, memories, strict=True):
        mean, _, _ = estimator.observe(memory, reading)
        means.append(mean[:, ROBOT])
    np.testing.assert_array_equal(*means)


def test_a_new_episode_forgets_where_the_object_was():
    estimator = make_estimator(DYNAMICS)
    memory = estimator.init(BATCH)
    for _ in range(10):
        _, _, memory = estimator.observe(memory, np.full((BATCH, 2), 2.0))
        memory = estimator.predict(memory, np.zeros((BATCH, 1)))
    memory = estimator.reset(memory, np.array([True, False, False, False]))
    mean, deviation, _ = estimator.observe(memory, np.full((BATCH, 2), np.nan))
    assert mean[0, OBJECT] == 0.0 and deviation[0, OBJECT] == 1.0
    np.testing.assert_allclose(mean[1:, OBJECT], 2.0, atol=0.05)


def test_nothing_overflows_while_an_object_is_hidden_for_long():
    own = ObjectDynamics((OBJECT,), np.array([[0.0, 1.0, SPEED, 0.0]]), np.eye(1))
    object_filter = ObjectFilter(own, low=np.full(1, -5.0), high=np.full(1, 5.0))
    state = object_filter.init(1)
    for _ in range(2000):
        state = object_filter.observe(state, np.full((1, 1), np.nan), np.zeros((1, 1)))
        ones = np.ones((1, 2))
        state = object_filter.predict(state, ones, ones, np.ones((1, 1)), np.zeros(1, bool))
    state = object_filter.observe(state, np.ones((1, 1)), np.zeros((1, 1)))
    mean, variance = object_filter.estimate(state)
    assert np.isfinite(state.covariance).all() and np.isfinite(state.probability).all()
    np.testing.assert_allclose(mean, 1.0, atol=0.01)
    assert 0 < variance[0, 0] < 1e-3


def rms(error):
    return np.sqrt((error**2).mean())


def test_what_is_not_known_of_the_robot_is_not_known_of_a_carried_object():
    own = ObjectDynamics((OBJECT,), np.array([[0.5, 0.0, 0.0, 0.0]]), np.full((1, 1), 0.25))
    object_filter = ObjectFilter(own, low=np.full(1, -5.0), high=np.full(1, 5.0))
    state = object_filter.observe(object_filter.init(1), np.zeros((1, 1)), np.full((1, 1), 1e-6))
    state = state._replace(probability=np.array([[0.0, 1.0]]))
    _, before = object_filter.estimate(state)
    variance = np.array([[2.0, 0.0]])
    state = object_filter.predict(
        state, np.zeros((1, 2)), variance, np.zeros((1, 1)), np.zeros(1, bool)
    )
    np.testing.assert_allclose(object_filter.estimate(state)[1], before + 0.25 * 2.0 + 0.25)
