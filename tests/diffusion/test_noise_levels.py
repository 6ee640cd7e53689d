"""The distribution of each paradigm's noise levels, from many rows, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.diffusion.noise_levels import (
    PARADIGMS,
    HistoryNoiseConfig,
    NoiseLevelSampler,
    TwoStreamNoiseLevelSampler,
    sample_goal_level,
)
from dfplan.types import UserError

ROWS = 8000
TOKENS = 6
PLAIN = {"present_clean": 0.0}


def draw(sampler, seed=0, has_goal=False, tokens=TOKENS):
    level = np.asarray(sampler.sample(jax.random.key(seed), ROWS, tokens, has_goal), np.float64)
    assert level.shape == (ROWS, tokens)
    assert level.min() >= 0 and level.max() <= 1
    return level


def assert_share(mask, expected):
    """Check that the share of rows in a mask is `expected`, within 5 standard errors."""
    assert abs(np.mean(mask) - expected) < 5 * (expected * (1 - expected) / ROWS) ** 0.5 + 1e-12


def assert_uniform(values):
    """Check the Kolmogorov-Smirnov distance; 2 is far beyond its 0.001 quantile."""
    ordered = np.sort(values)
    count = len(values)
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
    targets = TwoStreamNoiseLevelSampler(pure=True).sample_targets(jax.random.key(0), ROWS, TOKENS)
    assert (np.asarray(targets) == 1).all()


@pytest.mark.parametrize("paradigm", ["independent", "shared"])
@pytest.mark.parametrize("has_goal", [False, True])
def test_the_present_is_often_nearly_clean(paradigm, has_goal):
    level = draw(NoiseLevelSampler(paradigm, present_clean=0.6, near=0.25), has_goal=has_goal)
    present = level[:, int(has_goal)]
    rest = level[:, int(has_goal) + 1 :]
    # A quarter of the others fall below `near` by chance.
    assert_share(present < 0.25, 0.6 + 0.4 * 0.25)
    assert_share(present < 0.125, 0.6 * 0.5 + 0.4 * 0.125)
    assert_uniform(rest[:, 0])
    assert_uniform(rest[:, -1])
    always = draw(NoiseLevelSampler(paradigm, present_clean=1.0, near=0.1), has_goal=has_goal)
    assert always[:, int(has_goal)].max() <= 0.1


@pytest.mark.parametrize("paradigm", PARADIGMS)
def test_goals_are_clean_missing_or_uniform(paradigm):
    level = draw(NoiseLevelSampler(paradigm, goal_clean=0.5, goal_missing=0.2), has_goal=True)
    goal = level[:, 0]
    rest = level[:, 1:]
    assert_share(goal == 0, 0.5)
    assert_share(goal == 1, 0.2)
    assert_uniform(goal[(goal > 0) & (goal < 1)])
    # The goal's level is independent of the other tokens' levels.
    assert np.abs(np.corrcoef(goal, rest[:, 1])[0, 1]) < 5 / ROWS**0.5
    if paradigm in ("teacher_forcing", "regression"):
        assert_share(rest[:, 0] > 0, 1 / (TOKENS - 1))


def test_goal_level_probabilities():
    key = jax.random.key(0)
    assert (sample_goal_level(key, 50, 1.0, 0.0) == 0).all()
    assert (sample_goal_level(key, 50, 0.0, 1.0) == 1).all()
    assert_uniform(np.asarray(sample_goal_level(key, ROWS, 0.0, 0.0), np.float64))


@pytest.mark.parametrize("num_levels", [1, 4, 10])
def test_discrete_levels_are_equally_likely_multiples(num_levels):
    """k is uniform on 0..K, both ends included (Chen et al. 2024, algorithm 1)."""
    level = draw(NoiseLevelSampler("independent", num_levels=num_levels, **PLAIN)) * num_levels
    np.testing.assert_allclose(level, np.round(level), atol=1e-5)
    for k in range(num_levels + 1):
        assert_share(np.round(level[:, 1]) == k, 1 / (num_levels + 1))


@pytest.mark.parametrize("num_levels", [0, 5])
@pytest.mark.parametrize("paradigm", PARADIGMS)
def test_levels_lie_on_the_grid_and_keep_the_ends(paradigm, num_levels):
    level = draw(NoiseLevelSampler(paradigm, num_levels=num_levels), has_goal=True)
    if num_levels:
        index = level * num_levels
        np.testing.assert_allclose(index, np.round(index), atol=1e-5)
    assert (level[:, 0] == 0).mean() > 0.7 and (level[:, 0] == 1).mean() > 0.1


SAMPLERS = {
    "independent": NoiseLevelSampler(),
    "shared": NoiseLevelSampler("shared"),
    "teacher_forcing": NoiseLevelSampler("teacher_forcing"),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_levels_depend_on_the_key(name):
    first, again, other = (draw(SAMPLERS[name], seed, True) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.2


def two_stream(**shares):
    return TwoStreamNoiseLevelSampler(HistoryNoiseConfig(**shares))


def history(sampler, has_goal=False, seed=0):
    level = sampler.sample_history(jax.random.key(seed), ROWS, TOKENS, has_goal)
    level = np.asarray(level, np.float64)
    assert level.shape == (ROWS, TOKENS)
    assert level.min() >= 0 and level.max() <= 1
    return level


def test_clean_histories():
    level = history(two_stream(clean=1.0, ramp=0.0, near=0.1))
    assert_uniform(level[:, 2] / 0.1)
    assert_uncorrelated(level)
    assert (history(two_stream(clean=1.0, ramp=0.0, near=0.0)) == 0).all()


def test_rising_histories():
    level = history(two_stream(clean=0.0, ramp=1.0))
    rise = np.diff(level, axis=1)
    assert (rise >= 0).all()
    # Where it is not clipped at the ends, a row rises evenly.
    inner = ((level > 0) & (level < 1)).all(axis=1)
    assert inner.sum() > 100
    np.testing.assert_allclose(rise[inner], rise[inner][:, :1].repeat(TOKENS - 1, 1), atol=1e-6)
    assert rise.max() <= 4 / TOKENS + 1e-6 and rise.max() > 3.5 / TOKENS
    assert_share(level[:, 0] == 0, 0.5)


def test_independent_histories():
    level = history(two_stream(clean=0.0, ramp=0.0))
    for token in level.T:
        assert_uniform(token)
    assert_uncorrelated(level)


def test_kinds_of_history_have_their_probabilities():
    level = history(two_stream(clean=0.5, ramp=0.3, near=0.1))
    assert_share((level <= 0.1).all(axis=1) & (np.diff(level, axis=1) < 0).any(axis=1), 0.5)
    falls = (np.diff(level, axis=1) < 0).any(axis=1)
    assert_share(falls & (level > 0.1).any(axis=1), 0.2)


def test_goals_of_histories():
    level = history(TwoStreamNoiseLevelSampler(goal_clean=0.3, goal_missing=0.3), has_goal=True)
    assert_share(level[:, 0] == 0, 0.3)
    assert_share(level[:, 0] == 1, 0.3)


def test_targets_are_stratified_uniform_and_shuffled():
    level = np.asarray(
        TwoStreamNoiseLevelSampler().sample_targets(jax.random.key(0), ROWS, TOKENS), np.float64
    )
    assert level.min() >= 0 and level.max() <= 1
    # One in each sixth of [0, 1], in every row.
    stratum = np.floor(np.sort(level, axis=1) * TOKENS)
    np.testing.assert_array_equal(stratum, np.tile(np.arange(TOKENS), (ROWS, 1)))
    for token in level.T:
        assert_uniform(token)
    # Two tokens are in different strata, which correlates them by -1 / (T - 1) of the strata.
    expected = -(1 - 1 / TOKENS**2) / (TOKENS - 1)
    correlation = np.corrcoef(level.T)[~np.eye(TOKENS, dtype=bool)]
    np.testing.assert_allclose(correlation, expected, atol=5 / ROWS**0.5)


def test_two_streams_lie_on_the_grid_and_depend_on_the_key():
    sampler = TwoStreamNoiseLevelSampler(num_levels=5)
    key = jax.random.key(0)
    for level in (sampler.sample_history(key, 100, 4, True), sampler.sample_targets(key, 100, 4)):
        np.testing.assert_allclose(level * 5, jnp.round(level * 5), atol=1e-5)
    np.testing.assert_array_equal(
        sampler.sample_targets(key, 9, 4), sampler.sample_targets(key, 9, 4)
    )
    np.testing.assert_array_equal(
        sampler.sample_history(key, 9, 4, True), sampler.sample_history(key, 9, 4, True)
    )
    other = sampler.sample_targets(jax.random.key(1), 9, 4)
    assert (sampler.sample_targets(key, 9, 4) != other).any()


@pytest.mark.parametrize(
    ("make", "options", "words"),
    [
        (
            NoiseLevelSampler,
            {"paradigm": "full"},
            "independent, shared, teacher_forcing, regression",
        ),
        (NoiseLevelSampler, {"num_levels": -1}, "-1"),
        (NoiseLevelSampler, {"near": 1.5}, "near"),
        (NoiseLevelSampler, {"present_clean": -0.5}, "present_clean"),
        (
            NoiseLevelSampler,
            {"goal_clean": 0.8, "goal_missing": 0.3},
            "goal_clean and goal_missing .* 0.8 and 0.3",
        ),
        (HistoryNoiseConfig, {"clean": 0.8, "ramp": 0.3}, "0.8 and 0.3"),
        (HistoryNoiseConfig, {"clean": -0.1}, "clean"),
        (HistoryNoiseConfig, {"near": 2.0}, "near"),
        (TwoStreamNoiseLevelSampler, {"num_levels": -2}, "-2"),
        (TwoStreamNoiseLevelSampler, {"goal_clean": 0.9}, "0.9 and 0.15"),
    ],
    ids=str,
)
def test_invalid_settings_are_refused(make, options, words):
    with pytest.raises(UserError, match=words):
        make(**options)


def test_probabilities_may_sum_to_one():
    NoiseLevelSampler(goal_clean=0.9, goal_missing=0.1)
    HistoryNoiseConfig(clean=0.7, ramp=0.3)
