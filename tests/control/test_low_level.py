"""Low-level controllers: from plan to action."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.control import low_level
from dfplan.control.low_level import LOW_LEVEL_CONTROLLERS, make_low_level_controller
from dfplan.types import UserError

STRIDE = 3
TOKENS = 4
STATES = np.arange(2 * (TOKENS + 1) * 4, dtype=np.float32).reshape(2, TOKENS + 1, 4)
ACTIONS = np.arange(2 * TOKENS * STRIDE * 2, dtype=np.float32).reshape(2, -1, 2)
STATE = np.full((2, 4), 7.0, np.float32)
GOAL = np.ones((2, 2), np.float32)
LIBRARIES = pytest.mark.parametrize("xp", [np, jnp], ids=["NumPy", "JAX"])


def make(name, tracker=None, xp=np, plan_dims=()):
    layout = SimpleNamespace(
        stride=STRIDE, action_dim=2, state_dim=4, goal_dims=(0, 1), plan_dims=plan_dims
    )
    planner = SimpleNamespace(
        config=SimpleNamespace(low_level_controller=name),
        model=SimpleNamespace(layout=layout),
    )
    return make_low_level_controller(planner, "weights", tracker, xp)  # pyright: ignore


def test_a_tracker_is_called_as_documented():
    calls = []

    def tracker(*args):
        calls.append(args)
        return np.array([[0.5, 1.0], [2.0, 3.0]])

    elapsed = np.array([0, 4])
    action = make("tracker", tracker)(STATES, None, elapsed, STATE, GOAL)
    assert action.dtype == np.float32 and action.tolist() == [[0.5, 1.0], [2.0, 3.0]]
    assert all(
        mine is theirs
        for mine, theirs in zip(calls[0], (STATES, STRIDE, elapsed, STATE, GOAL), strict=True)
    )


def test_a_tracker_of_dimensions_that_are_not_planned_is_refused():
    def track(states, stride, elapsed, state, goal):
        return states[:, 1, 1:3] - state[:, 1:3]

    make("tracker", track)
    make("tracker", track, plan_dims=(2, 1))
    with pytest.raises(UserError, match=r"\[0, 1\] .*valid here: inverse"):
        make("tracker", track, plan_dims=(0, 1))


def test_a_missing_tracker_and_one_of_another_task():
    with pytest.raises(UserError, match=r"'tracker' needs a tracker .*valid here: inverse"):
        make("tracker")
    controller = make("tracker", lambda *_: np.zeros(3))
    with pytest.raises(UserError, match=r"\(3,\); needed: \(2, 2\)"):
        controller(STATES, None, np.zeros(2, int), STATE, GOAL)


@LIBRARIES
def test_inverse_dynamics_aim_at_the_next_token(xp, monkeypatch):
    calls = []

    def inverse_action(model, weights, state, later, gap):
        calls.append((later, gap))
        assert weights == "weights" and state is STATE
        return later[:, :2]

    monkeypatch.setattr(low_level, "inverse_action", inverse_action)
    controller = make("inverse", xp=xp)
    #            elapsed: (next token, steps until there); the last token repeats past the end
    expected = {0: (1, 3), 1: (1, 2), 2: (1, 1), 3: (2, 3), 5: (2, 1), 6: (3, 3), 9: (4, 3)}
    expected |= {10: (4, 2), 11: (4, 1), 12: (4, 3), 13: (4, 2), 40: (4, 2)}
    for elapsed, (token, gap) in expected.items():
        # The other robot is at another point of its plan.
        action = controller(STATES, None, xp.asarray([elapsed, 0]), STATE, GOAL)
        later, gaps = calls.pop()
        np.testing.assert_array_equal(later, [STATES[0, token], STATES[1, 1]])
        assert gaps.tolist() == [gap, 3] and gaps.dtype == np.float32
        np.testing.assert_array_equal(action, later[:, :2])


@LIBRARIES
def test_diffused_actions_are_replayed_step_by_step(xp):
    controller = make("diffused", xp=xp)
    for elapsed in range(TOKENS * STRIDE + 3):
        step = min(elapsed, TOKENS * STRIDE - 1)
        action = controller(STATES, ACTIONS, xp.asarray([elapsed, 1]), STATE, None)
        np.testing.assert_array_equal(action, [ACTIONS[0, step], ACTIONS[1, 1]])


def test_packages_add_controllers(monkeypatch):
    def make_constant(planner, weights, tracker, xp, value: float = 0.0):
        return lambda states, actions, elapsed, state, goal: xp.full((len(state), 2), value)

    monkeypatch.setattr(LOW_LEVEL_CONTROLLERS, "_objects", {})
    with pytest.raises(UserError, match="'constant'; valid: tracker, inverse, diffused"):
        make("constant")
    LOW_LEVEL_CONTROLLERS.register("constant", make_constant)
    controller = make("constant:value=2")
    action = controller(STATES, None, np.zeros(2, int), STATE, GOAL)
    assert action.tolist() == [[2.0, 2.0], [2.0, 2.0]]
