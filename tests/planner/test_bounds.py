"""Networks see bounded numbers, and plans of tiny numbers arrive no earlier than others."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.planner.context import ContextEncoder
from dfplan.planner.inverse import inverse_action
from dfplan.planner.measures import arrival
from dfplan.planner.plan import History
from dfplan.representation.normalizer import MAX_INPUT

from .tiny import (
    ACTIONS,
    GOAL,
    STATES,
    make_history,
    make_keys,
    make_model,
    make_planner,
    make_weights,
)

MODEL = make_model(actions=True)
PLANNER = make_planner(MODEL)


def shown(history: History, goal) -> tuple[np.ndarray, np.ndarray]:
    """Return what the network is shown of goal and history: tokens and their noise levels."""
    calls = []

    def extend(cache, tokens, level, start):
        calls.append((np.asarray(tokens), np.asarray(level)))
        return tokens, cache

    net = SimpleNamespace(init_cache=lambda batch, length: None, extend=extend)
    weights = make_weights(MODEL)
    encoder = ContextEncoder(MODEL, PLANNER.config, 5, net=net, weights=weights)  # pyright: ignore
    encoder.encode(make_keys(), history, goal, count=1)
    return calls[0]


@pytest.mark.parametrize("far", [1e5, -1e5, 1e30, 3e38])
def test_what_is_far_outside_the_data_is_bounded(far):
    history = make_history(MODEL)
    moved = history._replace(
        frames=history.frames.at[0, 2, 0, 3].set(far), actions=history.actions.at[0, 2].set(far)
    )
    tokens, _ = shown(moved, GOAL.at[0, 1].set(far))
    expected, _ = shown(history, GOAL)
    differs = tokens != expected
    assert np.isfinite(tokens).all() and np.abs(tokens).max() == MAX_INPUT
    assert differs[0, [0, 3]].any(axis=-1).all() and not differs[1].any()


def test_readings_that_are_declared_noisy_are_scaled_before_the_bound():
    """A reading of 30 deviations at a level of much noise is what the network was trained on."""
    history = make_history(MODEL)
    level = 0.95
    alpha, sigma = MODEL.schedule.alpha_sigma(jnp.asarray(level))
    reading = STATES.decode(jnp.full(4, 2 * sigma / alpha))
    noisy = history._replace(
        frames=history.frames.at[0, 1, 0].set(reading), level=history.level.at[0, 1].set(level)
    )
    assert 2 * sigma / alpha > MAX_INPUT
    tokens, _ = shown(noisy, GOAL)
    np.testing.assert_allclose(tokens[0, 2, :4], 2 * sigma, rtol=1e-4)


def test_inverse_dynamics_do_not_grow_with_their_inputs():
    weights = make_weights(MODEL)
    state = STATES.decode(jnp.array([[0.1, -0.2, 0.3, 0.0]]))
    gap = jnp.ones(1)
    with jax.disable_jit():
        far = inverse_action(MODEL, weights, state.at[0, 3].set(1e20), state, gap)
        edge = inverse_action(MODEL, weights, state.at[0, 3].set(3.0 * MAX_INPUT), state, gap)
    np.testing.assert_allclose(far, edge, rtol=1e-5)
    assert np.abs(np.asarray(ACTIONS.encode(far))).max() < 10 * MAX_INPUT


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e4])
def test_arrival_has_no_scale(scale):
    """The same plan in other units arrives at the same fraction of a token."""
    position = jnp.array([[3.0], [2.0], [1.2], [0.4]], jnp.float32) * scale
    goal = jnp.zeros(1)
    assert float(arrival(position, goal, 0.8 * scale)) == pytest.approx(2.5, rel=1e-5)


@pytest.mark.parametrize("scale", [1.0, 1e-6])
def test_the_nearer_of_two_failures_is_preferred_on_any_scale(scale):
    near = jnp.array([[3.0], [2.0]], jnp.float32) * scale
    far = jnp.array([[3.0], [2.5]], jnp.float32) * scale
    costs = [float(arrival(position, jnp.zeros(1), 0.1 * scale)) for position in (near, far)]
    assert costs[1] - costs[0] > 1e-3 and min(costs) > 2


def test_the_fraction_of_a_failure_in_meters_is_unchanged():
    position = jnp.array([[3.0], [2.0]])
    for tolerance in (0.1, 0.5, 1.0):
        assert float(arrival(position, jnp.zeros(1), tolerance)) == np.float32(
            3 - np.float32(1 / 3)
        )
