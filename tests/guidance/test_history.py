"""History guidance on a Gaussian token and history, whose scores are known exactly."""

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.diffusion.schedules import Cosine
from dfplan.guidance.history import history_guidance

SCHEDULE = Cosine()
CORRELATION = 0.8
LEVEL = 0.4
X = jnp.array([[[-1.3]], [[0.2]], [[2.1]]])
OBSERVED = jnp.full((3,), 1.5)


def moments(history, history_level, level):
    """Return mean and variance of a noised token given a noised history; both N(0, 1) if clean."""
    a_h, _ = SCHEDULE.alpha_sigma(history_level)
    a_x, _ = SCHEDULE.alpha_sigma(level)
    gain = CORRELATION * a_x * a_h  # the noised history has variance 1
    return gain * history, 1 - gain**2


def exact(carry, x, level, start):
    """Return E[x0 | x, history]; the carry holds the history, its level and a count of calls."""
    history, history_level, calls = carry
    alpha, _ = SCHEDULE.alpha_sigma(level)
    clean, variance = moments(history, history_level, jnp.float32(0.0))
    mean, noised_variance = moments(history, history_level, level[0, 0])
    x0 = clean[:, None] + alpha * variance / noised_variance * (x[..., 0] - mean[:, None])
    return x0[..., None], (history, history_level, calls + 1)


def score(x, history, history_level):
    mean, variance = moments(history, history_level, jnp.float32(LEVEL))
    return jax.grad(lambda x: -jnp.sum((x[:, 0, 0] - mean) ** 2) / (2 * variance))(x)


def guided(weights, noised_levels):
    history_levels = jnp.array([0.0, *noised_levels])
    noise = jnp.array([0.3, -0.7, 1.1])
    alpha, sigma = SCHEDULE.alpha_sigma(history_levels[:, None])
    histories = alpha * OBSERVED[None] + sigma * noise[None]
    carry = (histories, history_levels, jnp.zeros(len(history_levels), int))
    level = jnp.full((3, 1), LEVEL)
    x0, carry = history_guidance(exact, weights)(carry, X, level, jnp.int32(0))
    return x0, carry, histories, history_levels


def test_the_clean_estimate_composes_scores():
    x0, _, histories, history_levels = guided((1.5, -0.5), (1.0, 0.3))
    scores = [score(X, h, k) for h, k in zip(histories, history_levels, strict=True)]
    composed = scores[0] + 1.5 * (scores[0] - scores[1]) - 0.5 * (scores[0] - scores[2])
    alpha, sigma = SCHEDULE.alpha_sigma(jnp.float32(LEVEL))
    np.testing.assert_allclose(x0, (X + sigma**2 * composed) / alpha, atol=1e-5)


def test_a_history_of_pure_noise_gives_the_unconditional_score():
    x0, *_ = guided((1.0,), (1.0,))
    alpha, _ = SCHEDULE.alpha_sigma(jnp.float32(LEVEL))
    conditional = exact((OBSERVED, jnp.float32(0.0), 0), X, jnp.full((3, 1), LEVEL), 0)[0]
    np.testing.assert_allclose(x0, 2 * conditional - alpha * X, atol=1e-5)


def test_weight_zero_turns_guidance_off_and_every_history_keeps_its_carry():
    x0, (histories, history_levels, calls), before, levels = guided((0.0, 0.0), (1.0, 0.5))
    plain = exact((OBSERVED, jnp.float32(0.0), 0), X, jnp.full((3, 1), LEVEL), 0)[0]
    np.testing.assert_array_equal(x0, plain)
    np.testing.assert_array_equal(histories, before)
    np.testing.assert_array_equal(history_levels, levels)
    assert calls.tolist() == [1, 1, 1]


def test_coefficients_sum_to_one():
    def same(carry, x, level, start):
        return jnp.full_like(x, 3.0), carry

    x0, _ = history_guidance(same, (2.0, -0.7))(jnp.zeros(3), X, jnp.ones((3, 1)), jnp.int32(0))
    np.testing.assert_array_equal(x0, jnp.full_like(X, 3.0))
