"""Noising and the masked error."""

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.diffusion.loss import diffuse, masked_mse
from dfplan.diffusion.schedules import Cosine


def test_diffuse_mixes_token_and_noise_by_level():
    clean = jnp.full((4000, 3, 2), 2.0)
    level = jnp.broadcast_to(jnp.array([0.0, 0.4, 1.0]), (4000, 3))
    x, eps = diffuse(jax.random.key(0), Cosine(), clean, level)
    alpha, sigma = Cosine().alpha_sigma(level)
    np.testing.assert_allclose(x, alpha[..., None] * clean + sigma[..., None] * eps, atol=1e-6)
    np.testing.assert_array_equal(x[:, 0], clean[:, 0])
    np.testing.assert_array_equal(x[:, 2], eps[:, 2])
    samples = eps.reshape(4000, -1)
    np.testing.assert_allclose(samples.mean(0), 0, atol=5 / 4000**0.5)
    np.testing.assert_allclose(np.cov(samples.T), np.eye(6), atol=6 * (2 / 4000) ** 0.5)


def test_masked_mse_by_hand():
    output = jnp.array([[[1.0, 3.0], [0.0, 0.0], [9.0, 9.0]]])
    target = jnp.array([[[0.0, 1.0], [2.0, 0.0], [0.0, 0.0]]])
    weight = jnp.array([[2.0, 1.0, 5.0]])
    valid = jnp.array([[True, True, False]])
    # Tokens' errors are (1 + 4) / 2 and 4 / 2; the mean is over the two valid ones.
    assert masked_mse(output, target, weight, valid) == (2 * 2.5 + 2) / 2
    assert masked_mse(output, target, weight, jnp.zeros_like(valid)) == 0


def test_padding_may_hold_anything():
    target = jnp.array([[[1.0], [jnp.nan]]])
    valid = jnp.array([[True, False]])
    weight = jnp.array([[1.0, jnp.inf]])
    value, grad = jax.value_and_grad(masked_mse)(jnp.zeros((1, 2, 1)), target, weight, valid)
    assert value == 1
    assert grad.tolist() == [[[-2.0], [0.0]]]
