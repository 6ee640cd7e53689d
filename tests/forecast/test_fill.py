"""Filled gaps follow the conditional distribution, if the network is an exact denoiser."""

import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.diffusion.config import DiffusionConfig
from dfplan.forecast.fill import Incomplete, check_fill, fill_gaps
from dfplan.model import Model
from dfplan.nets.config import NetConfig
from dfplan.planner.diffusion_planner import DiffusionPlanner
from dfplan.planner.plan import Weights
from dfplan.representation.normalizer import Normalizer
from dfplan.representation.tokens import TokenLayout
from dfplan.types import UserError
from tests.diffusion.gaussian import COVARIANCE, FEATURES, MEAN, TOKENS, Exact
from tests.planner.tiny import planner_config

SAMPLES = 3000
GAP = slice(2, 4)
NET = {"width": 8, "layers": 1, "heads": 2}
STATES = Normalizer(jnp.array([1.0, -2.0]), jnp.array([2.0, 0.5]))


class ExactModel(Model):
    """A model whose network returns the exact clean estimate."""

    def denoiser(self, params):
        return lambda x, level, valid: Exact(self.schedule)(None, x, level, 0)[0]

    def x0(self, x, output, level):
        return output


def make_planner(kind="bidirectional", model=ExactModel, actions=False, **config):
    layout = TokenLayout(FEATURES, 1, (), stride=1, frames="last", actions=actions)
    settings = {"sampling.matrix": "full_sequence", "sampling.steps": 40, "candidates": SAMPLES}
    net = NetConfig(kind=kind, **NET)
    return DiffusionPlanner(
        model(layout, net, DiffusionConfig("cosine")),
        planner_config(**{**settings, **config}),
        horizon=TOKENS - 1,
    )


def conditional(known):
    """Return mean and covariance of the numbers in the gap, given the others."""
    hidden = np.zeros((TOKENS, FEATURES), bool)
    hidden[GAP] = True
    hidden = hidden.ravel()
    shown = COVARIANCE[np.ix_(~hidden, ~hidden)]
    gain = np.linalg.solve(shown, COVARIANCE[np.ix_(~hidden, hidden)]).T
    mean = MEAN[hidden] + gain @ (known.ravel()[~hidden] - MEAN[~hidden])
    return mean, COVARIANCE[np.ix_(hidden, hidden)] - gain @ COVARIANCE[np.ix_(~hidden, hidden)]


def test_samples_follow_the_distribution_given_both_sides():
    rng = np.random.default_rng(0)
    normalized = rng.multivariate_normal(MEAN, COVARIANCE).reshape(TOKENS, FEATURES)
    states = np.asarray(STATES.decode(normalized), np.float32)[None]
    known = np.ones((1, TOKENS), bool)
    known[:, GAP] = False
    incomplete = Incomplete(np.where(known[..., None], states, 7.0), known, np.ones_like(known))
    weights = Weights({}, STATES, STATES)
    samples = fill_gaps(make_planner(), weights, incomplete, seed=0)
    assert samples.shape == (1, SAMPLES, TOKENS, FEATURES)
    is_shown = known[0]
    np.testing.assert_allclose(
        samples[0][:, is_shown], np.tile(states[0, is_shown], (SAMPLES, 1, 1)), rtol=1e-5
    )
    drawn = np.asarray(STATES.encode(samples[0]))[:, GAP].reshape(SAMPLES, -1)
    mean, covariance = conditional(normalized)
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.05)
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.06)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "transformer"}, ["'transformer'", "bidirectional"]),
        ({"actions": True}, ["data.actions"]),
    ],
)
def test_runs_that_cannot_fill_are_refused(changes, words):
    with pytest.raises(UserError) as error:
        check_fill(make_planner(model=Model, **changes))
    assert all(word in str(error.value) for word in words)
