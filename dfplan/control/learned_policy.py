"""The low-level controller "policy": follows a plan by the learned low-level policy."""

import dataclasses
from types import ModuleType

import jax
import numpy as np
from jaxtyping import Float, Int

from dfplan.control.clearance import Clearance
from dfplan.control.path import PATHS, PathMaker
from dfplan.planner.plan import Weights
from dfplan.planner.progress import PlanProgress
from dfplan.planner.protocol import Planner
from dfplan.planner.support import DataSupport
from dfplan.policy.policy import Policy
from dfplan.representation.normalizer import Normalizer
from dfplan.types import Array, Tracker, UserError, XpArray

LOOKAHEAD = 1.0
"""Distance to the target where `lookahead` is 0, in tokens."""


@dataclasses.dataclass(frozen=True)
class PolicyController:
    """Steers toward a point of the plan ahead of the robot, by the low-level policy.

    A timed policy gets the plan's next token and the control steps until it is due, like inverse
    dynamics. Any other policy follows the plan's path, not its timing: the target is a point some
    steps ahead of the path's point nearest to the robot. A robot that is faster than its plan
    therefore never waits, and one that is slower does not cut corners to catch up.

    Attributes:
        policy: Low-level policy.
        states: Normalizer of states.
        actions: Normalizer of actions.
        progress: Locates robots on plans, in the target dimensions.
        lookahead: Control steps of the plan from the nearest point to the target.
        make_path: Path through the tokens of a plan.
        clearance: Moves paths away from the edge of the data, or None.
        xp: Array library.
    """

    policy: Policy
    states: Normalizer
    actions: Normalizer
    progress: PlanProgress
    lookahead: int
    make_path: PathMaker
    clearance: Clearance | None
    xp: ModuleType

    def __call__(self, states, actions, elapsed, state, goal):
        """See `dfplan.control.low_level.LowLevelController`."""
        dims = np.array(self.policy.inputs.target_dims)
        plan = states[..., dims]
        aim = self._at_its_time if self.policy.inputs.timed else self._ahead
        target, steps = aim(plan, elapsed, state[:, dims])
        steps = steps.astype(self.xp.float32)
        action = steer(self.policy, self.states, self.actions, state, target, steps=steps)
        return self.xp.asarray(action)

    def _at_its_time(
        self,
        plan: Float[XpArray, "B T G"],
        elapsed: Int[XpArray, "B"],
        position: Float[XpArray, "B G"],
    ) -> tuple[XpArray, XpArray]:
        """Return the plan's next token, and the control steps until it is due."""
        stride = self.progress.stride
        token = self.xp.minimum(elapsed // stride + 1, plan.shape[1] - 1)
        target = self.xp.take_along_axis(plan, token[:, None, None], axis=1)[:, 0]
        return target, stride - elapsed % stride

    def _ahead(
        self,
        plan: Float[XpArray, "B T G"],
        elapsed: Int[XpArray, "B"],
        position: Float[XpArray, "B G"],
    ) -> tuple[XpArray, XpArray]:
        """Return the point ahead on the path, and the plan's control steps to it."""
        path = self.make_path(plan, self.progress.stride, self.xp)
        if self.clearance is not None:
            path = self.clearance(path)
        nearest, _ = self.progress.locate(path, elapsed, position)
        ahead = self.xp.minimum(nearest + self.lookahead, path.shape[1] - 1)
        target = self.xp.take_along_axis(path, ahead[:, None, None], axis=1)[:, 0]
        return target, ahead - nearest


@jax.jit
def steer(
    policy: Policy,
    states: Normalizer,
    actions: Normalizer,
    state: Float[Array, "B S"],
    target: Float[Array, "B G"],
    *,
    steps: Float[Array, "B"],
) -> Float[Array, "B A"]:
    """Return the actions of a low-level policy, in SI units.

    Args:
        policy: Low-level policy.
        states: Normalizer of states.
        actions: Normalizer of actions.
        state: Present states in SI units.
        target: Values to reach in the policy's target dimensions, in SI units.
        steps: Control steps until the targets are due.
    """
    targets = states.take(policy.inputs.target_dims)
    action = policy.action(states.encode_input(state), targets.encode_input(target), steps)
    return actions.decode(action)


def policy_of(weights: Weights) -> Policy:
    """Return the low-level policy of trained weights.

    Raises:
        UserError: If there is none.
    """
    if weights.policy is None:
        raise UserError(
            "planner.low_level_controller 'policy' needs a policy, and this run has none, as it "
            "was trained with another controller; valid here: inverse"
        )
    return weights.policy


def make_policy_controller(
    planner: Planner,
    weights: Weights,
    tracker: Tracker | None,
    xp: ModuleType,
    lookahead: int = 0,
    path: str = "lines",
    clearance: float = 0.0,
) -> PolicyController:
    """Return a `PolicyController`.

    Args:
        planner: Planner whose plans are followed.
        weights: Trained weights, with the policy.
        tracker: Unused.
        xp: `numpy` or `jax.numpy`.
        lookahead: Control steps of the plan to look ahead; 0 for one token, or for the policy's
            horizon if that is shorter.
        path: Path through the plan's tokens, one of `PATHS`.
        clearance: Distance that the path keeps from the edge of the data support, in the goal's
            units; 0 for none.

    Raises:
        UserError: If the run has no policy, the lookahead is negative or beyond the policy's
            horizon, the path is unknown, or the clearance is negative or the run lacks a data
            support for the policy's targets.
    """
    policy = policy_of(weights)
    layout = planner.model.layout
    horizon = policy.inputs.horizon
    lookahead = lookahead or min(max(round(LOOKAHEAD * layout.stride), 1), horizon)
    if not 1 <= lookahead <= horizon:
        raise UserError(
            f"planner.low_level_controller 'policy' has lookahead {lookahead}; valid: 1 to "
            f"{horizon} control steps, the policy's horizon, or 0 for one token"
        )
    if path not in PATHS:
        raise UserError(
            f"planner.low_level_controller 'policy' has path {path!r}; valid: {', '.join(PATHS)}"
        )
    dims = policy.inputs.target_dims
    targets = dataclasses.replace(
        layout, state_dim=len(dims), goal_dims=(), plan_dims=(), rest_dims=()
    )
    return PolicyController(
        policy=policy,
        states=weights.states,
        actions=weights.actions,
        progress=PlanProgress(targets, weights.states.take(dims), xp),
        lookahead=lookahead,
        make_path=PATHS[path],
        clearance=_make_clearance(
            weights.support, clearance, xp, covers_targets=dims == layout.goal_dims
        ),
        xp=xp,
    )


def _make_clearance(
    support: DataSupport | None, distance: float, xp: ModuleType, *, covers_targets: bool
) -> Clearance | None:
    """Return the clearance of a distance; None for 0.

    Args:
        support: Data support, in the goal's dimensions.
        distance: Clearance, in the goal's units.
        xp: Array library of the paths.
        covers_targets: Whether the policy's targets have the dimensions of the data support.
    """
    if not 0 <= distance < float("inf"):
        raise UserError(
            f"planner.low_level_controller 'policy' has clearance {distance}; valid: 0 for "
            "none, or a distance in the goal's units"
        )
    if not distance:
        return None
    if support is None:
        raise UserError(
            f"planner.low_level_controller 'policy' has clearance {distance}, and this run has no "
            "data support, as its goals have no dimensions, more than three or constant ones; "
            "valid here: 0"
        )
    if not covers_targets:
        raise UserError(
            f"planner.low_level_controller 'policy' has clearance {distance}, and the data support "
            "is for the goal's dimensions, which are not those of policy.target_dims; valid here: 0"
        )
    return Clearance.fit(support, distance, xp)
