"""Paths through the tokens of a plan."""

import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.control.path import PATHS, make_spline

STRIDE = 8
LIBRARIES = pytest.mark.parametrize("xp", [np, jnp], ids=["NumPy", "JAX"])
CORNER = np.array([[[0, 0], [4, 0], [6, 2], [6, 6]]], np.float32)
"""A corner at (6, 0), cut by the line between two tokens."""


@LIBRARIES
@pytest.mark.parametrize("name", PATHS)
def test_a_path_leads_through_all_tokens(name, xp):
    plan = xp.asarray(np.random.default_rng(0).normal(size=(3, 5, 2)).astype(np.float32))
    path = PATHS[name](plan, STRIDE, xp)
    assert path.shape == (3, 4 * STRIDE + 1, 2) and path.dtype == np.float32
    np.testing.assert_allclose(path[:, ::STRIDE], plan, atol=1e-6)


@pytest.mark.parametrize("name", PATHS)
def test_a_straight_plan_at_constant_speed_stays_so(name):
    plan = np.arange(4, dtype=np.float32)[None, :, None] * np.array([3.0, -1.0], np.float32)
    steps = np.diff(PATHS[name](plan, STRIDE, np), axis=1)
    expected = np.broadcast_to(np.array([3.0, -1.0]) / STRIDE, steps.shape)
    np.testing.assert_allclose(steps, expected, atol=1e-6)


def test_a_spline_has_no_corners_and_passes_them_on_the_outside():
    path = make_spline(CORNER, STRIDE, np)[0]
    steps = np.diff(path, axis=0)
    angle = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
    lines = np.diff(PATHS["lines"](CORNER, STRIDE, np)[0], axis=0)
    line_angle = np.unwrap(np.arctan2(lines[:, 1], lines[:, 0]))
    assert np.abs(np.diff(angle)).max() < 0.5 * np.abs(np.diff(line_angle)).max()
    # Between the two tokens beside the corner, nearer to it than the straight line.
    middle = path[STRIDE + STRIDE // 2]
    np.testing.assert_allclose(middle, [5.25, 0.75], atol=1e-6)
    assert np.linalg.norm(middle - [6, 0]) < np.linalg.norm([5, 1] - np.array([6, 0]))


def test_a_spline_moves_at_each_token_as_fast_as_between_its_neighbors():
    path = make_spline(CORNER.astype(np.float64), 1000, np)[0]
    velocity = 1000 * (path[1001] - path[999]) / 2
    np.testing.assert_allclose(velocity, (CORNER[0, 2] - CORNER[0, 0]) / 2, atol=1e-3)
