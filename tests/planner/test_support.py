"""DataSupport: cells that the data has visited."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.planner.support import DataSupport
from dfplan.representation.grid import SAMPLES_PER_CELL, Grid

RNG = np.random.default_rng(0)


def ring(count=40_000):
    """Return points of a ring; the data has never been inside or outside of it."""
    angle = RNG.uniform(0, 2 * np.pi, count)
    radius = RNG.uniform(2.0, 3.0, count)
    return np.stack([radius * np.cos(angle) + 5, radius * np.sin(angle)], axis=-1)


def fit(points):
    low, high = points.min(axis=0), points.max(axis=0)
    return DataSupport.from_grid(Grid.fit([points], low=low, high=high, count=len(points)))


def test_it_contains_the_data_and_not_the_gaps():
    points = ring()
    support = fit(points)
    assert support.contains(points.astype(np.float32)).mean() > 0.999
    off_support = np.array(
        [[5.0, 0.0], [5.0, 1.0], [8.0, 3.0], [5.0, 4.0], [-50.0, 0.0], [np.nan, 0.0]]
    )
    assert not support.contains(off_support).any()
    edge = support.visited.shape[0]
    assert edge == support.visited.shape[1] == int((len(points) / SAMPLES_PER_CELL) ** 0.5)
    np.testing.assert_allclose(support.low + support.size * edge, points.max(axis=0), rtol=1e-5)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_json_round_trip_and_cells_by_hand(dims):
    points = RNG.normal(size=(5000, dims))
    support = fit(points)
    loaded = DataSupport.from_dict(json.loads(json.dumps(support.to_dict())))
    jax.tree.map(np.testing.assert_array_equal, support, loaded)
    queries = RNG.normal(size=(7, 3, dims)).astype(np.float32) * 2
    inside = jax.jit(DataSupport.contains)(support, jnp.asarray(queries))
    assert inside.shape == (7, 3) and 0 < inside.sum() < inside.size
    for index in np.ndindex(7, 3):
        cell = np.floor((queries[index] - support.low) / support.size).astype(int)
        on_grid = ((cell >= 0) & (cell < support.visited.shape)).all()
        assert inside[index] == (on_grid and bool(support.visited[tuple(cell)]))


def test_no_grid_without_dimensions_or_extent():
    assert fit(np.zeros((100, 0))) is None
    assert fit(RNG.normal(size=(100, 4))) is None
    assert fit(np.stack([np.arange(9.0), np.zeros(9)], axis=-1)) is None
