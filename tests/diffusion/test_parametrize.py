"""Predictions and loss weights against plain NumPy."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dfplan.diffusion.parametrize import (
    PARAMETRIZATIONS,
    WEIGHTS,
    loss_weight,
    target,
    to_eps,
    to_x0,
)
from dfplan.diffusion.schedules import Cosine
from dfplan.types import UserError

KINDS = pytest.mark.parametrize("kind", PARAMETRIZATIONS)


def noised(level, seed=0):
    rng = np.random.default_rng(seed)
    x0, eps = (jnp.asarray(rng.normal(size=(2, 3, 4)), jnp.float32) for _ in range(2))
    alpha, sigma = (a[..., None] for a in Cosine().alpha_sigma(jnp.full((2, 3), level)))
    return x0, eps, alpha, sigma, alpha * x0 + sigma * eps


@KINDS
@given(level=st.floats(0.01, 0.99), seed=st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_the_target_recovers_the_token_and_the_noise(kind, level, seed):
    x0, eps, alpha, sigma, x = noised(level, seed)
    x0_estimate = to_x0(kind, x, target(kind, x0, eps, alpha, sigma), alpha, sigma)
    # Rounding of x is amplified by 1 / alpha, that of x0 by alpha / sigma.
    np.testing.assert_allclose(x0_estimate, x0, atol=3e-6 / float(alpha.min()))
    np.testing.assert_allclose(to_eps(x, x0, alpha, sigma), eps, atol=3e-6 / float(sigma.min()))


@KINDS
def test_level_zero_returns_the_token_itself(kind):
    x0, eps, alpha, sigma, x = noised(0.0)
    expected = target(kind, x0, eps, alpha, sigma)
    np.testing.assert_array_equal(to_x0(kind, x, expected, alpha, sigma), x0)
    if kind != "x0":  # for any prediction
        np.testing.assert_array_equal(to_x0(kind, x, expected + 1, alpha, sigma), x0)
    assert jnp.isfinite(to_eps(x, x0 + 1, alpha, sigma)).all()


def test_pure_noise():
    x0, eps, alpha, sigma, x = noised(1.0)
    np.testing.assert_array_equal(x, eps)
    np.testing.assert_array_equal(
        to_x0("v", x, target("v", x0, eps, alpha, sigma), alpha, sigma), x0
    )
    np.testing.assert_array_equal(to_x0("eps", x, eps, alpha, sigma), 0)
    assert jnp.isfinite(to_x0("eps", x, eps + 1, alpha, sigma)).all()
    np.testing.assert_array_equal(to_eps(x, x0, alpha, sigma), eps)


def test_tiny_noise_is_not_clipped():
    x0, _, alpha, _, _ = noised(0.0)
    sigma = jnp.full_like(alpha, 1e-5)
    np.testing.assert_allclose(to_eps(0 * x0 + sigma, 0 * x0, alpha, sigma), 1, rtol=1e-5)


@KINDS
def test_min_snr_weights_errors_of_x0_equally_in_every_parametrization(kind):
    """Weight times the squared prediction error is min(SNR, 5) times the squared error of x0."""
    _, _, alpha, sigma, x = noised(0.3)
    level = jnp.array([[0.05, 0.3, 0.6], [0.9, 0.2, 0.97]])
    alpha, sigma = (a[..., None] for a in Cosine().alpha_sigma(level))
    snr = (alpha / sigma)[..., 0] ** 2
    output = x - 1
    change = 0.5
    moved = to_x0(kind, x, output + change, alpha, sigma) - to_x0(kind, x, output, alpha, sigma)
    weight = loss_weight("min_snr", kind, snr)
    np.testing.assert_allclose(
        weight * change**2, jnp.minimum(snr, 5) * jnp.mean(moved**2, -1), rtol=1e-3
    )


def test_min_snr_formula():
    snr = jnp.array([[0.2, 5.0, 20.0]])
    by_kind = {kind: loss_weight("min_snr", kind, snr)[0] for kind in PARAMETRIZATIONS}
    np.testing.assert_allclose(by_kind["x0"], [0.2, 5, 5], rtol=1e-6)
    np.testing.assert_allclose(by_kind["eps"], [1, 1, 0.25], rtol=1e-6)
    np.testing.assert_allclose(by_kind["v"], [0.2 / 1.2, 5 / 6, 5 / 21], rtol=1e-6)


def fused_by_loops(kind, snr, clip=5.0, decay=0.9):
    """Return the weights of the Diffusion Forcing paper's code, one token at a time."""
    weight = np.zeros_like(snr)
    for b in range(snr.shape[0]):
        average = None
        for t in range(snr.shape[1]):
            history = 0.0 if average is None else decay * average
            own = snr[b, t] / clip
            clipped = min(snr[b, t], clip) / clip
            fused = 1 - (1 - own) * (1 - history)
            fused_clipped = 1 - (1 - clipped) * (1 - history)
            weight[b, t] = {
                "eps": fused_clipped / fused,
                "x0": clip * fused_clipped,
                "v": clip * fused_clipped / (clip * fused + 1),
            }[kind]
            average = clipped if average is None else decay * average + (1 - decay) * clipped
    return weight


