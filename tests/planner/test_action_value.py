"""The ranker by action values: the action toward a candidate's first token decides."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.nets.mlp import mlp_shapes
from dfplan.planner.rankers.action_value import ActionValueRanker
from dfplan.policy.policy import Policy, PolicyInputs
from dfplan.representation.config import DataConfig
from dfplan.representation.tokens import TokenLayout
from dfplan.types import UserError
from dfplan.value.action_critic import ActionCritic, net_shapes, scaled_values

from .tiny import LAYOUT, STATES, STRIDE, make_model, make_planner, make_weights, planner_config

REWARDED = TokenLayout.create(
    dataclasses.replace(LAYOUT, goal_dims=()), DataConfig(goal="reward", stride=STRIDE, tokens=8)
)
CONTROLLER = {"low_level_controller": "policy:lookahead=1"}
TARGETS = (0, 2)


def draw(shapes, seed):
    rng = np.random.default_rng(seed)
    return {name: jnp.asarray(rng.normal(size=s), jnp.float32) for name, s in shapes.items()}


@pytest.fixture(scope="module")
def weights():
    inputs = PolicyInputs(
        scale=jnp.ones(2), target_dims=TARGETS, state_dims=(0, 1, 2, 3), horizon=4, timed=True
    )
    nets = draw(net_shapes(4, 2, width=8, members=2), 1)
    critic = ActionCritic(nets, base=jnp.float32(3), scale=jnp.float32(2))
    policy = Policy(draw(mlp_shapes(7, 8, 2), 0), inputs)
    return make_weights(make_model())._replace(policy=policy, action_critic=critic)


def make_ranker(temperature=0.0, **settings):
    return ActionValueRanker(REWARDED, planner_config(**{**CONTROLLER, **settings}), temperature)


CANDIDATES = jax.random.normal(jax.random.key(0), (2, 3, 4, LAYOUT.state_dim))


@pytest.mark.parametrize("pessimism", [0.0, 1.0])
def test_cost_is_the_negative_value_of_the_action_toward_the_first_token(weights, pessimism):
    ranking = make_ranker(**{"goal.pessimism": pessimism}).rank(CANDIDATES, None, weights)
    for robot in range(2):
        for n, candidate in enumerate(CANDIDATES[robot]):
            state, following = STATES.encode(candidate[:2])
            target = following[jnp.asarray(TARGETS)]
            steps = jnp.full(1, float(STRIDE))
            action = weights.policy.action(state[None], target[None], steps)
            value = weights.action_critic.value(state[None], action, pessimism)[0]
            np.testing.assert_allclose(ranking.cost[robot, n], -value, rtol=1e-4, atol=1e-4)
    assert (ranking.arrival > 3 * STRIDE).all()


def test_later_tokens_do_not_matter(weights):
    later = CANDIDATES.at[:, :, 2:].add(5.0)
    rank = make_ranker().rank
    cost = rank(CANDIDATES, None, weights).cost
    np.testing.assert_array_equal(rank(later, None, weights).cost, cost)
    assert (rank(CANDIDATES.at[:, :, 1].add(0.5), None, weights).cost != cost).any()


def test_the_temperature_is_in_units_of_the_networks_disagreement(weights):
    assert make_ranker().rank(CANDIDATES, None, weights).temperature is None
    ranking = make_ranker(0.3, **{"goal.pessimism": 1.0}).rank(CANDIDATES, None, weights)
    for robot in range(2):
        states = STATES.encode(CANDIDATES[robot, :, :2])
        targets = states[:, 1, jnp.asarray(TARGETS)]
        action = weights.policy.action(states[:, 0], targets, jnp.full(3, float(STRIDE)))
        one, other = 2 * np.asarray(scaled_values(weights.action_critic.nets, states[:, 0], action))
        best = np.argmax((one + other - np.abs(one - other)) / 2)
        # The standard deviation of two numbers is half of their distance.
        disagreement = np.abs((one - one[best]) - (other - other[best])) / 2
        expected = 0.3 * disagreement.mean()
        np.testing.assert_allclose(ranking.temperature[robot], expected, rtol=1e-3)
    same = CANDIDATES.at[:, 1:].set(CANDIDATES[:, :1])
    equal = make_ranker(0.3).rank(same, None, weights).temperature
    np.testing.assert_array_equal(equal, 0.0)


@pytest.mark.parametrize("temperature", [-0.1, float("nan"), True])
def test_a_bad_temperature_is_refused(temperature):
    with pytest.raises(UserError, match=r"action_value:temperature must be a number in \[0, "):
        make_ranker(temperature=temperature)


def test_a_ranker_of_actions_needs_rewards_and_a_policy():
    with pytest.raises(UserError, match=r"'action_value'.*'reward'.*valid here: auto, arrival"):
        make_planner(make_model(), ranker="action_value", **CONTROLLER)
    with pytest.raises(UserError, match=r"'action_value'.*'inverse'.*valid with it: policy"):
        make_ranker(low_level_controller="inverse")


@pytest.mark.parametrize("missing", ["policy", "action_critic"])
def test_a_run_without_action_values_cannot_rank_by_them(weights, missing):
    with pytest.raises(UserError, match=r"'action_value'.*valid here: auto, value"):
        make_ranker().rank(CANDIDATES, None, weights._replace(**{missing: None}))
