"""Targets of consistency distillation, on Gaussian tokens whose exact targets are known."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.diffusion.config import DiffusionConfig
from dfplan.training.consistency import lower_estimate
from dfplan.training.objective import ObjectiveConfig
from dfplan.types import UserError

SPREAD = 0.4
TOKENS = 20
CONSISTENCY = {"two_stream": True, "loss": "consistency"}


class Gaussian:
    """A model that predicts x0 of independent tokens from N(0, SPREAD^2)."""

    diffusion = DiffusionConfig("cosine", parametrization="x0")
    schedule = diffusion.make_schedule()

    def x0(self, x, output, level):
        return output


class Net:
    """A network that outputs `factor(alpha, sigma)` times each target."""

    def __init__(self, factor):
        self.factor = factor

    def two_streams(self, x, level):
        tokens = x.shape[1] // 2
        alpha, sigma = Gaussian.schedule.alpha_sigma(level[:, tokens:])
        return self.factor(alpha, sigma)[..., None] * x[:, tokens:]


TEACHER = Net(lambda a, s: a * SPREAD**2 / (a**2 * SPREAD**2 + s**2))
"""The posterior mean of the token."""
FLOW_END = Net(lambda a, s: SPREAD / jnp.sqrt(a**2 * SPREAD**2 + s**2))
"""The end of the probability flow from the token: the exact consistency function."""


def estimates(steps, student=FLOW_END, num_levels=0):
    model = Gaussian()
    model.diffusion = dataclasses.replace(Gaussian.diffusion, num_levels=num_levels)
    level = jnp.tile(jnp.linspace(0, 1, TOKENS), 2)[None]
    x = jax.random.normal(jax.random.key(0), (1, 2 * TOKENS, 3))
    targets = lower_estimate(student, TEACHER, model, steps, x, level)  # pyright: ignore[reportArgumentType]
    return np.asarray(targets), np.asarray(student.two_streams(x, level)), x[:, TOKENS:]


def error(student, steps):
    """Return the largest error of the student's estimates of the noisier half."""
    targets, own, _ = estimates(steps, student)
    return np.abs(targets - own)[:, TOKENS // 2 :].max()


def test_the_consistency_function_is_a_fixed_point():
    """Up to the discretization error of DDIM."""
    assert 8 * error(FLOW_END, 8) < 0.1 and 80 * error(FLOW_END, 80) < 0.01


def test_the_posterior_mean_is_not_a_fixed_point():
    """It changes along the flow in proportion to the step."""
    assert 8 * error(TEACHER, 8) > 0.5 and 80 * error(TEACHER, 80) > 0.5


def test_the_last_step_goes_to_the_teachers_estimate():
    """The target of a token within one step of clean is the teacher's estimate."""
    targets, _, x = estimates(10)
    taught = TEACHER.two_streams(
        jnp.tile(x, (1, 2, 1)), jnp.tile(jnp.linspace(0, 1, TOKENS), 2)[None]
    )
    np.testing.assert_allclose(targets[:, :2], taught[:, :2], atol=1e-6)
    assert np.abs(targets - taught)[:, 4:].min(axis=-1).max() > 1e-3


def test_discrete_levels_stay_discrete():
    """With 4 levels, a step of 1/10 becomes one of 1/4, the smallest."""
    tenth = estimates(10, num_levels=4)[0]
    quarter = estimates(4, num_levels=4)[0]
    np.testing.assert_array_equal(tenth[:, -1], quarter[:, -1])
    assert np.any(tenth[:, -1] != estimates(10)[0][:, -1])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"two_stream": False}, "needs training.objective.two_stream true"),
        ({"paradigm": "regression"}, "'regression' .*valid: independent, teacher_forcing"),
        ({"consistency_steps": 1}, "2 to 1000000, got 1"),
        ({"loss": "distance"}, "valid: denoising, consistency"),
    ],
)
def test_invalid_objectives_are_refused(settings, words):
    with pytest.raises(UserError, match=words):
        ObjectiveConfig(**{**CONSISTENCY, **settings})
