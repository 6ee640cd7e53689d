"""Intervals against known distributions, and windows against rows counted by hand."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.data.trajectories import from_episodes
from dfplan.forecast.windows import calibrate, errors, held_out, inside, interval, latest
from dfplan.representation.config import DataConfig
from dfplan.representation.layout import Layout
from dfplan.representation.tokens import TokenLayout
from dfplan.types import UserError

LAYOUT = Layout(2, 1)
WINDOWS = 400
SAMPLES = 19
TOKENS = 5


def make_planner(history=2, horizon=3, stride=2):
    """The part of a planner that windows need."""
    tokens = TokenLayout.create(LAYOUT, DataConfig(stride=stride))
    config = SimpleNamespace(history=SimpleNamespace(tokens=history, level=0.25))
    model = SimpleNamespace(layout=tokens)
    return SimpleNamespace(config=config, model=model, horizon=horizon)


def make_data(*lengths):
    """Episode e's state at step t is (100 e + t, -t), its action 100 e + t."""
    states = []
    actions = []
    for e, n in enumerate(lengths):
        t = np.arange(n, dtype=np.float32)
        states.append(np.stack([100 * e + t, -t], axis=1))
        actions.append(100 * e + t[:, None])
    return from_episodes(states, actions, LAYOUT, dataset_id="my/count-v0")


def test_windows_hold_what_was_observed_and_what_followed():
    windows = held_out(make_data(9, 5, 10), make_planner(), 100, seed=0)
    # 2 steps before and 6 after: step 2 of the first episode, 2 and 3 of the last.
    assert list(zip(windows.episode, windows.step, strict=True)) == [(0, 2), (2, 2), (2, 3)]
    np.testing.assert_array_equal(windows.history.frames[2, :, 0, 0], [201, 203])
    np.testing.assert_array_equal(windows.history.actions[2, :, :, 0], [[0, 200], [201, 202]])
    np.testing.assert_array_equal(windows.future[2, :, 0], [205, 207, 209])
    assert (np.asarray(windows.history.level) == 0.25).all()
    assert len(held_out(make_data(30), make_planner(), 7, seed=0).step) == 7
    shorter = held_out(make_data(9, 5, 10), make_planner(), 100, seed=0, tokens=1)
    assert shorter.future.shape == (5 + 1 + 6, 1, 2)


def test_windows_at_the_end_of_every_episode():
    windows = latest(make_data(9, 2, 3), make_planner())
    assert list(zip(windows.episode, windows.step, strict=True)) == [(0, 8), (2, 2)]
    assert windows.future is None
    np.testing.assert_array_equal(windows.history.frames[:, :, 0, 0], [[6, 8], [200, 202]])


def test_episodes_that_are_too_short():
    with pytest.raises(UserError, match=r"9 states: 3 observed and 6 to predict.* 8$"):
        held_out(make_data(8, 4), make_planner(), 5, seed=0)
    with pytest.raises(UserError, match=r"3 states to observe.* 2$"):
        latest(make_data(2), make_planner())


@pytest.fixture(scope="module")
def drawn():
    """Truths and samples of one distribution, and samples with half its spread."""
    rng = np.random.default_rng(0)
    center = 5 * rng.normal(size=(WINDOWS, 1, TOKENS, 2))
    samples = center + rng.normal(size=(WINDOWS, SAMPLES + 1, TOKENS, 2))
    return samples[:, 0], samples[:, 1:], center + (samples[:, 1:] - center) / 2


@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_intervals_reach_their_nominal_coverage(drawn, coverage):
    truth, samples, narrow = drawn
    assert inside(samples, truth, coverage).mean() == pytest.approx(coverage, abs=0.025)
    assert inside(narrow, truth, coverage).mean() < coverage - 0.15
    half = WINDOWS // 2
    stretch = calibrate(narrow[:half], truth[:half], coverage)
    assert stretch == pytest.approx(2, rel=0.15)
    actual = inside(narrow[half:], truth[half:], coverage, stretch=stretch).mean()
    assert actual == pytest.approx(coverage, abs=0.03)


def test_an_interval_by_hand():
    samples = jnp.arange(1.0, 20.0)[None, :, None, None]  # 1 to 19
    assert [float(end[0, 0, 0]) for end in interval(samples, 0.9)] == [1, 19]
    assert [float(end[0, 0, 0]) for end in interval(samples, 0.5, 2.0)] == [0, 20]


def test_errors_by_hand():
    truth = np.zeros((1, 2, 3))
    samples = np.zeros((1, 2, 2, 3))
    samples[0, 0, :, 0] = [3, 1]
    samples[0, 1, :, 1] = [4, 0]
    samples[..., 2] = 9  # ignored
    distances = errors(samples, truth, (0, 1))
    np.testing.assert_allclose(distances["best"], [2])
    np.testing.assert_allclose(distances["mean"], [(2.5 + 0.5) / 2])
    np.testing.assert_allclose(distances["final"], [0.5])
