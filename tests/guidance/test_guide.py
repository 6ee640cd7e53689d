"""Guided denoisers, on correlated Gaussian tokens whose exact denoiser is linear."""

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
    """E[x0 | x] of tokens of one feature, all rows at the same levels."""
    alpha, sigma = SCHEDULE.alpha_sigma(level[0])
    seen = alpha[:, None] * COVARIANCE * alpha + jnp.diag(sigma**2)
    gain = jnp.linalg.solve(seen, alpha[:, None] * COVARIANCE).T
    return (MEAN + (x[..., 0] - alpha * MEAN) @ gain.T)[..., None], carry


def linear(x0):
    return x0[..., 0] @ jnp.asarray(SLOPE, jnp.float32)


def quadratic(x0):
    """Half the squared distance of the last token to 3."""
    return 0.5 * (x0[:, -1, 0] - 3.0) ** 2


def end_mean(cost, scale, matrix=None, steps=64):
    """Mean of the guided samples: the one that starts at the mean, as all is affine."""
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
    where = jnp.full((3, TOKENS), level)
    guided = gradient_guidance(exact, cost, SCHEDULE.alpha_sigma, scale)
    carry = jnp.int32(7), jnp.zeros_like(x)
    return exact((), x, where, 0)[0], guided(carry, x, where, 0), x


def test_scale_zero_is_the_identity():
    plain, (shifted, (carry, clean)), _ = guided_once(quadratic, 0.0)
    np.testing.assert_array_equal(plain, shifted)
    np.testing.assert_array_equal(plain, clean)
    assert carry == 7


def test_the_shift_is_down_the_gradient_through_the_denoiser():
    plain, (shifted, _), _ = guided_once(linear, 0.5)
    alpha, sigma = (np.float64(a) for a in SCHEDULE.alpha_sigma(jnp.float32(0.5)))
    gain = alpha * COVARIANCE @ np.linalg.inv(alpha**2 * COVARIANCE + sigma**2 * np.eye(TOKENS))
    wanted = -0.5 * sigma**2 / alpha * gain.T @ SLOPE
    np.testing.assert_allclose((shifted - plain)[..., 0], np.tile(wanted, (3, 1)), atol=1e-5)
    # The cost is on the last token alone, and moves the first one too.
    assert (wanted[:3] < -1e-3).all()
    assert (quadratic(guided_once(quadratic, 0.5)[1][0]) < quadratic(plain)).all()


def test_rows_are_guided_apart_and_known_tokens_not_at_all():
    def priced(x0):  # of the first row alone
        return quadratic(x0) * jnp.array([1.0, 0.0, 0.0])

    plain, (shifted, _), x = guided_once(priced, 0.5)
    np.testing.assert_array_equal(shifted[1:], plain[1:])
    assert (shifted[0] != plain[0]).all()
    level = jnp.full((3, TOKENS), 0.5).at[:, 1].set(0.0)
    guided = gradient_guidance(exact, quadratic, SCHEDULE.alpha_sigma, 0.5)
    shifted = guided(((), jnp.zeros_like(x)), x, level, 0)[0]
    np.testing.assert_allclose(shifted[:, 1], x[:, 1], atol=1e-5)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_finite_at_both_ends(level):
    assert jnp.isfinite(guided_once(quadratic, 1.0, level)[1][0]).all()


@pytest.mark.parametrize("name", ["full_sequence", "pyramid"])
def test_a_linear_cost_tilts_the_gaussian_exactly(name, monkeypatch):
    """N(m, C) times exp(-b x) is N(m - C b, C); the floor under alpha takes some of it away."""
    make = {
        "full_sequence": lambda steps: full_sequence(TOKENS, steps),
        "pyramid": lambda steps: pyramid(TOKENS, steps, steps / 4),
    }[name]

    def shift():  # without the first-order error of the step that starts at alpha 0
        coarse, fine = (end_mean(linear, 1.0, make(steps), steps) for steps in (32, 64))
        return 2 * fine - coarse - MEAN

    tilt = -COVARIANCE @ SLOPE
    monkeypatch.setattr(guide, "MIN_ALPHA", 1e-3)
    np.testing.assert_allclose(shift(), tilt, atol=0.004)
    monkeypatch.undo()
    np.testing.assert_allclose(shift() / tilt, 0.85, atol=0.07)


def test_a_quadratic_cost_pulls_towards_the_tilted_gaussian():
    """The estimate's cost lacks its spread, so guidance is not exact; it goes the right way."""
    precision = np.linalg.inv(COVARIANCE)
    last = np.diag([0.0, 0.0, 0.0, 1.0])
    tilted = np.linalg.solve(precision + last, precision @ MEAN + last @ np.full(TOKENS, 3.0))
    plain, weak, full = (end_mean(quadratic, scale) for scale in (0.0, 0.3, 1.0))
    np.testing.assert_allclose(plain, MEAN, atol=0.02)
    off = [np.linalg.norm(end - tilted) for end in (plain, weak, full)]
    assert off[0] > off[1] > off[2], off
    assert off[2] < 0.5 * off[0], off


