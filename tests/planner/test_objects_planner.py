"""Plans for one object at a time are plans to subgoals that differ from the present in it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.planner.config import PlannerConfig
from dfplan.planner.objects_planner import ObjectsPlanner
from dfplan.planner.protocol import check_planner
from dfplan.planner.warm_start import InitialPlan
from dfplan.types import UserError

from .tiny import BATCH, GOAL, HORIZON, STRIDE, make_history, make_keys, make_planner, make_weights

ONE = make_planner(**{"goal.tolerance": 0.1})
OBJECTS = ObjectsPlanner(ONE.model, ONE.config, HORIZON, size=1)
WEIGHTS = make_weights(ONE.model)
HISTORY = make_history(ONE.model)
PRESENT = np.asarray(HISTORY.frames)[:, -1, -1, :2]
KEYS = make_keys()


def subgoal(k, goal=GOAL):
    """Goals with object k at its goal, and the other one where it is."""
    return jnp.where(jnp.arange(2)[None] == k, goal, PRESENT)


def plans_by_hand(goal=GOAL):
    """The plan of each object, by the planner for one goal."""
    keys = [jax.random.split(key, 2) for key in KEYS]
    return [
        ONE.plan(WEIGHTS, jnp.stack([pair[k] for pair in keys]), HISTORY, subgoal(k, goal))
        for k in range(2)
    ]


def test_the_object_whose_plan_costs_least_is_moved():
    with jax.numpy_rank_promotion("raise"):
        plan = check_planner(OBJECTS).plan(WEIGHTS, KEYS, HISTORY, GOAL)
    by_hand = plans_by_hand()
    cost = np.stack([np.asarray(p.cost).min(axis=1) for p in by_hand])
    for robot, k in enumerate(cost.argmin(axis=0)):
        np.testing.assert_allclose(plan.states[robot], by_hand[k].states[robot], atol=1e-5)
        np.testing.assert_allclose(plan.arrival[robot], by_hand[k].arrival[robot], atol=1e-4)
    assert np.ptp(cost, axis=0).min() > 1e-3


@pytest.mark.parametrize("placed", [0, 1])
def test_an_object_in_its_place_stays_there(placed):
    goal = jnp.asarray(GOAL).at[:, placed].set(PRESENT[:, placed] + 0.05)
    plan = OBJECTS.plan(WEIGHTS, KEYS, HISTORY, goal)
    expected = plans_by_hand(goal)[1 - placed]
    np.testing.assert_allclose(plan.states, expected.states, atol=1e-5)


def test_a_warm_start_keeps_to_its_object_until_that_is_in_place():
    initial = np.zeros((BATCH, HORIZON * STRIDE, 4), np.float32)
    initial[:, -1, :2] = subgoal(1)
    warm = InitialPlan(jnp.asarray(initial), None)
    plan = OBJECTS.plan(WEIGHTS, KEYS, HISTORY, GOAL, warm)
    expected = ONE.plan(WEIGHTS, KEYS, HISTORY, subgoal(1), warm)
    np.testing.assert_allclose(plan.states, expected.states, atol=1e-5)
    np.testing.assert_array_equal(plan.arrival, expected.arrival)
    goal = jnp.asarray(GOAL).at[:, 1].set(PRESENT[:, 1])
    over = OBJECTS.plan(WEIGHTS, KEYS, HISTORY, goal, warm)
    assert (np.asarray(over.arrival) > HORIZON * STRIDE).all()


def test_goals_are_divided_into_objects():
    with pytest.raises(UserError, match=r"size 3.* 2 dimensions"):
        ObjectsPlanner(ONE.model, ONE.config, HORIZON)
    early = dataclasses.replace(
        ONE.config, timing=dataclasses.replace(PlannerConfig().timing, near_tokens=1)
    )
    with pytest.raises(UserError, match=r"near_tokens"):
        ObjectsPlanner(ONE.model, early, HORIZON, size=1)
