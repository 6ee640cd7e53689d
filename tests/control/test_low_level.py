"""From plan to action."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.control.low_level import make_low_level_controller
from dfplan.types import UserError

STRIDE, TOKENS = 3, 4
STATES = np.arange(2 * (TOKENS + 1) * 4, dtype=np.float32).reshape(2, TOKENS + 1, 4)
ACTIONS = np.arange(2 * TOKENS * STRIDE * 2, dtype=np.float32).reshape(2, -1, 2)
STATE, GOAL = np.full((2, 4), 7.0, np.float32), np.ones((2, 2), np.float32)


LIBRARIES = pytest.mark.parametrize("xp", [np, jnp], ids=["NumPy", "JAX"])


def follower(action, tracker=None, inverse_action=None, xp=np):
    layout = SimpleNamespace(stride=STRIDE, action_dim=2)
    planner = SimpleNamespace(
        config=SimpleNamespace(low_level_controller=action),
        model=SimpleNamespace(layout=layout),
        inverse_action=inverse_action,
    )
    return make_low_level_controller(planner, "weights", tracker, xp)  # pyright: ignore


def test_a_tracker_is_called_as_documented():
    calls = []

    def tracker(*args):
        calls.append(args)
        return np.array([[0.5, 1.0], [2.0, 3.0]])

    elapsed = np.array([0, 4])
    action = follower("tracker", tracker)(STATES, None, elapsed, STATE, GOAL)
    assert action.dtype == np.float32 and action.tolist() == [[0.5, 1.0], [2.0, 3.0]]
    assert all(
        mine is theirs
        for mine, theirs in zip(calls[0], (STATES, STRIDE, elapsed, STATE, GOAL), strict=True)
    )


def test_a_tracker_that_is_missing_or_of_another_task():
    with pytest.raises(UserError, match=r"'tracker' needs a tracker .*valid here: inverse"):
        follower("tracker")
    follow = follower("tracker", lambda *_: np.zeros(3))
    with pytest.raises(UserError, match=r"gave actions \(3,\); needed: \(2, 2\)"):
        follow(STATES, None, np.zeros(2, int), STATE, GOAL)


@LIBRARIES
def test_inverse_dynamics_aim_at_the_next_token(xp):
    calls = []

    def inverse_action(weights, state, later, gap):
        calls.append((later, gap))
        assert weights == "weights" and state is STATE
        return later[:, :2]

    follow = follower("inverse", inverse_action=inverse_action, xp=xp)
    #            elapsed: (next token, steps until there); the last token repeats past the end
    wanted = {0: (1, 3), 1: (1, 2), 2: (1, 1), 3: (2, 3), 5: (2, 1), 6: (3, 3), 9: (4, 3)}
    wanted |= {10: (4, 2), 11: (4, 1), 12: (4, 3), 13: (4, 2), 40: (4, 2)}
    for elapsed, (token, gap) in wanted.items():
        # The other robot is at another place of its plan.
        action = follow(STATES, None, xp.asarray([elapsed, 0]), STATE, GOAL)
        later, gaps = calls.pop()
        np.testing.assert_array_equal(later, [STATES[0, token], STATES[1, 1]])
        assert gaps.tolist() == [gap, 3] and gaps.dtype == np.float32
        np.testing.assert_array_equal(action, later[:, :2])


@LIBRARIES
def test_diffused_actions_are_replayed_step_by_step(xp):
    follow = follower("diffused", xp=xp)
    for elapsed in range(TOKENS * STRIDE + 3):
        step = min(elapsed, TOKENS * STRIDE - 1)
        action = follow(STATES, ACTIONS, xp.asarray([elapsed, 1]), STATE, None)
        np.testing.assert_array_equal(action, [ACTIONS[0, step], ACTIONS[1, 1]])
