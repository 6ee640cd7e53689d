"""Clearance: paths move away from the edge of the data, but for their ends."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.control.clearance import Clearance
from dfplan.planner.support import DataSupport

LIBRARIES = pytest.mark.parametrize("xp", [np, jnp], ids=["NumPy", "JAX"])
WIDTH = 4.0
DISTANCE = 1.2
END = (30.0, 0.3)


def corridor() -> DataSupport:
    """Return a corridor from x = -10 to 30 and y = 0 to 4, with cells of 0.5 by 0.25."""
    visited = np.zeros((80, 32), bool)
    visited[:, 8:24] = True
    return DataSupport(jnp.array([-10.0, -2.0]), jnp.array([0.5, 0.25]), jnp.asarray(visited))


def path(y: float) -> np.ndarray:
    """Return a path `[1, L, 2]` along the corridor that ends near its edge."""
    x = np.arange(0, 20, 0.5)
    points = np.stack([x, np.full_like(x, y)], axis=-1)
    return np.concatenate([points, [END]])[None].astype(np.float32)


@LIBRARIES
@pytest.mark.parametrize("y", [0.1, 0.6, 3.5])
def test_paths_keep_their_distance_from_the_edge(xp, y):
    moved = np.asarray(Clearance.fit(corridor(), DISTANCE, xp)(xp.asarray(path(y))))
    assert moved.dtype == np.float32 and moved.shape == path(y).shape
    to_edge = np.minimum(moved[0, :-1, 1], WIDTH - moved[0, :-1, 1])
    assert (to_edge > DISTANCE - 0.25).all()
    # Moves lead across the corridor, not along it or beyond its middle.
    np.testing.assert_allclose(moved[0, :-1, 0], path(y)[0, :-1, 0], atol=0.05)
    assert (np.sign(moved[0, :-1, 1] - WIDTH / 2) == np.sign(y - WIDTH / 2)).all()


def test_paths_in_the_middle_and_ends_stay():
    clear = Clearance.fit(corridor(), DISTANCE)
    np.testing.assert_allclose(clear(path(WIDTH / 2)), path(WIDTH / 2), atol=0.01)
    near_goal = np.linspace([29.0, 0.3], END, 5, dtype=np.float32)[None]
    moved = clear(near_goal)
    np.testing.assert_allclose(moved[0, -1], END, atol=1e-6)
    # The move decreases over the last stretch of the length of the clearance.
    assert (np.diff(moved[0, :, 1]) < 0).all() and moved[0, 0, 1] > 0.6


def test_a_corridor_narrower_than_twice_the_clearance_has_its_middle():
    moved = Clearance.fit(corridor(), 5.0)(path(0.5))
    assert np.abs(moved[0, :-1, 1] - WIDTH / 2).max() < 0.5


def test_far_outside_the_data_paths_stay_finite():
    clear = Clearance.fit(corridor(), DISTANCE)
    assert np.isfinite(clear(np.full((1, 3, 2), 1e6, np.float32))).all()


def test_compiled_it_does_the_same_for_a_batch():
    paths = np.concatenate([path(0.1), path(3.0)])
    compiled = jax.jit(Clearance.fit(corridor(), DISTANCE, jnp))(paths)
    np.testing.assert_allclose(compiled, Clearance.fit(corridor(), DISTANCE)(paths), atol=1e-4)
