"""From plan to action: a tracking controller, inverse dynamics, or the plan's own actions."""

import functools
from collections.abc import Callable

import numpy as np

from dfplan.planner.core import Planner
from dfplan.planner.plan import Weights
from dfplan.types import Tracker, UserError

Follower = Callable[..., np.ndarray]
"""`follow(states, actions, elapsed, state, goal) -> action [B, A]`, all NumPy and SI units.

Planned states `[B, P+1, S]`, planned actions `[B, L, A]` or None, control steps since planning
`[B]`, observed state `[B, S]`, goal `[B, G]` or None.
"""


def make_follower(planner: Planner, weights: Weights, tracker: Tracker | None) -> Follower:
    """The follower that `planner.config.action` names.

    Raises:
        UserError: when actions are to come from a tracker and the task supplies none.
    """
    stride = planner.model.layout.stride
    if planner.config.action == "diffused":
        return _replay
    if planner.config.action == "inverse":
        return functools.partial(_invert, planner, weights)
    if tracker is None:
        raise UserError(
            "planner.action 'tracker' needs a tracker and this task has none; valid here: inverse"
        )
    return functools.partial(_track, tracker, stride, planner.model.layout.action_dim)


def _track(tracker: Tracker, stride: int, dim: int, states, actions, elapsed, state, goal):
    action = np.asarray(tracker(states, stride, elapsed, state, goal), np.float32)
    if action.shape != (len(state), dim):
        raise UserError(f"the tracker gave actions {action.shape}; needed: {(len(state), dim)}")
    return action


def _invert(planner: Planner, weights: Weights, states, actions, elapsed, state, goal):
    """Towards the plan's next token, from where the robot is; past its end the last one repeats."""
    stride = planner.model.layout.stride
    token = np.minimum(elapsed // stride + 1, states.shape[1] - 1)
    gap = (stride - elapsed % stride).astype(np.float32)
    later = np.take_along_axis(states, token[:, None, None], axis=1)[:, 0]
    return np.asarray(planner.inverse_action(weights, state, later, gap))


def _replay(states, actions, elapsed, state, goal):
    step = np.minimum(elapsed, actions.shape[1] - 1)
    return np.take_along_axis(actions, step[:, None, None], axis=1)[:, 0]
