"""Committed prefixes: plans begin with them exactly, wherever in a token the delay ends."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.planner.call import PlanCall
from dfplan.planner.prefix import Prefix, committed_steps, keep_known
from dfplan.types import UserError
from tests.planner.tiny import (
    ACTIONS,
    BATCH,
    GOAL,
    HORIZON,
    STATES,
    STRIDE,
    changed,
    make_history,
    make_keys,
    make_model,
    make_planner,
    make_weights,
    row,
)

CASES = {
    "actions": {"actions": True},
    "stacked": {"actions": True, "frames": "stack"},
    "states": {},
    "planned dims": {"plan_dims": (0, 1, 3)},
}


def make_prefix(layout, delay, seed=5):
    rng = np.random.default_rng(seed)
    steps = committed_steps(layout, delay)
    states = STATES.decode(rng.normal(size=(BATCH, steps, 4)).astype(np.float32))
    actions = ACTIONS.decode(rng.normal(size=(BATCH, steps, 2)).astype(np.float32))
    return Prefix(np.asarray(states), np.asarray(actions) if layout.actions else None)


def plan(planner, prefix, goal=GOAL, **options):
    model = planner.model
    history = make_history(model)
    return planner.plan(
        PlanCall(make_weights(model), make_keys(), history, goal, prefix=prefix, **options)
    )


@pytest.mark.parametrize("delay", [1, STRIDE, 2 * STRIDE + 1])
@pytest.mark.parametrize("name", CASES)
def test_every_candidate_begins_with_the_prefix(name, delay):
    model = make_model(**CASES[name])
    layout = model.layout
    planner = make_planner(model)
    prefix = make_prefix(layout, delay)
    result = plan(planner, prefix)
    whole = prefix.steps // STRIDE
    planned = list(layout.planned_dims)
    states = np.asarray(result.states)[..., planned]
    candidates = np.asarray(result.candidates)[..., planned]
    at_tokens = prefix.states[:, STRIDE - 1 :: STRIDE][:, :whole, planned]
    np.testing.assert_array_equal(states[:, 1 : whole + 1], at_tokens)
    np.testing.assert_array_equal(
        candidates[:, :, 1 : whole + 1],
        np.broadcast_to(at_tokens[:, None], candidates[:, :, 1 : whole + 1].shape),
    )
    assert states.shape[1] == HORIZON + 1 and np.isfinite(states).all()
    if layout.actions:
        assert result.actions.shape == (BATCH, HORIZON * STRIDE, 2)
        np.testing.assert_array_equal(result.actions[:, :delay], prefix.actions)
    else:
        assert prefix.steps == -(-delay // STRIDE) * STRIDE  # tokens of states are not divided


def test_what_is_committed_shapes_the_rest():
    model = make_model(actions=True)
    planner = make_planner(model)
    one = make_prefix(model.layout, 3, seed=5)
    other = one._replace(actions=one.actions + np.float32([0, 0.5]))
    plans = [plan(planner, prefix) for prefix in (None, one, other)]
    rest = [np.asarray(p.actions)[:, 4:] for p in plans]
    assert abs(rest[0] - rest[1]).max() > 1e-3 and abs(rest[1] - rest[2]).max() > 1e-3


def test_a_partly_committed_token_leads_the_noise_to_what_is_known():
    model = make_model(actions=True)
    prefix = make_prefix(model.layout, STRIDE + 1)
    token, mask = prefix.encode_rest(model.layout, make_weights(model))
    assert mask.tolist() == [False] * 4 + [True] * 2 + [False] * 2  # state, two steps' actions
    np.testing.assert_allclose(token[:, 4:6], ACTIONS.encode(prefix.actions[:, STRIDE]), atol=1e-6)
    x0 = np.zeros((BATCH, 2, 8), np.float32)
    denoise = keep_known(lambda carry, x, level, start: (jnp.asarray(x), carry), token, mask)
    first, _ = denoise(None, x0, None, 0)
    np.testing.assert_array_equal(first[:, 0], np.where(mask, token, 0))
    assert not np.asarray(first)[:, 1].any()
    later, _ = denoise(None, x0, None, 1)  # a window that leaves out the first token
    assert not np.asarray(later).any()


def test_a_clean_prefix_is_what_its_tokens_would_be_as_history():
    """Planning after committed tokens equals planning from the last of them as the present."""
    model = make_model(actions=True)
    settings = {"history.tokens": 2, "candidates": 1, "sampling.temperature": 0.0}
    planner = make_planner(model, **settings)
    prefix = make_prefix(model.layout, STRIDE)
    history = make_history(model)
    recent = jax.tree.map(lambda a: a[:, -2:], history)
    recent = recent._replace(level=np.zeros((BATCH, 2), np.float32))
    weights = make_weights(model)
    longer = recent._replace(
        frames=np.concatenate([recent.frames, prefix.states[:, -1:, None]], 1),
        actions=np.concatenate([recent.actions, prefix.actions[:, None]], 1),
        level=np.zeros((BATCH, 3), np.float32),
    )
    shorter = dataclasses.replace(changed(planner, **{"history.tokens": 3}), horizon=HORIZON - 1)
    result = planner.plan(PlanCall(weights, make_keys(), recent, None, prefix=prefix))
    expected = shorter.plan(PlanCall(weights, make_keys(), longer, None))
    np.testing.assert_allclose(result.states[:, 2:], expected.states[:, 1:], atol=1e-4)
    np.testing.assert_allclose(result.actions[:, STRIDE:], expected.actions, atol=1e-4)


@pytest.mark.parametrize(
    "settings",
    [
        {"sampling.matrix": "full_sequence"},
        {"sampling.matrix": "pyramid", "sampling.solver": "multistep"},
        {"goal.conditioning": "both"},
        {"history.guidance_weights": (0.5,), "history.guidance_levels": (1.0,)},
    ],
)
def test_with_other_samplers(settings):
    model = make_model(actions=True)
    prefix = make_prefix(model.layout, 3)
    result = plan(make_planner(model, **settings), prefix)
    np.testing.assert_array_equal(result.actions[:, :3], prefix.actions)
    assert np.isfinite(result.states).all() and np.isfinite(result.actions).all()


def test_a_robots_plan_does_not_depend_on_its_batch():
    model = make_model(actions=True)
    planner = make_planner(model)
    prefix = make_prefix(model.layout, 3)
    both = plan(planner, prefix)
    one = planner.plan(
        PlanCall(
            make_weights(model),
            make_keys()[1:],
            row(make_history(model), 1),
            GOAL[1:],
            prefix=row(prefix, 1),
        )
    )
    np.testing.assert_allclose(both.actions[1:], one.actions, atol=1e-4)


def test_a_delay_of_the_whole_plan_is_refused():
    longest = (HORIZON - 1) * STRIDE
    assert make_planner(**{"timing.inference_delay": longest})
    with pytest.raises(UserError, match=rf"inference_delay {longest + 1} .* 0 to {longest}$"):
        make_planner(**{"timing.inference_delay": longest + 1})
