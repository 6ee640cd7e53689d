"""Check of the arrays in a run's `config.json`, which anyone can edit."""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from dfplan.control.linear_dynamics import LinearDynamics
from dfplan.nets.mlp import mlp_shapes
from dfplan.planner.subgoals.observed_moves import ObservedMoves
from dfplan.planner.support import DataSupport
from dfplan.policy.config import MAX_HORIZON
from dfplan.policy.policy import Policy
from dfplan.representation.layout import Layout
from dfplan.representation.normalizer import Normalizer
from dfplan.types import UserError
from dfplan.util.validate import is_integer, naming
from dfplan.value.action_critic import ActionCritic
from dfplan.value.critic import Critic


class Fitted(Protocol):
    """The part of a run that was fitted to its dataset."""

    layout: Layout
    states: Normalizer
    actions: Normalizer
    support: DataSupport | None
    dynamics: LinearDynamics | None
    critic: Critic | None
    action_critic: ActionCritic | None
    policy: Policy | None
    moves: ObservedMoves | None


def check_fitted(run: Any) -> None:
    """Check that the arrays fitted to the dataset have the layout's shapes and finite numbers.

    Args:
        run: Run, or anything with the attributes of `Fitted`.

    Raises:
        UserError: If one of them does not; the message names it.
    """
    for name, array, shape in _expected(run):
        if np.shape(array) != shape:
            raise UserError(f"{name} has shape {np.shape(array)}; needed: {shape}, as the layout")
        if not np.isfinite(array).all():
            raise UserError(f"{name} holds a number that is not finite")
    for name, normalizer in (("states", run.states), ("actions", run.actions)):
        if not (np.asarray(normalizer.std) > 0).all():
            raise UserError(f"normalizer.{name}.std has a value of 0 or below; needed: above 0")
    states = run.layout.state_dim
    if run.critic is not None:
        with naming("value.npz"):
            run.critic.check_fits(states)
    if run.action_critic is not None:
        with naming("action_value.npz"):
            run.action_critic.check_fits(states, run.layout.action_dim)
    if run.moves is not None:
        with naming("moves.npz"):
            run.moves.check_fits(states, run.layout.goal_dims)


def _expected(run: Fitted) -> Iterator[tuple[str, Any, tuple[int, ...]]]:
    """Yield the name, the array and the shape of each entry."""
    states = run.layout.state_dim
    actions = run.layout.action_dim
    for name, normalizer, size in (
        ("states", run.states, states),
        ("actions", run.actions, actions),
    ):
        yield f"normalizer.{name}.mean", normalizer.mean, (size,)
        yield f"normalizer.{name}.std", normalizer.std, (size,)
    if run.support is not None:
        yield "support.low", run.support.low, (run.layout.goal_dim,)
        yield "support.size", run.support.size, (run.layout.goal_dim,)
    if run.dynamics is not None:
        yield "dynamics.weights", run.dynamics.weights, (states, states + actions + 1)
        yield "dynamics.covariance", run.dynamics.covariance, (states, states)
        yield "dynamics.low", run.dynamics.low, (states,)
        yield "dynamics.high", run.dynamics.high, (states,)
        for number, own in enumerate(run.dynamics.objects):
            name = f"dynamics.objects.{number}"
            size = len(own.dims)
            _check_dims(name, own.dims, states)
            yield f"{name}.weights", own.weights, (size, states + actions + 1)
            yield f"{name}.covariance", own.covariance, (size, size)
    if run.policy is not None:
        yield from _expected_of_policy(run.policy, states, actions)


def _check_dims(name: str, dims: tuple[int, ...], states: int) -> None:
    """Check that the state has these dimensions.

    Raises:
        UserError: If it does not; the message names the dimension.
    """
    for dim in dims:
        if not is_integer(dim) or not 0 <= dim < states:
            raise UserError(f"{name} sees state dimension {dim}; valid: 0 to {states - 1}")


def _expected_of_policy(
    policy: Policy, states: int, actions: int
) -> Iterator[tuple[str, Any, tuple[int, ...]]]:
    """Yield the arrays of a policy as `_expected` does; its network may have any width.

    Raises:
        UserError: If its inputs cannot be those of a policy.
    """
    inputs = policy.inputs
    _check_dims("policy", (*inputs.state_dims, *inputs.target_dims), states)
    if not 1 <= inputs.horizon <= MAX_HORIZON:
        raise UserError(f"policy.horizon is {inputs.horizon}; valid: 1 to {MAX_HORIZON}")
    if not (np.asarray(inputs.scale) > 0).all():
        raise UserError("policy.scale has a value of 0 or below; needed: above 0")
    for name, array in policy.network.items():
        if array.dtype != np.float32:
            raise UserError(f"policy.{name} is {array.dtype}; needed: float32")
    width = np.size(policy.network["0/bias"])
    features = inputs.feature_count + inputs.timed
    yield "policy.scale", inputs.scale, (len(inputs.target_dims),)
    for name, shape in mlp_shapes(features, width, actions).items():
        yield f"policy.{name}", policy.network[name], shape
