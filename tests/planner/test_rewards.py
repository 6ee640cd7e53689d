"""Plans for reward: the best candidate wins; token and gradient steer towards return."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.diffusion.config import DiffusionConfig
from dfplan.model import Model
from dfplan.planner.call import PlanCall
from dfplan.representation.config import DataConfig
from dfplan.representation.tokens import TokenLayout
from dfplan.types import UserError
from dfplan.value.critic import Critic, init_member

from .tiny import (
    LAYOUT,
    NET,
    STATES,
    STRIDE,
    changed,
    make_history,
    make_keys,
    make_model,
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
    """`plan(sign, **settings)`: plans of untrained networks, and their returns times `sign`."""
    nets = jax.vmap(lambda k: init_member(k, 4, 8))(make_keys(7))
    critic = Critic(nets, *map(jnp.float32, (1.0, 2.0, 0.5, 3.0, 0.9, 0.0)))
    planner = make_planner(model, candidates=CANDIDATES)

    def make(sign=1.0, **settings):
        signed = {
            name: sign * getattr(critic, name)
            for name in ("base", "scale", "reward_base", "reward_scale")
        }
        weights = make_weights(model)._replace(critic=dataclasses.replace(critic, **signed))
        history = make_history(model)
        result = changed(planner, **settings).plan(PlanCall(weights, make_keys(), history, None))
        return result, critic.expected_return(STATES.encode(result.candidates))

    return functools.cache(make)


def test_the_candidate_with_the_highest_return_wins(plan):
    result, expected_return = plan()
    np.testing.assert_allclose(result.cost, -expected_return, rtol=1e-4)
    np.testing.assert_array_equal(result.best, expected_return.argmax(axis=1))
    np.testing.assert_array_equal(result.states, result.candidates[jnp.arange(2), result.best])
    assert np.ptp(expected_return, axis=1).min() > 0.01


def test_negative_rewards_reverse_the_choice_among_the_same_candidates(plan):
    result, expected_return = plan()
    negative, same_return = plan(sign=-1.0)
    np.testing.assert_allclose(expected_return, same_return, rtol=1e-4)
    np.testing.assert_array_equal(negative.best, expected_return.argmin(axis=1))
    assert (result.best != negative.best).all()


def test_the_token_asks_for_a_return_quantile(plan):
    high, _ = plan()
    low, _ = plan(**{"goal.return_quantile": 0.05})
    assert np.abs(high.candidates - low.candidates).max() > 0.01


def test_the_gradient_raises_the_return(plan):
    _, unguided = plan()
    _, guided = plan(**{"goal.conditioning": "both", "guidance.scale": 1.0})
    assert guided.mean() > unguided.mean() + 0.05


def test_without_rewards_there_is_nothing_to_rank_by():
    with pytest.raises(UserError, match=r"'value'.*'reward'.*valid here: auto, arrival"):
        make_planner(make_model(), ranker="value")


def test_the_arrival_ranker_needs_a_goal_state(plan):
    with pytest.raises(UserError, match=r"planner.ranker 'arrival' .*valid here: auto, value"):
        plan(ranker="arrival")
