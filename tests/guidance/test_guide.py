"""Guided denoisers, on correlated Gaussian tokens whose exact denoiser is linear."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.diffusion.matrix import full_sequence, levels, pyramid
from dfplan.diffusion.sampler import sample
from dfplan.diffusion.schedules import Cosine
from dfplan.diffusion.solvers import SOLVERS
from dfplan.guidance import guide
from dfplan.guidance.guide import gradient_guidance

TOKENS = 4
MEAN = np.array([0.5, 0.0, -0.5, 1.0])
COVARIANCE = 0.7 ** np.abs(np.arange(TOKENS)[:, None] - np.arange(TOKENS))
SLOPE = np.array([0.0, 0.0, 0.0, 0.8])
SCHEDULE = Cosine()


def exact(carry, x, level, start):
    """Return E[x0 | x] of tokens of one feature, all rows at the same levels."""
    alpha, sigma = SCHEDULE.alpha_sigma(level[0])
    noised = alpha[:, None] * COVARIANCE * alpha[None] + jnp.diag(sigma**2)
    gain = jnp.linalg.solve(noised, alpha[:, None] * COVARIANCE).T
    centered = x[..., 0] - (alpha * MEAN)[None]
    return (MEAN[None] + centered @ gain.T)[..., None], carry


def linear(x0):
    return x0[..., 0] @ jnp.asarray(SLOPE, jnp.float32)


def quadratic(x0):
    """Return half the squared distance of the last token to 3."""
    return 0.5 * (x0[:, -1, 0] - 3.0) ** 2


def end_mean(cost, scale, matrix=None, steps=64):
    """Return the mean of guided samples: the one that starts at the mean, as all is affine."""
    matrix = full_sequence(TOKENS, steps) if matrix is None else matrix

    @jax.jit
    def run(start):
        guided = gradient_guidance(exact, cost, SCHEDULE.alpha_sigma, scale)
        return sample(
            guided,
            ((), jnp.zeros_like(start)),
            start,
            levels(matrix, steps, 1.5),
            schedule=SCHEDULE,
            solver=SOLVERS.make("multistep"),
            keys=jax.random.split(jax.random.key(0), len(start)),
        ).tokens

    return np.asarray(run(jnp.zeros((1, TOKENS, 1))))[0, :, 0]


def guided_once(cost, scale, level=0.5):
    x = jax.random.normal(jax.random.key(0), (3, TOKENS, 1))
    levels = jnp.full((3, TOKENS), level)
    guided = gradient_guidance(exact, cost, SCHEDULE.alpha_sigma, scale)
    carry = jnp.int32(7), jnp.zeros_like(x)
    return exact((), x, levels, 0)[0], guided(carry, x, levels, 0), x


def test_scale_zero_is_the_identity():
    plain, (shifted, (carry, clean)), _ = guided_once(quadratic, 0.0)
    np.testing.assert_array_equal(plain, shifted)
    np.testing.assert_array_equal(plain, clean)
    assert carry == 7


def test_the_shift_is_down_the_gradient_through_the_denoiser():
    plain, (shifted, _), _ = guided_once(linear, 0.5)
    alpha, sigma = (np.float64(a) for a in SCHEDULE.alpha_sigma(jnp.float32(0.5)))
    gain = alpha * COVARIANCE @ np.linalg.inv(alpha**2 * COVARIANCE + sigma**2 * np.eye(TOKENS))
    expected = -0.5 * sigma**2 / alpha * gain.T @ SLOPE
    np.testing.assert_allclose((shifted - plain)[..., 0], np.tile(expected, (3, 1)), atol=1e-5)
    # The cost of the last token alone moves the others too.
    assert (expected[:3] < -1e-3).all()
    assert (quadratic(guided_once(quadratic, 0.5)[1][0]) < quadratic(plain)).all()


def test_rows_are_guided_separately_and_clean_tokens_not_at_all():
    def first_row_cost(x0):
        return quadratic(x0) * jnp.array([1.0, 0.0, 0.0])

    plain, (shifted, _), x = guided_once(first_row_cost, 0.5)
    np.testing.assert_array_equal(shifted[1:], plain[1:])
    assert (shifted[0] != plain[0]).all()
    level = jnp.full((3, TOKENS), 0.5).at[:, 1].set(0.0)
    guided = gradient_guidance(exact, quadratic, SCHEDULE.alpha_sigma, 0.5)
    shifted = guided(((), jnp.zeros_like(x)), x, level, 0)[0]
    np.testing.assert_allclose(shifted[:, 1], x[:, 1], atol=1e-5)


def test_guidance_vanishes_at_both_ends():
    """Clean tokens stay as they are; pure noise says nothing of x0, so there is no gradient."""
    _, (at_clean, _), x = guided_once(quadratic, 1.0, level=0.0)
    np.testing.assert_allclose(at_clean, x, atol=1e-5)
    _, (at_noise, _), _ = guided_once(quadratic, 1.0, level=1.0)
    np.testing.assert_allclose(at_noise[..., 0], np.tile(MEAN, (3, 1)), atol=1e-5)


@pytest.mark.parametrize("name", ["full_sequence", "pyramid"])
def test_a_linear_cost_tilts_the_gaussian_exactly(name, monkeypatch):
    """N(m, C) times exp(-b x) is N(m - C b, C); the floor under alpha reduces the shift."""
    make = {
        "full_sequence": lambda steps: full_sequence(TOKENS, steps),
        "pyramid": lambda steps: pyramid(TOKENS, steps, steps / 4),
    }[name]

    def shift():  # extrapolates the first-order error of the step that starts at alpha 0
        coarse, fine = (end_mean(linear, 1.0, make(steps), steps) for steps in (32, 64))
        return 2 * fine - coarse - MEAN

    tilt = -COVARIANCE @ SLOPE
    monkeypatch.setattr(guide, "MIN_ALPHA", 1e-3)
    np.testing.assert_allclose(shift(), tilt, atol=0.004)
    monkeypatch.undo()
    np.testing.assert_allclose(shift() / tilt, 0.85, atol=0.07)


def test_a_quadratic_cost_pulls_towards_the_tilted_gaussian():
    """The cost of the estimate ignores its variance, so guidance is inexact but helps."""
    precision = np.linalg.inv(COVARIANCE)
    last = np.diag([0.0, 0.0, 0.0, 1.0])
    tilted = np.linalg.solve(precision + last, precision @ MEAN + last @ np.full(TOKENS, 3.0))
    plain, weak, full = (end_mean(quadratic, scale) for scale in (0.0, 0.3, 1.0))
    np.testing.assert_allclose(plain, MEAN, atol=0.02)
    error = [np.linalg.norm(end - tilted) for end in (plain, weak, full)]
    assert error[0] > error[1] > error[2], error
    assert error[2] < 0.5 * error[0], error


def tipping(carry, x, level, start):
    """Denoise two tokens: a known one, and a future that is -1 or 1 by the sign of its noise."""
    return jnp.stack([x[:, 0], jnp.sign(x[:, 1])], axis=1), {"seen": carry["seen"] + x}


def product(x0):
    """Return a cost whose gradient by the first token is the future, 0 on average."""
    return x0[:, 0, 0] * x0[:, 1, 0]


def wavy(carry, x, level, start):
    """Denoise by a nonlinear function of every token and the one before it."""
    before = jnp.concatenate([carry["seen"][:, :1], x[:, :-1]], axis=1)
    return jnp.tanh(x + 0.5 * before**2) * (1 - 0.3 * level[..., None]), {"seen": x}


def test_several_futures_shift_by_the_mean_of_their_gradients():
    x, *others = (jax.random.normal(jax.random.key(i), (3, TOKENS, 1)) for i in range(4))
    level = jnp.linspace(0.1, 1.0, 3 * TOKENS).reshape(3, TOKENS)
    carry = {"seen": others[0] + 1}
    futures = jnp.stack([x, *others])
    guide_wavy = functools.partial(gradient_guidance, wavy, quadratic, SCHEDULE.alpha_sigma, 0.7)
    pair = carry, jnp.zeros_like(x)
    shifts = [
        guide_wavy()(pair, future, level, 0)[0] - wavy(carry, future, level, 0)[0]
        for future in futures
    ]
    assert np.ptp(shifts, axis=0).max() > 0.05
    averaged = guide_wavy(futures=lambda *_: futures)
    x0, (new_carry, clean) = averaged(pair, x, level, 0)
    expected = wavy(carry, x, level, 0)[0] + sum(shifts) / len(shifts)
    np.testing.assert_allclose(x0, expected, atol=1e-5)
    np.testing.assert_array_equal(new_carry["seen"], x)  # of the first future
    np.testing.assert_allclose(clean, wavy(carry, x, level, 0)[0], atol=1e-6)


def test_a_single_future_is_the_plain_gradient():
    x = jax.random.normal(jax.random.key(0), (3, TOKENS, 1))
    level = jnp.full((3, TOKENS), 0.4)
    carry = {"seen": x}
    pair = carry, jnp.zeros_like(x)
    guide_wavy = functools.partial(gradient_guidance, wavy, quadratic, SCHEDULE.alpha_sigma, 0.7)
    plain = guide_wavy()(pair, x, level, 0)[0]
    single = guide_wavy(futures=lambda x, *_: x[None])(pair, x, level, 0)[0]
    np.testing.assert_allclose(single, plain, atol=1e-6)
    assert abs(single - wavy(carry, x, level, 0)[0]).max() > 0.05


@pytest.mark.parametrize("samples", [2, 8])
def test_several_futures_reduce_the_variance_of_the_guidance(samples):
    rows = 4000
    level = jnp.tile(jnp.array([[0.5, 1.0]]), (rows, 1))
    known = jnp.ones((rows, 1, 1))

    def draw(key):
        return jnp.concatenate([known, jax.random.normal(key, (rows, 1, 1))], axis=1)

    def push(futures):
        """Return the shift of the known token, in units of the gradient."""
        guided = gradient_guidance(tipping, product, SCHEDULE.alpha_sigma, 1.0, futures)
        x = draw(jax.random.key(99))
        alpha, sigma = SCHEDULE.alpha_sigma(jnp.float32(0.5))
        carry = {"seen": jnp.zeros_like(x)}, jnp.zeros_like(x)
        shift = guided(carry, x, level, 0)[0][:, 0, 0] - 1
        return np.asarray(shift) * alpha / sigma**2

    others = [draw(key) for key in jax.random.split(jax.random.key(0), samples - 1)]
    one = push(None)
    several = push(lambda x, *_: jnp.stack([x, *others]))
    np.testing.assert_allclose(np.abs(one), 1, atol=1e-5)
    np.testing.assert_allclose([one.mean(), several.mean()], 0, atol=5 / rows**0.5)
    np.testing.assert_allclose(several.var() * samples, one.var(), rtol=5 * (2 / rows) ** 0.5)


def test_tokens_outside_the_window_keep_their_last_clean_estimate():
    x = jax.random.normal(jax.random.key(0), (3, TOKENS, 1))
    level = jnp.full((3, TOKENS), 0.4)
    last = jax.random.normal(jax.random.key(1), x.shape)

    def shift(clean, begin):
        guided = gradient_guidance(untouched, bent, SCHEDULE.alpha_sigma, 0.7)
        window = x[:, begin:]
        x0, (_, new_clean) = guided(((), clean), window, level[:, begin:], begin)
        return x0 - window, new_clean

    whole, _ = shift(last, 0)
    clean = last.at[:, 1:].set(0.0)
    part, new_clean = shift(clean, 1)
    np.testing.assert_array_equal(new_clean, clean.at[:, 1:].set(x[:, 1:]))
    # `bent` couples all tokens: the first one's estimate decides the gradient of the others.
    replaced, _ = shift(last, 1)
    np.testing.assert_array_equal(part, replaced)
    assert abs(part - whole[:, 1:]).max() > 0.05


def untouched(carry, x, level, start):
    return x, carry


def bent(x0):
    return x0[..., 0].sum(axis=1) ** 2
