"""Columns of noise are distinguished from small motion, and get a scale fit for any motion."""

import numpy as np
import pytest

from dfplan.representation.normalizer import MAX_INPUT, Normalizer
from dfplan.representation.spread import Spread, float32_resolution

RNG = np.random.default_rng(0)
ROWS = 4000
WALK = np.cumsum(RNG.normal(size=ROWS))
WALK /= WALK.std()
NOISE = RNG.normal(size=ROWS)


def unit(column) -> float:
    """Return the fitted scale of one column of float32 data."""
    return float(Normalizer.fit(np.asarray(column, np.float32)[:, None]).std[0])


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (0.7 + 1e-5 * NOISE, 1),
        (1000 + 3e-5 * NOISE, 10),
        (np.where(np.arange(ROWS) < 2000, 0.7, np.nextafter(np.float32(0.7), 1)), 1),
        (np.full(ROWS, 0.3), 1),
        (np.full(ROWS, -5000.0), 50),
        (np.zeros(ROWS), 1),
        (1e-17 * NOISE, 1),
        (1e-39 * NOISE, 1),
    ],
    ids=[
        "gripper",
        "sensor",
        "one-rounding-step",
        "constant",
        "large-constant",
        "zero",
        "numerical",
        "subnormal",
    ],
)
def test_noise_gets_a_unit_of_its_magnitude(column, expected):
    assert unit(column) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("scale", [1, 1e-3, 3e-7, 1e-12, 1e6])
@pytest.mark.parametrize("offset", [0, 3, 300])
@pytest.mark.parametrize("column", [WALK, NOISE], ids=["walk", "noise"])
def test_what_varies_keeps_its_deviation_on_any_scale(column, scale, offset):
    data = np.float32(scale * (column + offset))
    assert unit(data) == pytest.approx(data.astype(float).std(), rel=1e-5)


def test_smooth_motion_with_a_large_offset_is_not_noise():
    latitude = 48.1 + 1e-4 * WALK
    data = np.stack([latitude, 48.1 + 1e-4 * NOISE], axis=1)
    noise = Spread.measure(data).is_noise(np.spacing(np.full(2, 48.1)))
    assert noise.tolist() == [False, True]


def test_changes_between_sequences_do_not_count():
    step = np.repeat(RNG.normal(size=ROWS // 2), 2)[:, None]  # constant in sequences of two rows
    is_first = np.arange(ROWS) % 2 == 0
    assert Spread.measure(step, is_first).change == 0 < Spread.measure(step).change


def test_a_moved_gripper_stays_near_the_data():
    normalizer = Normalizer.fit(np.stack([0.7 + 1e-5 * NOISE, WALK], axis=1).astype(np.float32))
    z = np.asarray(normalizer.encode(np.array([[0.75, 0.0]], np.float32)))
    assert np.abs(z).max() < 2


def test_inputs_are_bounded_far_outside_the_data():
    normalizer = Normalizer.fit(WALK[:, None])
    far = np.array([[1e6], [-1e30], [np.inf]], np.float32)
    assert np.asarray(normalizer.encode_input(far))[:, 0].tolist() == [MAX_INPUT, -MAX_INPUT, 20]
    inside = np.array([[5.0]], np.float32)
    assert normalizer.encode_input(inside) == normalizer.encode(inside)


def test_float32_resolution_is_that_of_numpy():
    assert float32_resolution(np.array([3.9e6])) == 0.25
