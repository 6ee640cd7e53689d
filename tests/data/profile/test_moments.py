"""Merged moments of chunks equal those of the whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dfplan.data.profile.moments import merge, moments


def check_moments(measured, x):
    for d, column in enumerate(x.T):
        finite = column[np.isfinite(column)]
        assert (measured.count[d], measured.missing[d]) == (len(finite), len(column) - len(finite))
        if not len(finite):
            assert np.isnan(measured.std[d])
            continue
        assert (measured.low[d], measured.high[d]) == (finite.min(), finite.max())
        assert measured.at_low[d] == (finite == finite.min()).sum()
        assert measured.at_high[d] == (finite == finite.max()).sum()
        assert measured.mean[d] == pytest.approx(finite.mean(), rel=1e-12, abs=1e-12)
        assert measured.std[d] == pytest.approx(finite.std(), rel=1e-9, abs=1e-12)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**31), st.lists(st.integers(1, 6), min_size=1, max_size=5))
def test_chunks_merge_to_the_whole(seed, sizes):
    rng = np.random.default_rng(seed)
    x = rng.integers(-2, 3, (sum(sizes), 3)) / 4 + np.array([0, 1e3, 0])
    x[rng.random(x.shape) < 0.2] = rng.choice([np.nan, np.inf, -np.inf])
    chunks = [moments(chunk) for chunk in np.split(x, np.cumsum(sizes)[:-1])]
    measured = chunks[0]
    for chunk in chunks[1:]:
        measured = merge(measured, chunk)
    check_moments(measured, x)


def test_a_large_offset_costs_no_precision():
    x = 1e8 + np.random.default_rng(0).normal(size=(1000, 1))
    assert merge(moments(x[:10]), moments(x[10:])).std[0] == pytest.approx(x.std(), rel=1e-6)
