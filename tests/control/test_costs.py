"""A trained planner and an obstacle that it was never trained on; and invalid costs."""

import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.agent import Agent
from dfplan.guidance.costs import discs, scaled, total
from dfplan.planner.interpolation import interpolate
from dfplan.types import UserError

START = [1.0, 1.0, 0.0, 0.0]
GOAL = [-1.0, 1.0]
RADIUS = 0.3


@pytest.fixture(scope="module")
def agent():
    return Agent.load(
        "pointmaze-umaze", planner={"sampling.matrix": "pyramid", "sampling.steps": 3}
    )


def planned(agent):
    """Return positions of the chosen plan and of all candidates, at every control step."""
    agent.plan_from(START, GOAL)
    stride = agent.planner.model.layout.stride
    plan = agent.plan
    return [
        np.asarray(interpolate(jnp.asarray(states), stride))[..., :2]
        for states in (plan.states[0], plan.candidates[0])
    ]


@pytest.mark.slow
def test_plans_avoid_an_obstacle_that_the_unguided_one_hits(agent):
    agent.extra_cost = None
    path, _ = planned(agent)
    middle = path[int(agent.plan.arrival[0]) // 2]
    center = middle + np.array([-0.2, 0.0])  # towards the inner wall: a path around it remains
    assert np.linalg.norm(path - center, axis=-1).min() < RADIUS - 0.05

    agent.extra_cost = scaled(discs((0, 1), center, RADIUS), 1000)
    path, candidates = planned(agent)
    assert agent.arrives()[0]
    assert np.linalg.norm(path - center, axis=-1).min() > RADIUS - 0.02
    depth = RADIUS - np.linalg.norm(candidates - center, axis=-1).min(axis=-1)
    assert (depth < 0.05).mean() >= 0.75


def test_the_extra_cost_is_added_to_candidates(agent):
    agent.extra_cost = None
    planned(agent)
    without_cost = agent.plan
    agent.extra_cost = lambda states, goal: jnp.full(len(states), 7.0)  # has no gradient
    planned(agent)
    arrived = without_cost.cost[0] < agent.planner.horizon
    expected = without_cost.cost[0][arrived] + 7
    np.testing.assert_allclose(agent.plan.cost[0][arrived], expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("extra_cost", "message"),
    [
        (lambda states, goal: states.sum(), r"2 plans at zero is 0\.0; needed: 2 finite numbers"),
        (lambda states, goal: jnp.log(states[:, 0, 0] - 1), "2 finite numbers"),
        (total(discs((0, 9), jnp.zeros(2), 1.0)), "2 finite numbers"),
    ],
)
def test_invalid_costs(agent, extra_cost, message):
    with pytest.raises(UserError, match=message):
        agent.extra_cost = extra_cost
