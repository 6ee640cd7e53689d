"""What is observed becomes states to act on, and history tokens at the levels they have."""

import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.control.linear_dynamics import LinearDynamics
from dfplan.control.observer import Observer
from dfplan.diffusion.schedules.schedule import level_at
from dfplan.types import UserError
from tests.planner.tiny import ACTIONS, BATCH, HISTORY, STATES, STRIDE, make_model, make_planner
from tests.planner.tiny import make_weights as weights_of

MODEL = make_model()
STD = np.array(STATES.std)


def make(**config):
    still = LinearDynamics(np.zeros((4, 7)), 1e-6 * np.eye(4), np.full(4, -9.0), np.full(4, 9.0))
    planner = make_planner(MODEL, **config)
    return Observer(planner, weights_of(MODEL), still, BATCH), planner


def readings(steps, noise=0.0, seed=0):
    """Of robots that stand still."""
    rng = np.random.default_rng(seed)
    state = STATES.decode(rng.normal(size=(BATCH, 4)))
    drawn = noise * STD * rng.normal(size=(steps, BATCH, 4))
    return np.asarray(state), np.array(state + drawn, np.float32)


def drive(observer, steps):
    acted_on = []
    for reading in steps:
        acted_on.append(observer.observe(reading))
        observer.acted(np.tile(np.array(ACTIONS.mean), (BATCH, 1)))
    return np.array(acted_on)


STEPS = (HISTORY - 1) * STRIDE + 1


def test_without_noise_states_and_history_are_what_was_read():
    observer, _ = make(**{"history.level": 0.2})
    _, seen = readings(STEPS, 0.3)
    np.testing.assert_array_equal(drive(observer, seen), seen)
    history = observer.history(np.arange(BATCH))
    np.testing.assert_array_equal(history.frames[:, :, -1], seen[::STRIDE].swapaxes(0, 1))
    np.testing.assert_array_equal(history.level, np.full((BATCH, HISTORY), np.float32(0.2)))


def test_noise_is_filtered_and_history_says_how_much_is_left():
    noise = 0.3
    state, seen = readings(40, noise)
    observer, planner = make(**{"sensing.observation_noise": tuple(float(n) for n in noise * STD)})
    found = drive(observer, seen)
    error = (np.abs(found - state) / STD).mean(axis=(1, 2))
    assert error[-1] < 0.5 * error[0]
    level = np.asarray(observer.history(np.arange(BATCH)).level)
    assert (level[:, :-1] > level[:, 1:]).all()  # the more is read, the less noise is left
    # The mean of 40 - k readings: its noise is a reading's over the root of their number.
    left = noise / np.sqrt(40 - STRIDE * np.arange(HISTORY)[::-1])
    wanted = level_at(planner.model.schedule, left)
    np.testing.assert_allclose(level, np.tile(wanted, (BATCH, 1)), rtol=0.02)


def test_the_declared_level_is_the_least():
    _, seen = readings(40, 0.01)
    observer, _ = make(**{"sensing.observation_noise": (0.001,), "history.level": 0.4})
    drive(observer, seen)
    np.testing.assert_array_equal(observer.history(np.arange(BATCH)).level, np.float32(0.4))


def test_what_is_missing_is_filled_in_and_declared_as_it_is_known():
    state, seen = readings(STEPS)
    seen[-1, 0], seen[:, 1] = np.nan, np.nan
    observer, _ = make(**{"sensing.missing": True})
    found = drive(observer, seen)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[-1, 0], state[0], atol=1e-3)  # it stands still
    np.testing.assert_allclose(found[-1, 1], STATES.mean)  # no one knows
    history = observer.history(np.arange(BATCH))
    assert (history.level[0, :-1] == 0).all() and 0 < history.level[0, -1] < 0.1
    np.testing.assert_array_equal(history.level[1], 1.0)
    assert jnp.isfinite(history.frames).all()
    observer.forget(np.array([False, True]))
    observer.observe(np.nan_to_num(seen[0], nan=1.0))
    np.testing.assert_array_equal(observer.history(np.array([1])).level, [[1.0, 1.0, 0.0]])


def test_a_motion_is_needed():
    with pytest.raises(UserError, match="need a motion"):
        Observer(make_planner(MODEL, **{"sensing.missing": True}), weights_of(MODEL), None, BATCH)