@KINDS
def test_fused_snr_against_plain_loops(kind):
    snr = np.exp(np.random.default_rng(0).uniform(-6, 6, (4, 9)))
    actual = loss_weight("fused_min_snr", kind, jnp.asarray(snr, jnp.float32))
    np.testing.assert_allclose(actual, fused_by_loops(kind, snr), rtol=1e-4)


@KINDS
def test_fused_snr_depends_only_on_earlier_tokens(kind):
    snr = jnp.array([[0.1, 2.0, 8.0, 0.5, 1.0, 20.0]])  # below and above the clip
    weight = loss_weight("fused_min_snr", kind, snr)
    np.testing.assert_allclose(weight[0, 0], loss_weight("min_snr", kind, snr)[0, 0], rtol=1e-5)
    later = loss_weight("fused_min_snr", kind, snr.at[0, 3].set(100.0))
    np.testing.assert_array_equal(later[0, :3], weight[0, :3])
    assert (later[0, 4:] != weight[0, 4:]).any()


@KINDS
@pytest.mark.parametrize("name", WEIGHTS)
def test_finite_at_both_ends(name, kind):
    snr = jnp.array([[jnp.inf, 0.0, 1.0, jnp.inf, 0.0], [0.0, jnp.inf, 0.0, 2e17, 1e-30]])
    weight = loss_weight(name, kind, snr)
    assert weight.shape == snr.shape
    assert jnp.isfinite(weight).all() and (weight >= 0).all() and (weight <= 5).all()
    # At the first token of each row, where no history is fused: SNR infinite, and 0.
    at_ends = {"x0": [5, 0], "eps": [0, 1], "v": [0, 0]}[kind]
    expected = [1, 1] if name == "uniform" else at_ends
    np.testing.assert_allclose(weight[:, 0], expected, atol=1e-6)


def test_unknown_choices():
    x = jnp.ones((1, 1, 1))
    with pytest.raises(UserError, match="x0, eps, v"):
        target("score", x, x, x, x)
    with pytest.raises(UserError, match="x0, eps, v"):
        to_x0("score", x, x, x, x)
    with pytest.raises(UserError, match="fused_min_snr"):
        loss_weight("max_snr", "x0", x[0])
    with pytest.raises(UserError, match="x0, eps, v"):
        loss_weight("uniform", "score", x[0])


@pytest.mark.parametrize("kind", ["x0", "eps", "v"])
def test_fused_snr_uses_the_history_that_later_tokens_see(kind):
    snr = jnp.array([[0.3, 2.0, 0.1, 40.0]])
    same = loss_weight("fused_min_snr", kind, snr, snr)
    np.testing.assert_array_equal(same, loss_weight("fused_min_snr", kind, snr))
    clean, noisy = (
        loss_weight("fused_min_snr", kind, snr, jnp.full_like(snr, h)) for h in (1e8, 1e-8)
    )
    # After pure noise nothing is fused; after a clean token x0 is nearly known.
    np.testing.assert_allclose(noisy, loss_weight("min_snr", kind, snr), rtol=1e-5)
    assert (clean[:, 1:] >= noisy[:, 1:]).all() and (clean[:, 0] == noisy[:, 0]).all()
