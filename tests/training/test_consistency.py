"""What a distilled network is to estimate: exactly known for Gaussian tokens."""

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
    """Stands for a model that predicts x0 of tokens of N(0, SPREAD^2), which tell of no other."""

    diffusion = DiffusionConfig("cosine", parametrization="x0")
    schedule = diffusion.make_schedule()

    def x0(self, x, output, level):
        return output


class Net:
    """Puts out `factor(alpha, sigma)` times each target."""

    def __init__(self, factor):
        self.factor = factor

    def two_streams(self, x, level):
        tokens = x.shape[1] // 2
        alpha, sigma = Gaussian.schedule.alpha_sigma(level[:, tokens:])
        return self.factor(alpha, sigma)[..., None] * x[:, tokens:]


TEACHER = Net(lambda a, s: a * SPREAD**2 / (a**2 * SPREAD**2 + s**2))
"""The mean of what the token may have been."""
WHOLE_WAY = Net(lambda a, s: SPREAD / jnp.sqrt(a**2 * SPREAD**2 + s**2))
"""Where the probability flow leads from a token."""


def estimates(steps, student=WHOLE_WAY, levels=0):
    model = Gaussian()
    model.diffusion = dataclasses.replace(Gaussian.diffusion, num_levels=levels)
    level = jnp.tile(jnp.linspace(0, 1, TOKENS), 2)[None]
    x = jax.random.normal(jax.random.key(0), (1, 2 * TOKENS, 3))
    found = lower_estimate(student, TEACHER, model, steps, x, level)  # pyright: ignore[reportArgumentType]
    return np.asarray(found), np.asarray(student.two_streams(x, level)), x[:, TOKENS:]


def off(student, steps):
    """How far the student's estimates of the noisier half are from what they are to be."""
    found, own, _ = estimates(steps, student)
    return np.abs(found - own)[:, TOKENS // 2 :].max()


def test_what_leads_the_whole_way_is_what_it_is_to_be():
    """The consistency function of the flow is the loss's fixed point, but for DDIM's own error."""
    assert 8 * off(WHOLE_WAY, 8) < 0.1 and 80 * off(WHOLE_WAY, 80) < 0.01


def test_the_mean_is_not():
    """It changes along the flow by as much as a step is long."""
    assert 8 * off(TEACHER, 8) > 0.5 and 80 * off(TEACHER, 80) > 0.5


def test_the_last_step_is_down_to_the_teachers_estimate():
    """A token within a step of clean is to be what the teacher makes of it."""
    found, _, x = estimates(10)
    taught = TEACHER.two_streams(
        jnp.tile(x, (1, 2, 1)), jnp.tile(jnp.linspace(0, 1, TOKENS), 2)[None]
    )
    np.testing.assert_allclose(found[:, :2], taught[:, :2], atol=1e-6)
    assert np.abs(found - taught)[:, 4:].min(axis=-1).max() > 1e-3


def test_discrete_levels_stay_discrete():
    """One step down of 1/10 is one of 1/4, the least that there is."""
    here, there = estimates(10, levels=4)[0], estimates(4, levels=4)[0]
    np.testing.assert_array_equal(here[:, -1], there[:, -1])
    assert np.any(here[:, -1] != estimates(10)[0][:, -1])


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"two_stream": False}, "needs training.objective.two_stream true"),
        ({"paradigm": "regression"}, "'regression' .*valid here: independent, teacher_forcing"),
        ({"consistency_steps": 1}, "at least 2, got 1"),
        ({"loss": "distance"}, "valid: denoising, consistency"),
    ],
)
def test_what_cannot_be_distilled(settings, says):
    with pytest.raises(UserError, match=says):
        ObjectiveConfig(**{**CONSISTENCY, **settings})
