"""Guidance by several futures: what it changes, and what it must not depend on."""

import functools

import jax
import numpy as np
import pytest

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
GUIDED = make_planner(MODEL, **{"goal.conditioning": "both", "guidance.scale": 0.05})
AVERAGED = changed(GUIDED, **{"guidance.samples": 3})


@functools.cache
def candidates(planner, seed=0):
    history = make_history(MODEL)
    plan = planner.plan(make_weights(MODEL), make_keys(seed), history, GOAL)
    return np.asarray(plan.candidates)


def test_more_futures_change_the_guidance_of_every_token():
    one, several = candidates(GUIDED), candidates(AVERAGED)
    assert np.isfinite(several).all()
    change = abs(one - several)[:, :, 1:].max(axis=-1)
    assert (change > 1e-5).all()


def test_without_strength_they_change_nothing():
    one, several = (candidates(changed(p, **{"guidance.scale": 0.0})) for p in (GUIDED, AVERAGED))
    np.testing.assert_allclose(one, several, atol=1e-5)


def test_a_plan_does_not_depend_on_its_batch():
    keys, history = make_keys(), make_history(MODEL)
    for b in range(BATCH):
        alone = AVERAGED.plan(
            make_weights(MODEL), keys[b : b + 1], row(history, b), GOAL[b : b + 1]
        )
        np.testing.assert_allclose(
            alone.candidates[0], candidates(AVERAGED)[b], atol=1e-4, rtol=1e-4
        )


def test_the_key_decides():
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
def test_every_matrix_takes_them(settings):
    one, several = (candidates(changed(p, **settings)) for p in (GUIDED, AVERAGED))
    assert np.isfinite(several).all()
    assert abs(one - several).max() > 1e-5


def test_without_a_goal_there_is_nothing_to_average():
    history, keys = make_history(MODEL), make_keys()
    plans = [p.plan(make_weights(MODEL), keys, history, None) for p in (GUIDED, AVERAGED)]
    for one, several in zip(*map(jax.tree.leaves, plans), strict=True):
        np.testing.assert_array_equal(one, several)
