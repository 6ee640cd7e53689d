"""Inverse dynamics: the action that leads from one state to another, some steps later."""

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Float

from dfplan.types import Array


class InverseDynamics(nnx.Module):
    """MLP from (state, later state, gap) to the first action; all but the gap are normalized.

    Only the planned dimensions of the later state are used.

    Turns a plan of states into actions, starting from the *observed* state, so that each action
    corrects the error so far (Ajay et al. 2022, section 3.2, there with a gap of one step).

    Args:
        state_dim: Dimension of the state.
        plan_dims: Planned dimensions of the state; empty for all.
        action_dim: Dimension of the action.
        stride: Longest gap, in control steps.
        width: Width of the hidden layers.
        rngs: Random streams for initialization.
    """

    def __init__(
        self,
        state_dim: int,
        action_dim: int,
        stride: int,
        width: int,
        *,
        plan_dims: tuple[int, ...] = (),
        rngs: nnx.Rngs,
    ):
        self.stride = stride
        self.plan_dims = plan_dims
        inputs = state_dim + (len(plan_dims) or state_dim) + 1
        self.first = nnx.Linear(inputs, width, rngs=rngs)
        self.second = nnx.Linear(width, width, rngs=rngs)
        self.head = nnx.Linear(width, action_dim, rngs=rngs)

    def __call__(
        self, state: Float[Array, "B S"], later: Float[Array, "B S"], gap: Float[Array, "B"]
    ) -> Float[Array, "B A"]:
        """Return the normalized action; `gap` is in control steps, from 1 to `stride`."""
        # The action determines the change over the gap; as a rate it is comparable across gaps.
        change = later - state
        if self.plan_dims:
            change = change[..., np.array(self.plan_dims)]
        rate = change * (self.stride / gap)[:, None]
        x = jnp.concatenate([state, rate, gap[:, None] / self.stride], axis=-1)
        return self.head(nnx.silu(self.second(nnx.silu(self.first(x)))))