def tipping(carry, x, level, start):
    """Two tokens: a known one, and a future that its noise tips to -1 or 1, equally likely."""
    return jnp.stack([x[:, 0], jnp.sign(x[:, 1])], axis=1), {"seen": carry["seen"] + x}


def product(x0):
    """Its gradient by the first token is the future, on average 0."""
    return x0[:, 0, 0] * x0[:, 1, 0]


def wavy(carry, x, level, start):
    """Of every token and the one before it, and nothing that is linear."""
    before = jnp.concatenate([carry["seen"][:, :1], x[:, :-1]], axis=1)
    return jnp.tanh(x + 0.5 * before**2) * (1 - 0.3 * level[..., None]), {"seen": x}


def test_several_futures_shift_by_the_mean_of_their_gradients():
    x, *others = (jax.random.normal(jax.random.key(i), (3, TOKENS, 1)) for i in range(4))
    level = jnp.linspace(0.1, 1.0, 3 * TOKENS).reshape(3, TOKENS)
    carry, futures = {"seen": others[0] + 1}, jnp.stack([x, *others])
    options = (wavy, quadratic, SCHEDULE.alpha_sigma, 0.7)
    pair = carry, jnp.zeros_like(x)
    moved = [
        gradient_guidance(*options)(pair, future, level, 0)[0] - wavy(carry, future, level, 0)[0]
        for future in futures
    ]
    assert np.ptp(moved, axis=0).max() > 0.05
    found, (after, clean) = gradient_guidance(*options, lambda *_: futures)(pair, x, level, 0)
    wanted = wavy(carry, x, level, 0)[0] + sum(moved) / len(moved)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    np.testing.assert_array_equal(after["seen"], x)  # the first copy's
    np.testing.assert_allclose(clean, wavy(carry, x, level, 0)[0], atol=1e-6)


def test_a_single_future_is_the_plain_gradient():
    x, level = jax.random.normal(jax.random.key(0), (3, TOKENS, 1)), jnp.full((3, TOKENS), 0.4)
    options, carry = (wavy, quadratic, SCHEDULE.alpha_sigma, 0.7), {"seen": x}
    pair = carry, jnp.zeros_like(x)
    plain = gradient_guidance(*options)(pair, x, level, 0)[0]
    single = gradient_guidance(*options, lambda x, *_: x[None])(pair, x, level, 0)[0]
    np.testing.assert_allclose(single, plain, atol=1e-6)
    assert abs(single - wavy(carry, x, level, 0)[0]).max() > 0.05


@pytest.mark.parametrize("samples", [2, 8])
def test_several_futures_make_guidance_less_a_matter_of_chance(samples):
    rows, level = 4000, jnp.array([[0.5, 1.0]])
    level, known = jnp.tile(level, (rows, 1)), jnp.ones((rows, 1, 1))

    def draw(key):
        return jnp.concatenate([known, jax.random.normal(key, (rows, 1, 1))], axis=1)

    def push(copies):
        """Down the gradient by the known token, in units of it."""
        guided = gradient_guidance(tipping, product, SCHEDULE.alpha_sigma, 1.0, copies)
        x = draw(jax.random.key(99))
        alpha, sigma = SCHEDULE.alpha_sigma(jnp.float32(0.5))
        carry = {"seen": jnp.zeros_like(x)}, jnp.zeros_like(x)
        shift = guided(carry, x, level, 0)[0][:, 0, 0] - 1
        return np.asarray(shift) * alpha / sigma**2

    others = [draw(key) for key in jax.random.split(jax.random.key(0), samples - 1)]
    one, several = push(None), push(lambda x, *_: jnp.stack([x, *others]))
    np.testing.assert_allclose(np.abs(one), 1, atol=1e-5)
    np.testing.assert_allclose([one.mean(), several.mean()], 0, atol=5 / rows**0.5)
    np.testing.assert_allclose(several.var() * samples, one.var(), rtol=5 * (2 / rows) ** 0.5)


def test_tokens_that_the_window_leaves_out_count_as_they_were_last_seen():
    x, level = jax.random.normal(jax.random.key(0), (3, TOKENS, 1)), jnp.full((3, TOKENS), 0.4)
    last = jax.random.normal(jax.random.key(1), x.shape)

    def shift(clean, begin):
        guided = gradient_guidance(untouched, bent, SCHEDULE.alpha_sigma, 0.7)
        part = x[:, begin:], level[:, begin:]
        found, (_, after) = guided(((), clean), *part, begin)
        return found - part[0], after

    whole, _ = shift(last, 0)
    seen = last.at[:, 1:].set(0.0)
    part, after = shift(seen, 1)
    np.testing.assert_array_equal(after, seen.at[:, 1:].set(x[:, 1:]))
    # `bent` is of all tokens at once: the first one's estimate decides the others' gradient.
    replaced, _ = shift(last, 1)
    np.testing.assert_array_equal(part, replaced)
    assert abs(part - whole[:, 1:]).max() > 0.05


def untouched(carry, x, level, start):
    return x, carry


def bent(x0):
    return x0[..., 0].sum(axis=1) ** 2
