"""Discrete noise levels."""

import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.diffusion.discrete_levels import snap_to_levels


@pytest.mark.parametrize("xp", [np, jnp], ids=["NumPy", "JAX"])
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0, 0, 0.5, 0.5, 0.5, 1]),
        ({"lowest": 1}, [0.5, 0.5, 0.5, 0.5, 0.5, 1]),
        ({"rounding": "down"}, [0, 0, 0, 0, 0.5, 1]),
        ({"rounding": "uniform"}, [0, 0, 0, 0, 0.5, 1]),
    ],
)
def test_two_levels(options, expected, xp):
    levels = np.array([0.0, 0.1, 0.26, 0.3, 0.6, 1.0], np.float32)
    np.testing.assert_array_equal(snap_to_levels(levels, 2, xp=xp, **options), expected)


def test_each_level_is_equally_likely():
    snapped = snap_to_levels(np.linspace(0, 1, 1000, endpoint=False), 4, rounding="uniform")
    values, counts = np.unique(np.asarray(snapped), return_counts=True)
    np.testing.assert_allclose(values, [0, 0.25, 0.5, 0.75, 1])
    assert counts.tolist() == [200] * 5


def test_continuous_levels_stay():
    levels = np.array([0.1, 0.7])
    assert snap_to_levels(levels, 0) is levels
