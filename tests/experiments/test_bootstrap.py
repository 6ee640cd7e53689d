"""Intervals over training seeds and episodes."""

import numpy as np
import pytest

from experiments.common.bootstrap import mean_interval, ratio_interval


def width(interval):
    return interval["ci_high"] - interval["ci_low"]


def test_one_training_seed_gives_the_bootstrap_over_episodes():
    values = np.random.default_rng(0).normal(10.0, 2.0, (1, 400))
    interval = mean_interval(values)
    half = 1.96 * values.std() / 20
    assert interval["mean"] == pytest.approx(values.mean())
    assert interval["ci_low"] == pytest.approx(values.mean() - half, abs=0.02)
    assert interval["ci_high"] == pytest.approx(values.mean() + half, abs=0.02)


def test_shared_episodes_count_once_however_many_networks_play_them():
    """Equal networks carry no more information than one: the spread is that of the tasks."""
    one = np.random.default_rng(1).normal(size=(1, 100))
    many = np.repeat(one, 5, axis=0)
    assert width(mean_interval(many)) == pytest.approx(width(mean_interval(one)), rel=0.05)


def test_different_networks_widen_the_interval():
    """Two networks at 0 and 1: a resample has both, or one of them twice."""
    interval = mean_interval(np.repeat([[0.0], [1.0]], 50, axis=1))
    assert interval == pytest.approx({"mean": 0.5, "ci_low": 0.0, "ci_high": 1.0})


def test_ratio_compares_means_over_the_same_episodes():
    bound = np.array([10.0, 100.0, 1000.0])
    ratio = ratio_interval(np.stack([1.5 * bound, 1.5 * bound]), bound)
    assert ratio == pytest.approx({"mean": 1.5, "ci_low": 1.5, "ci_high": 1.5})
    assert ratio_interval(np.array([[30.0, 10.0]]), np.array([10.0, 10.0]))["mean"] == 2.0
