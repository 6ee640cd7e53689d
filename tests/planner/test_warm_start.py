"""Plans from initial plans, against plans from scratch and the initial plans themselves."""

import jax.numpy as jnp
import numpy as np

from dfplan.planner.call import PlanCall
from dfplan.planner.warm_start import InitialPlan

from .tiny import (
    ACTIONS,
    BATCH,
    GOAL,
    HORIZON,
    STATES,
    STRIDE,
    make_history,
    make_keys,
    make_model,
    make_planner,
    make_weights,
)

MODEL = make_model()
DIFFUSED = make_model(frames="stack", actions=True)


def make_initial_plan(actions: bool = False, seed: int = 1) -> InitialPlan:
    rng = np.random.default_rng(seed)

    def draw(norm):
        shape = (BATCH, HORIZON * STRIDE, len(norm.mean))
        return np.array(norm.decode(rng.normal(size=shape).astype(np.float32)))

    return InitialPlan(draw(STATES), draw(ACTIONS) if actions else None)


def plan(planner, initial_plan, goal=None):
    model = planner.model
    return planner.plan(
        PlanCall(make_weights(model), make_keys(), make_history(model), goal, initial_plan)
    )


def test_an_initial_plan_at_pure_noise_equals_planning_from_scratch():
    settings = {
        "candidates": 1,
        "warm_start.level": 1 - 1e-6,
        "warm_start.steps": 4,
        "warm_start.tokens": 1,
    }
    planner = make_planner(MODEL, **settings)
    warm = plan(planner, make_initial_plan())
    scratch = plan(planner, None)
    np.testing.assert_allclose(warm.states, scratch.states, atol=1e-3)
    assert abs(np.asarray(warm.states)[:, 1:] - make_initial_plan().states[:, 1::2]).max() > 0.5


def test_an_initial_plan_at_a_low_level_hardly_changes():
    planner = make_planner(DIFFUSED, candidates=2, **{"warm_start.level": 1e-4})
    initial_plan = make_initial_plan(actions=True)
    result = plan(planner, initial_plan)
    assert result.candidates.shape == (BATCH, 2, HORIZON + 1, 4)
    at = initial_plan.states[:, STRIDE - 1 :: STRIDE]
    np.testing.assert_allclose(result.candidates[:, 1, 1:], at, atol=1e-5)  # the initial plan
    np.testing.assert_allclose(result.candidates[:, 0, 1:], at, atol=0.05)
    assert abs(result.candidates[:, 0] - result.candidates[:, 1]).max() > 1e-5
    np.testing.assert_allclose(result.actions, initial_plan.actions, atol=0.05)


def test_a_good_initial_plan_is_chosen():
    initial_plan = make_initial_plan()
    initial_plan.states[:, 2 * STRIDE - 1, :2] = GOAL  # at the second token
    planner = make_planner(MODEL, candidates=3, **{"warm_start.level": 0.9, "goal.tolerance": 0.01})
    result = plan(planner, initial_plan, GOAL)
    assert result.best.tolist() == [2, 2] and (result.arrival <= 2 * STRIDE).all()
    np.testing.assert_allclose(
        result.states[:, 1, :2], initial_plan.states[:, STRIDE - 1, :2], atol=1e-5
    )
    # No later token could make another candidate better, so the others end there as well.
    ended = jnp.diff(result.candidates[:, :2, 3:, 2:], axis=2)
    np.testing.assert_array_equal(ended, jnp.zeros_like(ended))


def test_groups_of_tokens_share_a_level():
    matrix = make_planner(
        MODEL, **{"warm_start.steps": 2, "warm_start.tokens": 2}
    ).config.warm_start.make_matrix(3)
    np.testing.assert_array_equal(matrix, [[2, 2, 2], [1, 1, 2], [0, 0, 2], [0, 0, 1], [0, 0, 0]])
