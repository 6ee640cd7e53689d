"""Low-level controllers: from plan to action, at every control step.

A planner names its controller in `planner.low_level_controller`. Packages add controllers through
the entry-point group `dfplan.low_level_controllers`: each is a factory called as
`factory(planner, weights, tracker, xp, **parameters)` that returns a `LowLevelController`, where
`xp` is `numpy`, or `jax.numpy` for a controller that JAX compiles.
"""

import dataclasses
import functools
import inspect
from types import ModuleType
from typing import Protocol

import numpy as np
from jaxtyping import Float, Int

from dfplan.model import Model
from dfplan.planner.inverse import inverse_action
from dfplan.planner.plan import Weights
from dfplan.planner.protocol import Planner
from dfplan.representation.tokens import TokenLayout
from dfplan.types import Tracker, UserError, XpArray
from dfplan.util.registry import Registry
from dfplan.util.signature import check_call

PROBES = 16
"""Random plans with which a tracker is tried, where tokens do not hold the whole state."""
PROBE_RANGE = 10.0
"""Standard deviation of their numbers, so that most are far from their goals."""
CONTROLLER_ARGUMENTS = ("states", "actions", "elapsed", "state", "goal")


class LowLevelController(Protocol):
    """Turns plans into actions; all arrays belong to one library, in SI units.

    States and goals are in local coordinates, see `dfplan.representation.layout.Layout`.

    Args:
        states: `[B, P+1, S]` planned states, one every `stride` control steps.
        actions: `[B, P*stride, A]` planned actions; None if plans hold none.
        elapsed: `[B]` control steps since each plan began.
        state: `[B, S]` present states.
        goal: `[B, G]` goals, or None.

    Returns:
        Actions `[B, A]`, which the caller clips to the bounds of the task.
    """

    def __call__(
        self,
        states: Float[XpArray, "B T S"],
        actions: Float[XpArray, "B L A"] | None,
        elapsed: Int[XpArray, "B"],
        state: Float[XpArray, "B S"],
        goal: Float[XpArray, "B G"] | None,
    ) -> Float[XpArray, "B A"]:
        """Return the actions; see the class."""
        ...


@dataclasses.dataclass(frozen=True)
class TrackerController:
    """Follows planned states with a tracker that the task supplies.

    Attributes:
        tracker: Tracking function, see `dfplan.types.Tracker`.
        stride: Control steps per planned state.
        action_dim: Dimensions of an action.
        xp: Array library.
    """

    tracker: Tracker
    stride: int
    action_dim: int
    xp: ModuleType

    def __call__(self, states, actions, elapsed, state, goal):
        """See `LowLevelController`."""
        action = self.tracker(states, self.stride, elapsed, state, goal)
        action = self.xp.asarray(action, dtype=self.xp.float32)
        needed = (len(state), self.action_dim)
        if action.shape != needed:
            raise UserError(
                f"the tracker returned actions of shape {action.shape}; needed: {needed}"
            )
        return action


