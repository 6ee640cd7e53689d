"""A planner of some dimensions plans as one whose state has no others."""

import jax
import numpy as np

from dfplan.model import Model
from dfplan.planner.call import PlanCall
from dfplan.planner.inverse import inverse_action
from dfplan.planner.plan import Weights
from dfplan.planner.warm_start import InitialPlan
from dfplan.representation.config import DataConfig
from dfplan.representation.layout import Layout
from dfplan.representation.tokens import TokenLayout

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

DIMS = (0, 1)


def test_plans_equal_those_of_a_state_without_the_other_dimensions():
    model = make_model(plan_dims=DIMS)
    tokens = TokenLayout.create(Layout(2, 2, goal_dims=DIMS), DataConfig(STRIDE, tokens=8))
    small_model = Model(tokens, model.net, model.diffusion)
    weights = make_weights(model)
    small_weights = Weights(weights.params, STATES.take(DIMS), ACTIONS)
    history = make_history(model)
    rng = np.random.default_rng(0)
    initial = rng.normal(size=(BATCH, HORIZON * STRIDE, 4)).astype(np.float32)
    initial[..., 2:] = np.nan  # as in the plan that it continues

    def plan(model, weights, history, initial):
        planner = make_planner(model, **{"warm_start.level": 0.8})
        return planner.plan(
            PlanCall(weights, make_keys(), history, GOAL, InitialPlan(initial, None))
        )

    with jax.numpy_rank_promotion("raise"):
        result = plan(model, weights, history, initial)
    expected = plan(
        small_model,
        small_weights,
        history._replace(frames=history.frames[..., :2]),
        initial[..., :2],
    )
    for name in ("states", "candidates", "history"):
        planned = getattr(result, name)[..., :2]
        np.testing.assert_allclose(planned, getattr(expected, name), atol=1e-5)
    np.testing.assert_allclose(result.cost, expected.cost, atol=1e-4)
    assert np.isnan(result.states[:, 1:, 2:]).all()
    np.testing.assert_array_equal(result.states[:, 0, 2:], history.frames[:, -1, 0, 2:])


def test_the_inverse_dynamics_see_the_whole_present_and_the_planned_part_of_the_next_state():
    model = make_model(plan_dims=DIMS)
    weights = make_weights(model)
    state = np.zeros((1, 4), np.float32)
    later = np.array([[1.0, 0.5, np.nan, np.nan]], np.float32)
    gap = np.ones(1, np.float32)
    action = inverse_action(model, weights, state, later, gap)
    assert np.isfinite(action).all()
    for changed in (state + [0, 0, 0, 1], state + [0, 0, 1, 0]):
        other = inverse_action(model, weights, changed.astype(np.float32), later, gap)
        assert np.abs(other - action).max() > 1e-3
    other = inverse_action(model, weights, state, later + [[1, 0, 0, 0]], gap)
    assert np.abs(other - action).max() > 1e-3
