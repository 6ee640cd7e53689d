"""Plans in two stages: the first tokens, then the rest; together they are one whole plan."""

import jax
import numpy as np
import pytest

from dfplan.planner.call import PlanCall
from dfplan.planner.prefix import Prefix
from tests.planner.test_warm_start import make_initial_plan
from tests.planner.tiny import (
    BATCH,
    GOAL,
    STRIDE,
    make_history,
    make_keys,
    make_model,
    make_planner,
    make_weights,
)

CASES = {
    "autoregressive": ({}, False),
    "pyramid": ({"sampling.matrix": "pyramid"}, True),
    "horizon-aware": (
        {"sampling.matrix": "horizon_aware", "sampling.solver": "multistep", "candidates": 1},
        True,
    ),
    "guided": ({"goal.conditioning": "both", "sampling.matrix": "pyramid"}, True),
}


def make_call(model, **options):
    return PlanCall(make_weights(model), make_keys(), make_history(model), GOAL, **options)


def assert_one_plan(planner, call):
    """Check that both stages equal one whole plan, bit for bit; return the beginning and it."""
    beginning, draft = planner.begin(call)
    finished = planner.finish(call, draft)
    whole = planner.plan(call)
    assert jax.tree.structure(finished) == jax.tree.structure(whole)
    jax.tree.map(np.testing.assert_array_equal, finished, whole)
    return beginning, whole


@pytest.mark.parametrize("name", CASES)
def test_both_stages_equal_one_plan(name):
    settings, actions = CASES[name]
    planner = make_planner(make_model(actions=actions), **{"timing.near_tokens": 2, **settings})
    beginning, whole = assert_one_plan(planner, make_call(planner.model))
    rest = np.asarray(beginning.states)[:, 3:]  # horizon-aware, the third is clean by then, too
    np.testing.assert_array_equal(rest, np.repeat(rest[:, :1], rest.shape[1], 1))
    assert beginning.states.shape == whole.states.shape and np.isfinite(rest).all()
    near = np.asarray(beginning.states)[:, 1:3]
    from_candidates = np.asarray(whole.candidates)[:, :, 1:3]
    matches = (near[:, None] == from_candidates).all(axis=(2, 3))
    assert matches.any(axis=1).all()  # the first tokens are those of a candidate, and final
    if actions:
        assert (np.diff(np.asarray(beginning.actions)[:, 3 * STRIDE - 1 :], axis=1) == 0).all()


def test_from_a_warm_start_and_after_a_prefix():
    model = make_model(actions=True)
    settings = {"warm_start.level": 0.6, "timing.near_tokens": 1}
    planner = make_planner(model, **settings)
    initial_plan = make_initial_plan(actions=True)
    prefix = Prefix(initial_plan.states[:, :3], initial_plan.actions[:, :3])
    call = make_call(model, initial_plan=initial_plan, prefix=prefix)
    beginning, _ = assert_one_plan(planner, call)
    np.testing.assert_array_equal(beginning.actions[:, :3], prefix.actions)
    assert len(beginning.actions) == BATCH


def test_more_near_tokens_than_there_are():
    planner = make_planner(make_model(), **{"timing.near_tokens": 99})
    beginning, whole = assert_one_plan(planner, make_call(planner.model))
    jax.tree.map(np.testing.assert_array_equal, beginning, whole)
