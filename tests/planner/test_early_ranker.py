"""When a ranker may end the sampling before all tokens are complete."""

import jax.numpy as jnp
import pytest

from tests.planner.tiny import make_model, make_planner

GOAL = jnp.zeros((1, 2))


def no_cost(states):
    return jnp.zeros(states.shape[:-2])


def test_the_ranker_by_arrival_ends_the_sampling_of_plans_to_a_goal():
    planner = make_planner()
    assert planner.early_ranker(GOAL, None) is planner.ranker


@pytest.mark.parametrize(
    ("planner", "goal", "extra_cost"),
    [
        (make_planner(), None, None),
        (make_planner(), GOAL, no_cost),
        (make_planner(**{"goal.conditioning": "guidance"}), GOAL, None),
        (make_planner(make_model(actions=True)), GOAL, None),
    ],
    ids=["no goal", "cost", "guided", "actions"],
)
def test_all_tokens_are_needed(planner, goal, extra_cost):
    assert planner.early_ranker(goal, extra_cost) is None
