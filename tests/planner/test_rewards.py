"""Plans for reward: the best candidate wins, the token asks, the gradient pulls."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.diffusion.config import DiffusionConfig
from dfplan.model import Model
from dfplan.representation.config import DataConfig
from dfplan.representation.tokens import TokenLayout
from dfplan.value.critic import Critic, init_member

from .tiny import (
    LAYOUT,
    NET,
    STATES,
    STRIDE,
    changed,
    make_history,
    make_keys,
    make_planner,
    make_weights,
)

CANDIDATES = 3


@pytest.fixture(scope="module")
def model():
    layout = dataclasses.replace(LAYOUT, goal_dims=())
    config = DataConfig(goal="reward", stride=STRIDE, tokens=8)
    return Model(TokenLayout.create(layout, config), NET, DiffusionConfig("cosine"))


@pytest.fixture(scope="module")
def plan(model):
    """`plan(turn, **settings)`: one of an untrained network and critic, `turn` times its worth."""
    nets = jax.vmap(lambda k: init_member(k, 4, 8))(make_keys(7))
    critic = Critic(nets, *map(jnp.float32, (1.0, 2.0, 0.5, 3.0, 0.9, 0.0)))
    planner = make_planner(model, candidates=CANDIDATES)

    def make(turn=1.0, **settings):
        turned = {
            name: turn * getattr(critic, name)
            for name in ("base", "scale", "reward_base", "reward_scale")
        }
        weights = make_weights(model)._replace(critic=dataclasses.replace(critic, **turned))
        history = make_history(model)
        found = changed(planner, **settings).plan(weights, make_keys(), history, None)
        return found, critic.expected_return(STATES.encode(found.candidates))

    return functools.cache(make)


def test_the_candidate_that_is_worth_most_wins(plan):
    found, expected_return = plan()
    np.testing.assert_allclose(found.cost, -expected_return, rtol=1e-4)
    np.testing.assert_array_equal(found.best, expected_return.argmax(axis=1))
    np.testing.assert_array_equal(found.states, found.candidates[jnp.arange(2), found.best])
    assert np.ptp(expected_return, axis=1).min() > 0.01


def test_what_counts_is_the_reward_and_not_the_plan(plan):
    (found, expected_return), (other, same) = plan(), plan(turn=-1.0)
    np.testing.assert_allclose(expected_return, same, rtol=1e-4)
    np.testing.assert_array_equal(other.best, expected_return.argmin(axis=1))
    assert (found.best != other.best).all()


def test_the_token_asks_for_a_return(plan):
    usual, poor = plan()[0], plan(**{"goal.return_quantile": 0.05})[0]
    assert np.abs(usual.candidates - poor.candidates).max() > 0.01


def test_the_gradient_pulls_towards_worth(plan):
    _, alone = plan()
    _, pulled = plan(**{"goal.conditioning": "both", "guidance.scale": 0.3})
    assert pulled.mean() > alone.mean() + 0.05
