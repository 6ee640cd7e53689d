"""The filter of an object against the equations of interacting multiple models, robot by robot.

Blom & Bar-Shalom 1988, for the state `robot, x, y` and an action of one number.
"""

import numpy as np
import pytest
import scipy.stats

from dfplan.control.estimator import StateEstimator
from dfplan.control.linear_dynamics import LinearDynamics
from dfplan.control.object_dynamics import ObjectDynamics
from dfplan.control.object_filter import DRIFT, EXACT, SWITCH, ObjectFilter, ObjectFilterState
from dfplan.representation.normalizer import Normalizer

WEIGHTS = np.array([[0.3, -0.2, 0.1, 0.5, 0.05], [-0.4, 0.15, -0.1, 0.2, -0.02]])
COVARIANCE = np.array([[0.04, 0.01], [0.01, 0.02]])
BATCH = 3
VARIANCE = np.array([[0.3, 0.0], [0.02, 0.1], [0.5, 0.5]])
"""Noise of the readings; the second one of the first robot is exact."""
EDGE = 0.4
"""Largest value in the data."""
FILTER = ObjectFilter(
    ObjectDynamics((1, 2), WEIGHTS, COVARIANCE), low=np.full(2, -EDGE), high=np.full(2, EDGE)
)


def make_state(seed=0):
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(BATCH, 2, 2, 2))
    covariance = factor @ factor.swapaxes(-1, -2) + 0.1 * np.eye(2)
    moving = rng.uniform(0.2, 0.8, BATCH)
    probability = np.stack([1 - moving, moving], axis=1)
    return ObjectFilterState(rng.uniform(-0.5, 0.5, (BATCH, 2, 2)), covariance, probability)


def assert_same(state, expected):
    for name, values in state._asdict().items():
        np.testing.assert_allclose(values, np.stack(expected[name]), atol=1e-9, err_msg=name)


def test_readings():
    state = make_state()
    reading = np.array([[0.2, -0.1], [0.4, np.nan], [np.nan, np.nan]])
    expected = {"mean": [], "covariance": [], "probability": []}
    for robot in range(BATCH):
        read = np.isfinite(reading[robot])
        noise = np.diag(np.maximum(VARIANCE[robot], EXACT)[read])
        means = state.mean[robot].copy()
        covariances = state.covariance[robot].copy()
        likelihood = np.ones(2)
        for mode in range(2) if read.any() else ():
            prior = covariances[mode]
            size = prior[np.ix_(read, read)] + noise
            gain = prior[:, read] @ np.linalg.inv(size)
            predicted = means[mode][read]
            likelihood[mode] = scipy.stats.multivariate_normal(predicted, size).pdf(
                reading[robot, read]
            )
            means[mode] = means[mode] + gain @ (reading[robot, read] - predicted)
            covariances[mode] = prior - gain @ prior[read]
        weight = state.probability[robot] * likelihood
        expected["mean"].append(means)
        expected["covariance"].append(covariances)
        expected["probability"].append(weight / weight.sum())
    assert_same(FILTER.observe(state, reading, VARIANCE), expected)


def test_control_steps():
    state = make_state()
    rng = np.random.default_rng(1)
    robots = rng.normal(size=(BATCH, 3))
    variances = rng.uniform(0.1, 1.0, (BATCH, 3))
    actions = rng.normal(size=(BATCH, 1))
    is_read = np.array([True, True, False])
    expected = {"mean": [], "covariance": [], "probability": []}
    for robot in range(BATCH):
        mean, covariance, probability = (part[robot] for part in state)
        if is_read[robot]:
            mean, covariance, probability = mix(mean, covariance, probability)
        inputs = np.concatenate([robots[robot, :1], mean[1], actions[robot], [1.0]])
        moved = mean[1] + WEIGHTS @ inputs
        transition = np.eye(2) + WEIGHTS[:, 1:3]
        from_robot = variances[robot, 0] * np.outer(WEIGHTS[:, 0], WEIGHTS[:, 0])
        spread = transition @ covariance[1] @ transition.T + from_robot + COVARIANCE
        expected["mean"].append(np.stack([mean[0], moved]).clip(-EDGE, EDGE))
        expected["covariance"].append(np.stack([covariance[0] + DRIFT * np.eye(2), spread]))
        expected["probability"].append(probability)
    assert np.abs(np.stack(expected["mean"])).max() == EDGE  # the bounds count
    assert_same(FILTER.predict(state, robots, variances, actions, is_read), expected)


def mix(mean, covariance, probability):
    """Return the beliefs of one robot that its modes begin a control step with."""
    switch = np.array([[1 - SWITCH, SWITCH], [SWITCH, 1 - SWITCH]])
    after = probability @ switch
    means = np.zeros((2, 2))
    covariances = np.zeros((2, 2, 2))
    for mode in range(2):
        share = probability * switch[:, mode] / after[mode]
        means[mode] = share @ mean
        for before in range(2):
            offset = mean[before] - means[mode]
            covariances[mode] += share[before] * (covariance[before] + np.outer(offset, offset))
    return means, covariances, after


def make_estimator():
    high = np.array([1.0, 2.0, 3.0])
    dynamics = LinearDynamics(np.zeros((3, 5)), np.eye(3), -high, high, (FILTER.dynamics,))
    states = Normalizer(np.zeros(3, np.float32), np.ones(3, np.float32))
    actions = Normalizer(np.zeros(1, np.float32), np.ones(1, np.float32))
    return StateEstimator.create(dynamics, states, actions, observation_noise=(0.1,))


def test_an_object_stays_within_its_own_range_of_the_data():
    (own,) = make_estimator().object_filters
    assert own.low.tolist() == [-2.0, -3.0] and own.high.tolist() == [2.0, 3.0]


@pytest.mark.parametrize(("reading", "is_read"), [([0.5, np.nan], True), ([np.nan] * 2, False)])
def test_an_object_of_which_one_number_is_read_may_change_its_mode(reading, is_read):
    estimator = make_estimator()
    state = estimator.init(1)
    state = state._replace(objects=(state.objects[0]._replace(probability=np.array([[0.9, 0.1]])),))
    _, _, state = estimator.observe(state, np.array([[0.0, *reading]]))
    before = state.objects[0].probability
    after = estimator.predict(state, np.zeros((1, 1))).objects[0].probability
    expected = SWITCH + (1 - 2 * SWITCH) * before if is_read else before
    np.testing.assert_allclose(after, expected)
