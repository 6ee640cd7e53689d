"""The compiled program of chunks does what `continue_plans` does in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.control import low_level
from dfplan.control.chunk import ChunkStart, continue_plans
from dfplan.control.chunk_program import ChunkProgram
from dfplan.control.linear_dynamics import LinearDynamics
from dfplan.control.loop_state import NO_PLAN, LoopSpec
from dfplan.planner.plan import Weights
from dfplan.representation.layout import Layout
from dfplan.representation.normalizer import Normalizer
from dfplan.types import UserError
from tests.planner.fake import HORIZON, STRIDE, FakePlanner

LAYOUT = Layout(2, 2, goal_dims=(0, 1), action_low=(-1.0, -0.5), action_high=(1.0, 0.5))
WEIGHTS = Weights(
    None,
    states=Normalizer(np.array([0.3, -0.2], np.float32), np.array([2.0, 0.5], np.float32)),
    actions=Normalizer(np.zeros(2, np.float32), np.array([1.0, 0.7], np.float32)),
)
CAPACITY = 9


@pytest.fixture(autouse=True)
def rank_promotion_is_an_error():
    """As for users who set `jax_numpy_rank_promotion` to "raise"."""
    with jax.numpy_rank_promotion("raise"):
        yield


def dynamics():
    rng = np.random.default_rng(1)
    weights = 0.2 * rng.normal(size=(2, 5))
    return LinearDynamics(weights, np.eye(2), low=np.full(2, -9.0), high=np.full(2, 9.0))


def follow(states, stride, elapsed, state, goal, *, xp=np):
    """Steer to a token of the plan that depends on the clock, and away from the goal."""
    token = xp.minimum(elapsed // stride + 1, states.shape[1] - 1)
    target = xp.take_along_axis(states, token[:, None, None], axis=1)[:, 0]
    away = xp.where(xp.linalg.norm(state - goal, axis=1, keepdims=True) < 1, 0.3, 0.0)
    return xp.nan_to_num(target - state) + away


@pytest.fixture(autouse=True)
def inverse_dynamics(monkeypatch):
    monkeypatch.setattr(low_level, "inverse_action", inverse_action)


def inverse_action(model, weights, state, later, gap):
    return jnp.tanh(jnp.asarray(later) - state) / gap[:, None]


def make(controller, tracker=None, motion=None):
    """Return the constants of a loop, and a program."""
    planner = FakePlanner(LAYOUT, low_level_controller=controller)
    parts = {"tracker": tracker, "dynamics": motion}
    spec = LoopSpec.create(planner, WEIGHTS, LAYOUT, **parts)  # pyright: ignore
    return spec, ChunkProgram(planner, WEIGHTS, LAYOUT, capacity=CAPACITY, **parts)  # pyright: ignore


def start(elapsed=(3, NO_PLAN)):
    rng = np.random.default_rng(0)
    rows = len(elapsed)

    def draw(*shape):
        return rng.normal(0, 1, (rows, *shape)).astype(np.float32)

    return ChunkStart(
        states=draw(HORIZON + 1, 2).cumsum(axis=1),
        actions=draw(HORIZON * STRIDE, 2),
        elapsed=np.array(elapsed),
        goal=draw(2),
        state=draw(2),
        action=draw(2),
    )


@pytest.mark.parametrize("motion", [None, dynamics()], ids=["on the plan", "by dynamics"])
@pytest.mark.parametrize("controller", ["tracker", "inverse", "diffused"])
def test_a_program_makes_the_chunks_of_numpy_at_every_length(controller, motion):
    spec, program = make(controller, follow, motion)
    for length in (1, 2, 5, CAPACITY):
        actions, states = program(spec, start(), length)
        expected, expected_states = continue_plans(spec, start(), length)
        assert actions.shape == (2, length, 2) and actions.dtype == np.float32
        np.testing.assert_allclose(actions, expected, atol=1e-6)
        np.testing.assert_allclose(states, expected_states, atol=1e-6)
        assert np.abs(expected).max() > 0.1
    assert program._program._cache_size() == 1  # the length does not change the program


def test_a_longer_chunk_is_made_in_numpy():
    spec, program = make("tracker", follow)
    actions, states = program(spec, start(), CAPACITY + 3)
    assert actions.shape == states.shape == (2, CAPACITY + 3, 2)
    assert program._program._cache_size() == 0


def test_dimensions_that_are_not_planned_stay():
    spec, program = make("tracker", follow)
    first = start()
    first.states[..., 1] = np.nan
    actions, states = program(spec, first._replace(goal=first.state), 4)
    expected, expected_states = continue_plans(spec, first._replace(goal=first.state), 4)
    np.testing.assert_allclose(states, expected_states, atol=1e-6)
    np.testing.assert_allclose(actions, expected, atol=1e-6)
    assert np.isnan(states[:, 1:, 1]).all()


def test_decisions_are_made_in_double_precision():
    def track(states, stride, elapsed, state, goal, *, xp=np):
        is_double = xp.asarray(state, dtype=float).dtype == np.float64
        return xp.full((len(state), 2), 0.25 if is_double else -0.25)

    spec, program = make("tracker", track)
    actions, _ = program(spec, start(), 3)
    np.testing.assert_array_equal(actions[:, 1:], np.full((2, 2, 2), 0.25))


def test_numbers_that_are_not_finite_are_an_error():
    def track(states, stride, elapsed, state, goal, *, xp=np):
        return xp.where(elapsed[:, None] > 5, xp.inf, 0.0) * xp.ones((1, 2))

    spec, program = make("tracker", track)
    actions, _ = program(spec, start(), 3)
    assert np.isfinite(actions).all()
    with pytest.raises(UserError, match="'tracker' returned inf"):
        program(spec, start(), 6)