@dataclasses.dataclass(frozen=True)
class InverseController:
    """Steers from the present state to the plan's next one by learned inverse dynamics.

    Past the plan's end, its last state stays the target.

    Attributes:
        model: Networks, with the inverse dynamics.
        weights: Trained weights.
        xp: Array library.
    """

    model: Model
    weights: Weights
    xp: ModuleType

    def __call__(self, states, actions, elapsed, state, goal):
        """See `LowLevelController`."""
        xp = self.xp
        stride = self.model.layout.stride
        token = xp.minimum(elapsed // stride + 1, states.shape[1] - 1)
        gap = (stride - elapsed % stride).astype(xp.float32)
        target = xp.take_along_axis(states, token[:, None, None], axis=1)[:, 0]
        return xp.asarray(inverse_action(self.model, self.weights, state, target, gap))


@dataclasses.dataclass(frozen=True)
class DiffusedController:
    """Replays the actions that were planned; past the plan's end, the last one repeats.

    Attributes:
        xp: Array library.
    """

    xp: ModuleType

    def __call__(self, states, actions, elapsed, state, goal):
        """See `LowLevelController`."""
        step = self.xp.minimum(elapsed, actions.shape[1] - 1)
        return self.xp.take_along_axis(actions, step[:, None, None], axis=1)[:, 0]


def make_tracker_controller(
    planner: Planner, weights: Weights, tracker: Tracker | None, xp: ModuleType
) -> LowLevelController:
    """Return a `TrackerController`.

    Raises:
        UserError: If the task supplies no tracker, or it needs dimensions that are not planned.
    """
    if tracker is None:
        raise UserError(
            "planner.low_level_controller 'tracker' needs a tracker and this task has none; "
            "valid here: inverse"
        )
    if xp is not np and takes_library(tracker):
        tracker = functools.partial(tracker, xp=xp)
    layout = planner.model.layout
    controller = TrackerController(
        tracker=tracker, stride=layout.stride, action_dim=layout.action_dim, xp=xp
    )
    if layout.plan_dims and xp is np:  # JAX may be tracing.
        _check_sees_plans(controller, layout)
    return controller


def takes_library(tracker: Tracker) -> bool:
    """Return whether a tracker has a parameter `xp`, and so can be compiled; see `Tracker`."""
    return "xp" in inspect.signature(tracker).parameters


def _check_sees_plans(controller: TrackerController, layout: TokenLayout) -> None:
    """Check that a tracker that follows whole plans follows those of the planned dimensions."""
    rng = np.random.default_rng(0)
    rows = PROBES
    whole = rng.normal(0, PROBE_RANGE, (rows, 4, layout.state_dim)).astype(np.float32)
    planned = np.full_like(whole, np.nan)
    planned[..., list(layout.plan_dims)] = whole[..., list(layout.plan_dims)]
    goal = whole[:, -1, list(layout.goal_dims)] if layout.goal_dims else None
    rest = (None, np.zeros(rows, int), whole[:, 0], goal)
    with np.errstate(invalid="ignore"):
        action = controller(planned, *rest)
    if (np.isfinite(controller(whole, *rest)) & ~np.isfinite(action)).any():
        raise UserError(
            "planner.low_level_controller 'tracker' needs dimensions that plans of data.plan_dims "
            f"{list(layout.plan_dims)} lack; valid here: inverse"
        )


def make_inverse_controller(
    planner: Planner, weights: Weights, tracker: Tracker | None, xp: ModuleType
) -> LowLevelController:
    """Return an `InverseController`."""
    return InverseController(planner.model, weights, xp)


def make_diffused_controller(
    planner: Planner, weights: Weights, tracker: Tracker | None, xp: ModuleType
) -> LowLevelController:
    """Return a `DiffusedController`."""
    return DiffusedController(xp)


LOW_LEVEL_CONTROLLERS = Registry(
    "low-level controller",
    "dfplan.low_level_controllers",
    {
        "tracker": make_tracker_controller,
        "inverse": make_inverse_controller,
        "diffused": make_diffused_controller,
        "policy": "dfplan.control.learned_policy:make_policy_controller",
    },
)
"""Factories by name; see the module."""


def make_low_level_controller(
    planner: Planner, weights: Weights, tracker: Tracker | None, xp: ModuleType = np
) -> LowLevelController:
    """Return the controller that `planner.config.low_level_controller` names.

    Args:
        planner: Planner whose plans are followed.
        weights: Trained weights.
        tracker: Tracking function of the same library, for the controller "tracker"; or None.
        xp: `numpy`, or `jax.numpy` for a controller that JAX compiles.

    Raises:
        UserError: If the name is unknown, the controller needs a tracker and it is None, or it
            cannot be called as `LowLevelController` describes.
    """
    name = planner.config.low_level_controller
    controller = LOW_LEVEL_CONTROLLERS.make(name, planner, weights, tracker, xp)
    check_call(f"low-level controller {name!r}", controller, args=CONTROLLER_ARGUMENTS)
    return controller
