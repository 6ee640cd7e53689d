"""Building blocks of the networks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from dfplan.nets.layers import (
    Linear,
    Rotation,
    bfloat16_product,
    level_features,
    rms_norm,
    rotate,
    value_features,
)


def normal(*shape):
    return jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.float32)


@jax.jit
def scores(q, k, position):
    rotation = Rotation.at(position, q.shape[-1])
    return jnp.einsum("qhd,khd->qk", rotate(q[:, None], rotation), rotate(k[:, None], rotation))


def test_rotary_scores_depend_on_relative_position_only():
    q, k = normal(2, 6, 8)
    position = jnp.arange(6)
    shifted = scores(q, k, position + 37)
    np.testing.assert_allclose(scores(q, k, position), shifted, atol=1e-5)
    assert np.all(
        np.abs(scores(q, k, position) - scores(q, k, 2 * position))[~np.eye(6, dtype=bool)] > 1e-5
    )


def test_rotation_formula_and_windows():
    x = normal(2, 5, 3, 8)
    position = np.array([0, 1, 2, 7, 30])
    y = jax.jit(lambda x, p: rotate(x, Rotation.at(p, 8)))(x, position)
    a, b = np.split(np.asarray(x), 2, axis=-1)
    turned = (a + 1j * b) * np.exp(1j * position[:, None] * 1000.0 ** -(np.arange(4) / 4))[:, None]
    expected = np.concatenate([turned.real, turned.imag], axis=-1)
    np.testing.assert_allclose(y, expected, atol=1e-5)
    table = Rotation.at(np.arange(40), 8)
    assert all(isinstance(part, np.ndarray) for part in table)
    ahead = rotate(x[:, 3:4], table.window(jnp.int32(7), 1))
    np.testing.assert_allclose(ahead, expected[:, 3:4], atol=1e-5)
    late = rotate(x[:, 3:], Rotation.at(jnp.asarray(position), 8).after(3))
    np.testing.assert_allclose(late, expected[:, 3:], atol=1e-5)


def test_rms_norm_ignores_scale_and_is_differentiable_at_zero():
    x = normal(4, 16)
    y = jax.jit(rms_norm)(x)
    scaled = jax.jit(rms_norm)(100 * x)
    np.testing.assert_allclose(np.mean(np.asarray(y) ** 2, axis=-1), 1.0, rtol=1e-4)
    np.testing.assert_allclose(scaled, y, rtol=1e-4)
    slope = jax.jit(jax.grad(lambda x: rms_norm(x).sum()))
    assert np.all(np.isfinite(slope(jnp.zeros((4, 16)))))


def test_value_features():
    x = jnp.array([[0.5, -1.0]])
    assert value_features(x, 0) is x
    sin = np.sin
    cos = np.cos
    a = np.pi / 4
    b = -np.pi / 2
    expected = [0.5, -1.0]
    expected += [sin(a), sin(2 * a), cos(a), cos(2 * a)]
    expected += [sin(b), sin(2 * b), cos(b), cos(2 * b)]
    np.testing.assert_allclose(value_features(x, 2), [expected], atol=1e-6)


def test_level_features_separate_close_levels():
    features = np.asarray(jax.jit(level_features)(np.linspace(0, 1, 101, dtype=np.float32)))
    assert features.shape == (101, 33)
    distance = np.linalg.norm(features[:, None] - features[None], axis=-1)
    assert np.all(distance[~np.eye(101, dtype=bool)] > 0.3)


def test_linear_over_the_last_axis():
    layer = Linear(5, 2, dtype="float32", rngs=nnx.Rngs(0))
    layer.bias[...] += 3.0
    x = normal(2, 3, 4, 5)
    np.testing.assert_allclose(layer(x), x @ layer.kernel[...] + 3.0, atol=1e-5)


def test_bfloat16_product_and_its_gradients_are_close_and_float32():
    x = normal(40, 32)
    w = normal(32, 24)
    grad = normal(40, 24)
    actual, actual_vjp = jax.vjp(bfloat16_product, x, w)
    expected, expected_vjp = jax.vjp(jnp.dot, x, w)
    pairs = [(actual, expected), *zip(actual_vjp(grad), expected_vjp(grad), strict=True)]
    for a, b in pairs:
        assert a.dtype == jnp.float32 and a.shape == b.shape
        error = np.linalg.norm(np.asarray(a - b)) / np.linalg.norm(np.asarray(b))
        assert 1e-5 < error < 0.01


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_bfloat16_products_do_not_mix_types(direction):
    """Mixed products run at float32's speed or slower."""
    x = jnp.ones((4, 8))
    w = jnp.ones((8, 2))
    run = (
        bfloat16_product
        if direction == "forward"
        else jax.grad(lambda x, w: bfloat16_product(x, w).sum(), argnums=(0, 1))
    )
    lines = [s for s in jax.jit(run).lower(x, w).as_text().splitlines() if "dot_general" in s]
    assert lines
    for line in lines:
        operands, result = line.rsplit(":", 1)[1].split("->")
        assert operands.count("xbf16>") == 2 and "xf32>" in result
