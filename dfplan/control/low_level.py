"""From plan to action: a tracking controller, inverse dynamics, or the plan's own actions."""

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from dfplan.planner.plan import Weights
from dfplan.planner.protocol import Planner
from dfplan.types import Tracker, UserError

LowLevelController = Callable[..., Any]
"""`follow(states, actions, elapsed, state, goal) -> action [B, A]`, all of one library, SI units.

Planned states `[B, P+1, S]`, planned actions `[B, L, A]` or None, control steps since planning
`[B]`, observed state `[B, S]`, goal `[B, G]` or None.
"""


def make_low_level_controller(
    planner: Planner, weights: Weights, tracker: Tracker | None, xp: ModuleType = np
) -> LowLevelController:
    """The follower that `planner.config.low_level_controller` names.

    Args:
        planner: names it. weights: inverse dynamics'.
        tracker: where that is named; of the same library.
        xp: `numpy`, or `jax.numpy` for one that JAX compiles.

    Raises:
        UserError: when actions are to come from a tracker and the task supplies none.
    """
    stride = planner.model.layout.stride
    if planner.config.low_level_controller == "diffused":
        return functools.partial(_replay, xp)
    if planner.config.low_level_controller == "inverse":
        return functools.partial(_invert, xp, planner, weights)
    if tracker is None:
        raise UserError(
            "planner.low_level_controller 'tracker' needs a tracker and this task has none; valid here: inverse"
        )
    return functools.partial(_track, xp, tracker, stride, planner.model.layout.action_dim)


def _track(xp, tracker: Tracker, stride: int, dim: int, states, actions, elapsed, state, goal):
    action = xp.asarray(tracker(states, stride, elapsed, state, goal), dtype=xp.float32)
    if action.shape != (len(state), dim):
        raise UserError(f"the tracker gave actions {action.shape}; needed: {(len(state), dim)}")
    return action


def _invert(xp, planner: Planner, weights: Weights, states, actions, elapsed, state, goal):
    """Towards the plan's next token, from where the robot is; past its end the last one repeats."""
    stride = planner.model.layout.stride
    token = xp.minimum(elapsed // stride + 1, states.shape[1] - 1)
    gap = (stride - elapsed % stride).astype(xp.float32)
    later = xp.take_along_axis(states, token[:, None, None], axis=1)[:, 0]
    return xp.asarray(planner.inverse_action(weights, state, later, gap))


def _replay(xp, states, actions, elapsed, state, goal):
    step = xp.minimum(elapsed, actions.shape[1] - 1)
    return xp.take_along_axis(actions, step[:, None, None], axis=1)[:, 0]
