"""Bootstrap intervals, against the normal approximation and simulated coverage."""

import numpy as np
import pytest

from dfplan.evaluation.bootstrap import interval, mean_interval, ratio_interval


def width(summary):
    return summary["ci_high"] - summary["ci_low"]


def test_intervals_cover_the_mean_about_95_times_in_100():
    rng = np.random.default_rng(0)
    hits = 0
    count = 150
    for i in range(count):
        summary = interval(rng.exponential(2.0, size=50), seed=i)
        assert summary["ci_low"] < summary["mean"] < summary["ci_high"]
        hits += summary["ci_low"] <= 2.0 <= summary["ci_high"]
    # Binomial: 0.95 +- 0.018; the bootstrap of 50 skewed numbers covers a little less.
    assert 0.88 <= hits / count <= 0.99


def test_an_interval_is_as_wide_as_the_normal_one():
    values = np.random.default_rng(1).normal(3.0, 2.0, size=400)
    summary = interval(values)
    half = 1.96 * values.std() / 20
    assert summary["mean"] == pytest.approx(values.mean())
    assert summary["ci_low"] == pytest.approx(values.mean() - half, abs=0.05 * half * 2)
    assert summary["ci_high"] == pytest.approx(values.mean() + half, abs=0.05 * half * 2)
    assert interval(values) == summary


@pytest.mark.parametrize("values", [[0.1] * 7, [3.7], [0.0] * 50])
def test_an_interval_of_constant_data_is_a_point(values):
    summary = interval(np.array(values))
    assert summary["mean"] == summary["ci_low"] == summary["ci_high"] == pytest.approx(values[0])
    assert interval(None) is None


def test_one_training_seed_gives_the_bootstrap_over_episodes():
    values = np.random.default_rng(0).normal(10.0, 2.0, (1, 400))
    summary = mean_interval(values)
    half = 1.96 * values.std() / 20
    assert summary["mean"] == pytest.approx(values.mean())
    assert summary["ci_low"] == pytest.approx(values.mean() - half, abs=0.02)
    assert summary["ci_high"] == pytest.approx(values.mean() + half, abs=0.02)


def test_shared_episodes_count_once_however_many_networks_play_them():
    """Equal networks carry no more information than one: the spread is that of the tasks."""
    one = np.random.default_rng(1).normal(size=(1, 100))
    many = np.repeat(one, 5, axis=0)
    assert width(mean_interval(many)) == pytest.approx(width(mean_interval(one)), rel=0.05)


def test_different_networks_widen_the_interval():
    """Two networks at 0 and 1: a resample has both, or one of them twice."""
    summary = mean_interval(np.repeat([[0.0], [1.0]], 50, axis=1))
    assert summary == pytest.approx({"mean": 0.5, "ci_low": 0.0, "ci_high": 1.0})


def test_ratio_compares_means_over_the_same_episodes():
    reference = np.array([10.0, 100.0, 1000.0])
    ratio = ratio_interval(np.stack([1.5 * reference, 1.5 * reference]), reference)
    assert ratio == pytest.approx({"mean": 1.5, "ci_low": 1.5, "ci_high": 1.5})
    assert ratio_interval(np.array([[30.0, 10.0]]), np.array([10.0, 10.0]))["mean"] == 2.0
