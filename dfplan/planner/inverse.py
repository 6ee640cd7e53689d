"""Actions by the inverse dynamics that are learned with a planner."""

import functools

import jax
from jaxtyping import Float

from dfplan.model import Model
from dfplan.planner.plan import Weights
from dfplan.types import Array


@functools.partial(jax.jit, static_argnames=("model",))
def inverse_action(
    model: Model,
    weights: Weights,
    state: Float[Array, "B S"],
    later: Float[Array, "B S"],
    gap: Float[Array, "B"],
) -> Float[Array, "B A"]:
    """Return the action that leads from `state` toward `later`.

    Args:
        model: Networks of a planner.
        weights: Trained weights.
        state: Present states in SI units.
        later: States to reach, in SI units.
        gap: Control steps from `state` to `later`.
    """
    net = model.inverse(weights.params)
    present = weights.states.encode_input(state)
    return weights.actions.decode(net(present, weights.states.encode_input(later), gap))
