"""Held-out gaps against rows counted by hand, and how lines and the smoother fill them."""

import numpy as np
import pytest

from dfplan.data.trajectories import from_episodes
from dfplan.forecast.fill import Incomplete
from dfplan.forecast.gaps import hold_out, interpolate, smooth
from dfplan.forecast.smoother import ConstantVelocity
from dfplan.forecast.windows import inside
from dfplan.representation.layout import Layout
from dfplan.types import UserError

LENGTHS = (12, 4, 9)


@pytest.fixture(scope="module")
def data():
    """Episodes in which the first dimension is 100 times the episode plus the step."""
    states = [
        np.stack([100 * e + np.arange(n), np.zeros(n)], axis=1).astype(np.float32)
        for e, n in enumerate(LENGTHS)
    ]
    actions = [np.zeros((n - 1, 1), np.float32) for n in LENGTHS]
    return from_episodes(states, actions, Layout(2, 1), dataset_id="my/count-v0")


def test_every_position_is_drawn_once_and_the_middle_is_hidden(data):
    held = hold_out(data, stride=2, tokens=4, gap=2, count=99, seed=0)
    # A sequence spans 7 states, so there are 6 in the first episode and 3 in the last.
    assert held.episode.tolist() == [0] * 6 + [2] * 3
    assert held.step.tolist() == [2, 3, 4, 5, 6, 7, 2, 3, 4]
    assert held.incomplete.known.tolist() == [[True, False, False, True]] * 9
    np.testing.assert_array_equal(held.truth[0, :, 0], [2, 4])
    np.testing.assert_array_equal(held.truth[8, :, 0], [204, 206])
    np.testing.assert_array_equal(held.incomplete.states[7, :, 0], [201, 203, 205, 207])


def test_some_positions_are_drawn_by_the_seed(data):
    draws = [hold_out(data, 1, 5, 1, count=4, seed=seed) for seed in (0, 0, 1)]
    assert len(draws[0].step) == 4
    np.testing.assert_array_equal(draws[0].truth, draws[1].truth)
    assert not np.array_equal(draws[0].truth, draws[2].truth)


@pytest.mark.parametrize(
    ("tokens", "gap", "words"),
    [(4, 3, ["3", "1 to 2"]), (4, 0, ["0", "1 to 2"]), (20, 2, ["my/count-v0", "20", "12"])],
)
def test_gaps_that_do_not_fit_are_refused(data, tokens, gap, words):
    with pytest.raises(UserError) as error:
        hold_out(data, 1, tokens, gap, count=4, seed=0)
    assert all(word in str(error.value) for word in words)


def incomplete(values, known):
    states = np.array(values, np.float32)[None, :, None]
    known = np.array(known, bool)[None]
    return Incomplete(states, known, np.ones_like(known))


def test_lines_go_from_the_last_known_state_to_the_next():
    filled = interpolate(incomplete([1, 99, 99, 4, 99, 2], [1, 0, 0, 1, 0, 1]))
    np.testing.assert_allclose(filled[0, :, 0], [1, 2, 3, 4, 3, 2])


def test_the_smoothers_states_spread_as_its_posterior():
    rng = np.random.default_rng(0)
    sequences = rng.normal(size=(500, 9)).cumsum(axis=1).cumsum(axis=1)
    model = ConstantVelocity.fit(sequences)
    known = np.ones((500, 9), bool)
    known[:, 4:6] = False
    gaps = Incomplete(sequences[..., None].astype(np.float32), known, np.ones_like(known))
    samples = smooth([model], gaps, count=64)
    assert samples.shape == (500, 64, 9, 1)
    for coverage in (0.5, 0.9):
        share = inside(samples, gaps.states, coverage)[:, 4:6].mean()
        assert share == pytest.approx(coverage, abs=0.04)
