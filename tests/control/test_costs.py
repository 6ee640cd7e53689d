"""A trained planner and an obstacle that it was never trained on; and prices that cannot be."""

import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.agent import Agent
from dfplan.guidance.costs import discs, scaled, total
from dfplan.planner.select import between
from dfplan.types import UserError

START, GOAL, RADIUS = [1.0, 1.0, 0.0, 0.0], [-1.0, 1.0], 0.3


@pytest.fixture(scope="module")
def agent():
    return Agent.load(
        "pointmaze-umaze", planner={"sampling.matrix": "pyramid", "sampling.steps": 3}
    )


def planned(agent):
    """Positions of the chosen plan, and of all candidates, at every control step."""
    agent.plan_from(START, GOAL)
    stride = agent.planner.model.layout.stride
    states, candidates = agent.plan.states, agent.plan.candidates[0]
    return (np.asarray(between(jnp.asarray(a), stride))[..., :2] for a in (states[0], candidates))


@pytest.mark.slow
def test_plans_avoid_an_obstacle_that_the_unguided_one_hits(agent):
    agent.extra_cost = None
    way, _ = planned(agent)
    middle = way[int(agent.plan.arrival[0]) // 2]
    center = middle + np.array([-0.2, 0.0])  # towards the inner wall: a way around remains
    assert np.linalg.norm(way - center, axis=-1).min() < RADIUS - 0.05

    agent.extra_cost = scaled(discs((0, 1), center, RADIUS), 1000)
    way, candidates = planned(agent)
    assert agent.arrives()[0]
    assert np.linalg.norm(way - center, axis=-1).min() > RADIUS - 0.02
    depth = RADIUS - np.linalg.norm(candidates - center, axis=-1).min(axis=-1)
    assert (depth < 0.05).mean() >= 0.75


def test_candidates_pay_the_price(agent):
    agent.extra_cost = None
    planned(agent)
    free = agent.plan
    agent.extra_cost = lambda states, goal: jnp.full(len(states), 7.0)  # pulls nowhere
    planned(agent)
    arrived = free.cost[0] < agent.planner.horizon
    np.testing.assert_allclose(agent.plan.cost[0][arrived], free.cost[0][arrived] + 7, rtol=1e-4)


@pytest.mark.parametrize(
    ("extra_cost", "says"),
    [
        (lambda states, goal: states.sum(), r"the price of 2 plans at zero is 0\.0"),
        (lambda states, goal: jnp.log(states[:, 0, 0] - 1), "2 finite numbers"),
        (total(discs((0, 9), jnp.zeros(2), 1.0)), "2 finite numbers"),
    ],
)
def test_what_is_no_price(agent, extra_cost, says):
    with pytest.raises(UserError, match=says):
        agent.extra_cost = extra_cost
