"""What each paradigm draws: its distribution, from many rows, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.diffusion.noise_levels import (
    PARADIGMS,
    NoiseLevelSampler,
    TwoStreamNoiseLevelSampler,
    goal_level,
)
from dfplan.types import UserError

ROWS, TOKENS = 8000, 6
PLAIN = {"present_clean": 0.0}


def draw(how, seed=0, has_goal=False, tokens=TOKENS):
    level = np.asarray(how.draw(jax.random.key(seed), ROWS, tokens, has_goal), np.float64)
    assert level.shape == (ROWS, tokens)
    assert level.min() >= 0 and level.max() <= 1
    return level


def assert_share(found, wanted):
    """A share of rows is `wanted`, to 5 standard errors."""
    assert abs(np.mean(found) - wanted) < 5 * (wanted * (1 - wanted) / ROWS) ** 0.5 + 1e-12


def assert_uniform(values):
    """Kolmogorov-Smirnov distance to the uniform distribution; 2 is far beyond its 0.001 point."""
    ordered, count = np.sort(values), len(values)
    assert np.abs(ordered - (np.arange(count) + 0.5) / count).max() < 2 / count**0.5


def assert_uncorrelated(columns):
    correlation = np.corrcoef(columns.T) - np.eye(columns.shape[1])
    assert np.abs(correlation).max() < 5 / len(columns) ** 0.5


def test_independent_tokens_are_uniform_and_uncorrelated():
    level = draw(NoiseLevelSampler("independent", **PLAIN))
    for token in level.T:
        assert_uniform(token)
    assert_uncorrelated(level)


def test_shared_level_is_one_uniform_level():
    level = draw(NoiseLevelSampler("shared", **PLAIN))
    assert (level == level[:, :1]).all()
    assert_uniform(level[:, 0])


def test_teacher_forcing_is_clean_then_one_level_then_noise():
    level = draw(NoiseLevelSampler("teacher_forcing"))
    which = (level == 0).sum(axis=1)
    assert_uniform(level[np.arange(ROWS), which])
    for token in range(TOKENS):
        assert_share(which == token, 1 / TOKENS)
        rows = level[which == token]
        assert (rows[:, :token] == 0).all() and (rows[:, token + 1 :] == 1).all()


def test_regression_is_clean_then_pure_noise():
    level = draw(NoiseLevelSampler("regression"))
    which = (level == 0).sum(axis=1)
    for token in range(TOKENS):
        assert_share(which == token, 1 / TOKENS)
    assert set(np.unique(level)) == {0.0, 1.0} and (np.diff(level, axis=1) >= 0).all()
    targets = TwoStreamNoiseLevelSampler(pure=True).draw_targets(jax.random.key(0), ROWS, TOKENS)
    assert (np.asarray(targets) == 1).all()


@pytest.mark.parametrize("paradigm", ["independent", "shared"])
@pytest.mark.parametrize("has_goal", [False, True])
def test_the_present_is_often_nearly_clean(paradigm, has_goal):
    level = draw(NoiseLevelSampler(paradigm, present_clean=0.6, near=0.25), has_goal=has_goal)
    present, rest = level[:, int(has_goal)], level[:, int(has_goal) + 1 :]
    # Others fall below `near` by chance, a quarter of them.
    assert_share(present < 0.25, 0.6 + 0.4 * 0.25)
    assert_share(present < 0.125, 0.6 * 0.5 + 0.4 * 0.125)
    assert_uniform(rest[:, 0])
    assert_uniform(rest[:, -1])
    always = draw(NoiseLevelSampler(paradigm, present_clean=1.0, near=0.1), has_goal=has_goal)
    assert always[:, int(has_goal)].max() <= 0.1


@pytest.mark.parametrize("paradigm", PARADIGMS)
def test_goals_are_clean_missing_or_anything(paradigm):
    level = draw(NoiseLevelSampler(paradigm, goal_clean=0.5, goal_missing=0.2), has_goal=True)
    goal, rest = level[:, 0], level[:, 1:]
    assert_share(goal == 0, 0.5)
    assert_share(goal == 1, 0.2)
    assert_uniform(goal[(goal > 0) & (goal < 1)])
    # The goal says nothing of the other tokens' levels.
    assert np.abs(np.corrcoef(goal, rest[:, 1])[0, 1]) < 5 / ROWS**0.5
    if paradigm in ("teacher_forcing", "regression"):
        assert_share(rest[:, 0] > 0, 1 / (TOKENS - 1))


def test_goal_level_by_its_probabilities():
    key = jax.random.key(0)
    assert (goal_level(key, 50, 1.0, 0.0) == 0).all()
    assert (goal_level(key, 50, 0.0, 1.0) == 1).all()
    assert_uniform(np.asarray(goal_level(key, ROWS, 0.0, 0.0), np.float64))


@pytest.mark.parametrize("steps", [1, 4, 10])
def test_discrete_levels_are_equally_likely_multiples(steps):
    """k is uniform on 0..K, both ends included (Chen et al. 2024, algorithm 1)."""
    level = draw(NoiseLevelSampler("independent", steps=steps, **PLAIN)) * steps
    np.testing.assert_allclose(level, np.round(level), atol=1e-5)
    for k in range(steps + 1):
        assert_share(np.round(level[:, 1]) == k, 1 / (steps + 1))


@pytest.mark.parametrize("steps", [0, 5])
@pytest.mark.parametrize("paradigm", PARADIGMS)
def test_levels_lie_on_the_grid_and_keep_the_ends(paradigm, steps):
    level = draw(NoiseLevelSampler(paradigm, steps=steps), has_goal=True)
    if steps:
        np.testing.assert_allclose(level * steps, np.round(level * steps), atol=1e-5)
    assert (level[:, 0] == 0).mean() > 0.7 and (level[:, 0] == 1).mean() > 0.1


HOWS = {
    "independent": NoiseLevelSampler(),
    "shared": NoiseLevelSampler("shared"),
    "teacher_forcing": NoiseLevelSampler("teacher_forcing"),
}


@pytest.mark.parametrize("name", HOWS)
def test_the_key_decides(name):
    first, again, other = (draw(HOWS[name], seed, True) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.2


def history(how, has_goal=False, seed=0):
    level = how.draw_history(jax.random.key(seed), ROWS, TOKENS, has_goal)
    level = np.asarray(level, np.float64)
    assert level.shape == (ROWS, TOKENS)
    assert level.min() >= 0 and level.max() <= 1
    return level


def test_clean_histories():
    level = history(TwoStreamNoiseLevelSampler(clean=1.0, ramp=0.0, near=0.1))
    assert_uniform(level[:, 2] / 0.1)
    assert_uncorrelated(level)
    assert (history(TwoStreamNoiseLevelSampler(clean=1.0, ramp=0.0, near=0.0)) == 0).all()


def test_rising_histories():
    level = history(TwoStreamNoiseLevelSampler(clean=0.0, ramp=1.0))
    rise = np.diff(level, axis=1)
    assert (rise >= 0).all()
    # Where the ends do not cut it off, one row rises evenly.
    inner = ((level > 0) & (level < 1)).all(axis=1)
    assert inner.sum() > 100
    np.testing.assert_allclose(rise[inner], rise[inner][:, :1].repeat(TOKENS - 1, 1), atol=1e-6)
    assert rise.max() <= 4 / TOKENS + 1e-6 and rise.max() > 3.5 / TOKENS
    assert_share(level[:, 0] == 0, 0.5)


def test_independent_histories():
    level = history(TwoStreamNoiseLevelSampler(clean=0.0, ramp=0.0))
    for token in level.T:
        assert_uniform(token)
    assert_uncorrelated(level)


def test_kinds_of_history_mix_by_their_probabilities():
    level = history(TwoStreamNoiseLevelSampler(clean=0.5, ramp=0.3, near=0.1))
    assert_share((level <= 0.1).all(axis=1) & (np.diff(level, axis=1) < 0).any(axis=1), 0.5)
    falls = (np.diff(level, axis=1) < 0).any(axis=1)
    assert_share(falls & (level > 0.1).any(axis=1), 0.2)


def test_goals_of_histories():
    level = history(TwoStreamNoiseLevelSampler(goal_clean=0.3, goal_missing=0.3), has_goal=True)
    assert_share(level[:, 0] == 0, 0.3)
    assert_share(level[:, 0] == 1, 0.3)


def test_targets_are_stratified_uniform_and_shuffled():
    level = np.asarray(
        TwoStreamNoiseLevelSampler().draw_targets(jax.random.key(0), ROWS, TOKENS), np.float64
    )
    assert level.min() >= 0 and level.max() <= 1
    # One in each sixth of [0, 1], in every row.
    stratum = np.floor(np.sort(level, axis=1) * TOKENS)
    np.testing.assert_array_equal(stratum, np.tile(np.arange(TOKENS), (ROWS, 1)))
    for token in level.T:
        assert_uniform(token)
    # In any order: two tokens are in different strata, so correlated by -1 / (T - 1) of the strata.
    wanted = -(1 - 1 / TOKENS**2) / (TOKENS - 1)
    correlation = np.corrcoef(level.T)[~np.eye(TOKENS, dtype=bool)]
    np.testing.assert_allclose(correlation, wanted, atol=5 / ROWS**0.5)


def test_two_streams_on_the_grid_and_by_key():
    how, key = TwoStreamNoiseLevelSampler(steps=5), jax.random.key(0)
    for level in (how.draw_history(key, 100, 4, True), how.draw_targets(key, 100, 4)):
        np.testing.assert_allclose(level * 5, jnp.round(level * 5), atol=1e-5)
    np.testing.assert_array_equal(how.draw_targets(key, 9, 4), how.draw_targets(key, 9, 4))
    np.testing.assert_array_equal(
        how.draw_history(key, 9, 4, True), how.draw_history(key, 9, 4, True)
    )
    other = how.draw_targets(jax.random.key(1), 9, 4)
    assert (how.draw_targets(key, 9, 4) != other).any()


@pytest.mark.parametrize(
    ("make", "options", "words"),
    [
        (
            NoiseLevelSampler,
            {"paradigm": "full"},
            "independent, shared, teacher_forcing, regression",
        ),
        (NoiseLevelSampler, {"steps": -1}, "-1"),
        (NoiseLevelSampler, {"near": 1.5}, "near"),
        (NoiseLevelSampler, {"present_clean": -0.5}, "present_clean"),
        (
            NoiseLevelSampler,
            {"goal_clean": 0.8, "goal_missing": 0.3},
            "goal_clean 0.8 and goal_missing 0.3",
        ),
        (TwoStreamNoiseLevelSampler, {"clean": 0.8, "ramp": 0.3}, "clean 0.8 and ramp 0.3"),
        (TwoStreamNoiseLevelSampler, {"clean": -0.1}, "clean"),
        (TwoStreamNoiseLevelSampler, {"near": 2.0}, "near"),
        (TwoStreamNoiseLevelSampler, {"steps": -2}, "-2"),
        (TwoStreamNoiseLevelSampler, {"goal_clean": 0.9}, "goal_missing 0.15"),
    ],
    ids=str,
)
def test_bad_options(make, options, words):
    with pytest.raises(UserError, match=words):
        make(**options)


def test_probabilities_may_add_up_to_one():
    NoiseLevelSampler(goal_clean=0.9, goal_missing=0.1)
    TwoStreamNoiseLevelSampler(clean=0.7, ramp=0.3)
