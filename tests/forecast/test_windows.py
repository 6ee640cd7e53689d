"""Forecasts against distributions that are known, and windows against rows counted by hand."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.data.minari_io import from_episodes
from dfplan.forecast.windows import calibrate, errors, held_out, inside, interval, latest
from dfplan.representation.config import DataConfig
from dfplan.representation.layout import Layout
from dfplan.representation.tokens import TokenLayout
from dfplan.types import UserError

LAYOUT = Layout(2, 1)
WINDOWS, SAMPLES, TOKENS = 400, 19, 5


def make_planner(history=2, horizon=3, stride=2, candidates=4):
    """As much of a planner as windows need; `plan` counts up from the present."""
    tokens = TokenLayout.create(LAYOUT, DataConfig(stride=stride))

    def plan(weights, keys, history, goal):
        assert goal is None
        steps = np.arange(horizon + 1)[:, None]
        present = np.asarray(history.frames)[:, -1, -1]
        ways = present[:, None, None] + steps
        return SimpleNamespace(candidates=np.repeat(ways, candidates, axis=1))

    config = SimpleNamespace(
        history=SimpleNamespace(tokens=history, level=0.25), candidates=candidates
    )
    model = SimpleNamespace(layout=tokens)
    return SimpleNamespace(config=config, model=model, horizon=horizon, plan=plan)


def make_data(*lengths):
    """Episode e's state at step t is (100 e + t, -t), its action 100 e + t."""
    states, actions = [], []
    for e, n in enumerate(lengths):
        t = np.arange(n, dtype=np.float32)
        states.append(np.stack([100 * e + t, -t], axis=1))
        actions.append(100 * e + t[:, None])
    return from_episodes(states, actions, LAYOUT, "my/count-v0")


def test_windows_hold_what_was_seen_and_what_followed():
    found = held_out(make_data(9, 5, 10), make_planner(), 100, seed=0)
    # 2 steps before and 6 after: step 2 of the first episode, 2 and 3 of the last.
    assert list(zip(found.episode, found.step, strict=True)) == [(0, 2), (2, 2), (2, 3)]
    np.testing.assert_array_equal(found.history.frames[2, :, 0, 0], [201, 203])
    np.testing.assert_array_equal(found.history.actions[2, :, :, 0], [[0, 200], [201, 202]])
    np.testing.assert_array_equal(found.future[2, :, 0], [205, 207, 209])
    assert (np.asarray(found.history.level) == 0.25).all()
    assert len(held_out(make_data(30), make_planner(), 7, seed=0).step) == 7
    nearer = held_out(make_data(9, 5, 10), make_planner(), 100, seed=0, tokens=1)
    assert nearer.future.shape == (5 + 1 + 6, 1, 2)


def test_the_latest_of_every_episode():
    found = latest(make_data(9, 2, 3), make_planner())
    assert list(zip(found.episode, found.step, strict=True)) == [(0, 8), (2, 2)]
    assert found.future is None
    np.testing.assert_array_equal(found.history.frames[:, :, 0, 0], [[6, 8], [200, 202]])


def test_episodes_that_are_too_short():
    with pytest.raises(UserError, match="no episode of 9 states: 3 observed and 6 to predict"):
        held_out(make_data(8, 4), make_planner(), 5, seed=0)
    with pytest.raises(UserError, match="no episode of 3 states to observe; the longest has 2"):
        latest(make_data(2), make_planner())


@pytest.fixture(scope="module")
def drawn():
    """Truths and samples of one distribution, and samples of half its spread."""
    rng = np.random.default_rng(0)
    center = 5 * rng.normal(size=(WINDOWS, 1, TOKENS, 2))
    right = center + rng.normal(size=(WINDOWS, SAMPLES + 1, TOKENS, 2))
    return right[:, 0], right[:, 1:], center + (right[:, 1:] - center) / 2


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_intervals_hold_what_they_promise(drawn, level):
    truth, samples, narrow = drawn
    assert inside(samples, truth, level).mean() == pytest.approx(level, abs=0.025)
    assert inside(narrow, truth, level).mean() < level - 0.15
    half = WINDOWS // 2
    stretch = calibrate(narrow[:half], truth[:half], level)
    assert stretch == pytest.approx(2, rel=0.15)
    covered = inside(narrow[half:], truth[half:], level, stretch).mean()
    assert covered == pytest.approx(level, abs=0.03)


def test_an_interval_by_hand():
    samples = jnp.arange(1.0, 20.0)[None, :, None, None]  # 1 to 19
    assert [float(end[0, 0, 0]) for end in interval(samples, 0.9)] == [1, 19]
    assert [float(end[0, 0, 0]) for end in interval(samples, 0.5, 2.0)] == [0, 20]


def test_errors_by_hand():
    truth = np.zeros((1, 2, 3))
    samples = np.zeros((1, 2, 2, 3))
    samples[0, 0, :, 0] = [3, 1]
    samples[0, 1, :, 1] = [4, 0]
    samples[..., 2] = 9  # not looked at
    found = errors(samples, truth, (0, 1))
    np.testing.assert_allclose(found["best"], [2])
    np.testing.assert_allclose(found["mean"], [(2.5 + 0.5) / 2])
    np.testing.assert_allclose(found["final"], [0.5])
