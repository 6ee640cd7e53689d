"""Drift and small motion look the same, so dimensions that hold one of them are named."""

import numpy as np
import pytest

from dfplan.representation.narrow import describe_narrow, is_narrow
from dfplan.representation.spread import Spread, scales

RNG = np.random.default_rng(0)
ROWS = 4000
NOISE = RNG.normal(size=ROWS)
WALK = np.cumsum(RNG.normal(size=ROWS))
WALK /= WALK.std()
FILTERED = np.convolve(NOISE, np.ones(50) / 50, mode="same")
OFFSETS = np.repeat(RNG.normal(size=40), 100) + 0.01 * NOISE
DRIFT = np.linspace(-1, 1, ROWS)
SMOOTH = {"walk": WALK, "filtered": FILTERED, "offset per episode": OFFSETS, "drift": DRIFT}


def narrow(column) -> bool:
    data = np.asarray(column, np.float32).astype(np.float64)[:, None]
    (result,) = is_narrow(data.mean(axis=0), scales(Spread.measure(data)))
    return bool(result)


@pytest.mark.parametrize("column", SMOOTH.values(), ids=SMOOTH)
@pytest.mark.parametrize(("magnitude", "deviation"), [(0.7, 1e-5), (1000, 1e-2), (-40, 1e-4)])
def test_smooth_noise_is_narrow(column, magnitude, deviation):
    assert narrow(magnitude + deviation * column / column.std())


@pytest.mark.parametrize("column", SMOOTH.values(), ids=SMOOTH)
@pytest.mark.parametrize(("offset", "scale"), [(0, 1e-7), (0, 1), (1, 1e-3), (500, 1), (3.9e6, 50)])
def test_motion_is_not_narrow(column, offset, scale):
    assert not narrow(offset + scale * column / column.std())


@pytest.mark.parametrize("column", [0.7 + 1e-5 * NOISE, np.full(ROWS, 0.7), np.zeros(ROWS)])
def test_white_noise_and_constants_are_not_narrow_but_nearly_constant(column):
    assert not narrow(column)


def test_the_description_names_dimension_magnitude_and_deviation():
    text = describe_narrow(["observation 2"], [0.7], [1e-5])
    for part in ("observation 2", "0.7", "1e-05", "leave the dimension out"):
        assert part in text
    assert describe_narrow([], [], []) == ""
