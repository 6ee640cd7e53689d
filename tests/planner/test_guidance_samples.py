"""Guidance averaged over several futures: what it changes, and what it must not depend on."""

import functools

import jax
import numpy as np
import pytest

from dfplan.planner.call import PlanCall

from .tiny import (
    BATCH,
    GOAL,
    changed,
    make_history,
    make_keys,
    make_model,
    make_planner,
    make_weights,
    row,
)

MODEL = make_model()
GUIDED = make_planner(MODEL, **{"goal.conditioning": "both", "guidance.scale": 0.02})
AVERAGED = changed(GUIDED, **{"guidance.samples": 3})


@functools.cache
def candidates(planner, seed=0):
    history = make_history(MODEL)
    plan = planner.plan(PlanCall(make_weights(MODEL), make_keys(seed), history, GOAL))
    return np.asarray(plan.candidates)


def test_several_futures_change_every_token():
    one = candidates(GUIDED)
    several = candidates(AVERAGED)
    assert np.isfinite(several).all()
    change = abs(one - several)[:, :, 1:].max(axis=-1)
    assert (change > 1e-5).all()


def test_at_scale_zero_they_change_nothing():
    one, several = (candidates(changed(p, **{"guidance.scale": 0.0})) for p in (GUIDED, AVERAGED))
    np.testing.assert_allclose(one, several, atol=1e-5)


def test_a_plan_does_not_depend_on_its_batch():
    keys = make_keys()
    history = make_history(MODEL)
    for b in range(BATCH):
        alone = AVERAGED.plan(
            PlanCall(make_weights(MODEL), keys[b : b + 1], row(history, b), GOAL[b : b + 1])
        )
        np.testing.assert_allclose(
            alone.candidates[0], candidates(AVERAGED)[b], atol=1e-4, rtol=1e-4
        )


def test_plans_depend_on_the_key_alone():
    np.testing.assert_array_equal(candidates(AVERAGED), candidates.__wrapped__(AVERAGED))
    assert abs(candidates(AVERAGED) - candidates(AVERAGED, seed=1))[:, :, 1:].max() > 1e-2


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(
            {"sampling.matrix": "pyramid", "sampling.solver": "multistep"}, marks=pytest.mark.slow
        ),
        {"sampling.matrix": "full_sequence", "sampling.solver": "ddim"},
    ],
    ids=["pyramid", "full_sequence"],
)
def test_they_work_with_every_matrix(settings):
    one, several = (candidates(changed(p, **settings)) for p in (GUIDED, AVERAGED))
    assert np.isfinite(several).all()
    assert abs(one - several).max() > 1e-5


def test_without_a_goal_there_is_nothing_to_average():
    call = PlanCall(make_weights(MODEL), make_keys(), make_history(MODEL), None)
    jax.tree.map(np.testing.assert_array_equal, GUIDED.plan(call), AVERAGED.plan(call))
