"""Inverse dynamics: the action that leads from one state to another some steps later."""

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Float

from dfplan.types import Array


class InverseDynamics(nnx.Module):
    """MLP from (state, later state, gap) to the first action, all normalised but the gap.

    A plan gives states only; this turns it into actions from the *observed* state, so that each
    action corrects the error so far (Ajay et al. 2022, section 3.2, there with a gap of one step).

    Args:
        state_dim, action_dim: of the task.
        stride: longest gap in control steps.
        width: hidden width.
        rngs: initialisation.
    """

    def __init__(self, state_dim: int, action_dim: int, stride: int, width: int, *, rngs: nnx.Rngs):
        self.stride = stride
        inputs = 2 * state_dim + 1
        self.first = nnx.Linear(inputs, width, rngs=rngs)
        self.second = nnx.Linear(width, width, rngs=rngs)
        self.head = nnx.Linear(width, action_dim, rngs=rngs)

    def __call__(
        self, state: Float[Array, "B S"], later: Float[Array, "B S"], gap: Float[Array, "B"]
    ) -> Float[Array, "B A"]:
        """Normalised action; `gap` in control steps, 1 to `stride`."""
        # The change over the gap is what the action decides; its rate keeps inputs comparable.
        rate = (later - state) * (self.stride / gap)[:, None]
        x = jnp.concatenate([state, rate, gap[:, None] / self.stride], axis=-1)
        return self.head(nnx.silu(self.second(nnx.silu(self.first(x)))))
