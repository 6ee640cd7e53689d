"""The planner plans the first move of the search, and shows the network its objects alone."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.planner.call import PlanCall
from dfplan.planner.plan import History
from dfplan.planner.protocol import check_planner
from dfplan.planner.subgoals.observed_moves import ObservedMoves
from dfplan.planner.subgoals.planner import SubgoalPlanner
from dfplan.planner.warm_start import InitialPlan
from dfplan.types import UserError
from tests.planner.tiny import HISTORY, HORIZON, STRIDE, make_keys, make_planner, make_weights

ONE = make_planner(**{"goal.tolerance": 0.2})
PLANNER = SubgoalPlanner(ONE.model, ONE.config, HORIZON)
ALONE = make_weights(ONE.model)
HIDDEN = np.asarray(ALONE.states.mean)
KEYS = make_keys(batch=1)
PRESENT = np.array([-1.0, 1.0, 0.5, 0.0], np.float32)
GOAL = np.array([[-1.0, 2.0]], np.float32)
NEVER = (HORIZON + 2) * STRIDE


def make_moves() -> ObservedMoves:
    """Two switches, of which the second one moves only while the first is at 1."""
    states = [[-1, 1], [1, 1], [1, 2], [-1, 2], [1, 2], [1, 1], [-1, 1]]
    moves = list(itertools.pairwise(states)) * 5
    before, after = np.array(moves, np.float32).transpose(1, 0, 2)
    return ObservedMoves(
        during=np.repeat(before[:, None], 2, axis=1),
        after=after,
        changes=before != after,
        scale=np.ones(2, np.float32),
        groups=(((0,),), ((1,),)),
        goal_dims=(0, 1),
    )


WEIGHTS = ALONE._replace(moves=make_moves())


def history(*states) -> History:
    """Observed states, the last ones; earlier ones repeat the first."""
    rows = np.array([states[0]] * (HISTORY - len(states)) + list(states), np.float32)
    return History(
        frames=jnp.asarray(rows[None, :, None]),
        actions=jnp.zeros((1, HISTORY, STRIDE, 2), jnp.float32),
        level=jnp.zeros((1, HISTORY), jnp.float32),
    )


def shown(change, states) -> np.ndarray:
    """States without the switch that does not change."""
    states = np.array(states)
    states[..., 1 - change] = HIDDEN[1 - change]
    return states


def expected(change, value, present=PRESENT):
    frames = shown(change, np.asarray(history(present).frames))
    goal = HIDDEN[None, :2].copy()
    goal[0, change] = value
    plan = ONE.plan(
        PlanCall(ALONE, KEYS, history(present)._replace(frames=jnp.asarray(frames)), goal)
    )
    states = np.array(plan.states)
    states[..., 1 - change] = present[1 - change]
    return states


def test_the_first_move_is_planned_without_the_other_objects():
    plan = check_planner(PLANNER).plan(PlanCall(WEIGHTS, KEYS, history(PRESENT), GOAL))
    np.testing.assert_allclose(plan.states, expected(0, 1.0), atol=1e-5)
    unlocked = np.array([1.0, 1.0, 0.5, 0.0], np.float32)
    plan = PLANNER.plan(PlanCall(WEIGHTS, KEYS, history(unlocked), GOAL))
    np.testing.assert_allclose(plan.states, expected(1, 2.0, unlocked), atol=1e-5)
    assert plan.candidates.shape[1:] == (ONE.config.candidates, HORIZON + 1, 4)
    np.testing.assert_array_equal(plan.history[0], np.asarray(history(unlocked).frames)[0, :, 0])


def test_a_switch_that_has_just_been_pressed_is_not_moved_again():
    unlocked = np.array([1.0, 1.0, 0.5, 0.0], np.float32)
    plan = PLANNER.plan(PlanCall(WEIGHTS, KEYS, history(PRESENT, unlocked), GOAL))
    states = np.asarray(plan.states)
    # The switch keeps its value throughout the plan, which moves the other object.
    assert (states[..., 0] == 1.0).all()
    assert (states[:, 1:, 1] != 1.0).all()


def test_double_precision_states_are_planned_alike():
    single = history(PRESENT)
    double = single._replace(frames=np.asarray(single.frames, np.float64))
    plan = PLANNER.plan(PlanCall(WEIGHTS, KEYS, double, GOAL.astype(np.float64)))
    expected = PLANNER.plan(PlanCall(WEIGHTS, KEYS, single, GOAL))
    np.testing.assert_array_equal(plan.states, expected.states)


def test_without_a_search_the_first_object_goes_straight_to_its_goal():
    straight = dataclasses.replace(PLANNER, search=False)
    plan = straight.plan(PlanCall(WEIGHTS, KEYS, history(PRESENT), GOAL))
    np.testing.assert_allclose(plan.states, expected(1, 2.0), atol=1e-5)


def test_an_initial_plan_to_another_subgoal_never_arrives():
    initial = np.tile(PRESENT, (1, HORIZON * STRIDE, 1))
    initial[:, -1, 0] = 1.0
    same = PLANNER.plan(PlanCall(WEIGHTS, KEYS, history(PRESENT), GOAL, InitialPlan(initial, None)))
    unlocked = np.array([1.0, 1.0, 0.5, 0.0], np.float32)
    other = PLANNER.plan(
        PlanCall(WEIGHTS, KEYS, history(unlocked), GOAL, InitialPlan(initial, None))
    )
    assert float(np.asarray(same.arrival)[0]) < NEVER
    assert float(np.asarray(other.arrival)[0]) == NEVER


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"history.tokens": 1}, "history.tokens"),
        ({"timing.near_tokens": 1}, "near_tokens"),
        ({"timing.inference_delay": 1}, "inference_delay"),
    ],
)
def test_settings_are_checked(settings, names):
    planner = make_planner(**settings)
    with pytest.raises(UserError, match=names):
        SubgoalPlanner(planner.model, planner.config, HORIZON)


def test_weights_need_moves():
    with pytest.raises(UserError, match=r"single_moves"):
        PLANNER.plan(PlanCall(ALONE, KEYS, history(PRESENT), GOAL))


def test_a_compiled_program_cannot_hold_the_search():
    with pytest.raises(UserError, match=r"'subgoals'.*valid there: diffusion"):
        jax.jit(lambda past: PLANNER.plan(PlanCall(WEIGHTS, KEYS, past, GOAL)))(history(PRESENT))
