"""Intervals over training seeds and episodes."""

import numpy as np
import pytest

from experiments.maze2d.bootstrap import mean_interval, ratio_interval


def test_one_training_seed_is_the_bootstrap_over_episodes():
    values = np.random.default_rng(0).normal(10.0, 2.0, (1, 400))
    found = mean_interval(values)
    half = 1.96 * values.std() / 20
    assert found["mean"] == pytest.approx(values.mean())
    assert found["ci_low"] == pytest.approx(values.mean() - half, abs=0.02)
    assert found["ci_high"] == pytest.approx(values.mean() + half, abs=0.02)


def test_the_same_episodes_count_once_however_many_networks_drive_them():
    """Equal networks say no more than one of them: the spread is that of the tasks."""
    one = np.random.default_rng(1).normal(size=(1, 100))
    many = np.repeat(one, 5, axis=0)
    width = {k: mean_interval(v) for k, v in {"one": one, "many": many}.items()}
    wide, narrow = (width[k]["ci_high"] - width[k]["ci_low"] for k in ("one", "many"))
    assert narrow == pytest.approx(wide, rel=0.05)


def test_networks_that_differ_widen_the_interval():
    """Two networks at 0 and 1: a resample has both, or one of them twice."""
    found = mean_interval(np.repeat([[0.0], [1.0]], 50, axis=1))
    assert found == pytest.approx({"mean": 0.5, "ci_low": 0.0, "ci_high": 1.0})


def test_ratio_is_of_means_over_the_same_episodes():
    bound = np.array([10.0, 100.0, 1000.0])
    found = ratio_interval(np.stack([1.5 * bound, 1.5 * bound]), bound)
    assert found == pytest.approx({"mean": 1.5, "ci_low": 1.5, "ci_high": 1.5})
    assert ratio_interval(np.array([[30.0, 10.0]]), np.array([10.0, 10.0]))["mean"] == 2.0
