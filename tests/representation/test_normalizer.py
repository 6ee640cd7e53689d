"""Normalizer: fit, encoding and decoding, subsets, JSON."""

import json

import jax
import numpy as np
import pytest

from dfplan.representation.normalizer import Normalizer


@pytest.fixture
def data():
    return np.random.default_rng(0).normal([1, -200, 0.03], [2, 50, 0.01], (500, 3))


def test_fit_gives_zero_mean_and_unit_scale(data):
    z = np.asarray(Normalizer.fit(data).encode(data))
    np.testing.assert_allclose(z.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(z.std(0), 1, atol=1e-4)


@pytest.mark.parametrize("shape", [(3,), (5, 3), (2, 4, 3)])
def test_decode_is_the_inverse_of_encode(data, shape):
    normalizer = Normalizer.fit(data)
    x = data[: np.prod(shape) // 3].reshape(shape)
    assert normalizer.encode(x).shape == shape
    np.testing.assert_allclose(normalizer.decode(normalizer.encode(x)), x, rtol=1e-5)


def test_a_constant_feature_is_shifted_and_not_scaled():
    normalizer = Normalizer.fit(np.full((10, 2), [3.0, 0.0], np.float32))
    np.testing.assert_array_equal(normalizer.std, 1)
    np.testing.assert_array_equal(normalizer.encode(np.array([3.5, 0.5])), [0.5, 0.5])


def test_a_large_offset_costs_no_precision_in_the_fit():
    data = np.float32(1e4) + np.random.default_rng(0).normal(size=(100_000, 2)).astype(np.float32)
    np.testing.assert_allclose(Normalizer.fit(data).std, data.astype(float).std(0), rtol=1e-5)


def test_take_keeps_the_requested_order(data):
    normalizer = Normalizer.fit(data)
    np.testing.assert_array_equal(
        normalizer.take((2, 0)).encode(data[:, [2, 0]]), normalizer.encode(data)[:, [2, 0]]
    )


def test_json_round_trip_is_exact(data):
    normalizer = Normalizer.fit(data)
    restored = Normalizer.from_dict(json.loads(json.dumps(normalizer.to_dict())))
    for name in ("mean", "std"):
        np.testing.assert_array_equal(getattr(restored, name), getattr(normalizer, name))
        assert getattr(restored, name).dtype == np.float32


def test_it_is_a_pytree(data):
    normalizer = Normalizer.fit(data)
    assert len(jax.tree.leaves(normalizer)) == 2
    encode = jax.jit(lambda n, x: n.encode(x))
    np.testing.assert_allclose(encode(normalizer, data), normalizer.encode(data), rtol=1e-5)
