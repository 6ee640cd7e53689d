"""Transitions of a dataset with hindsight targets: later states of the same episode."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from dfplan.data.training_arrays import TrainingArrays
from dfplan.policy.policy import PolicyInputs
from dfplan.types import Array


class Transitions(NamedTuple):
    """Transitions of the data, with a target that the episode reached later; normalized.

    Attributes:
        state: `[B, S]`.
        action: `[B, A]`, taken at `state`.
        next_state: `[B, S]`, one control step after `state`.
        target: `[B, G]`, a later state in the target dimensions.
        steps: `[B]` int32, control steps from `state` to the target, at least 1.
        quantile: `[B]`, quantile of the return or of the action's advantage; None where the goal is
            not reward.
    """

    state: Float[Array, "B S"]
    action: Float[Array, "B A"]
    next_state: Float[Array, "B S"]
    target: Float[Array, "B G"]
    steps: Int[Array, "B"]
    quantile: Float[Array, "B"] | None = None


def sample_transitions(
    key: Array, training_arrays: TrainingArrays, inputs: PolicyInputs, batch: int
) -> Transitions:
    """Draw transitions uniformly, and for each a target at a uniform distance within the horizon.

    Args:
        key: PRNG key.
        training_arrays: Dataset.
        inputs: Inputs of the networks.
        batch: Number of transitions.
    """
    k_row, k_steps = jax.random.split(key)
    states = training_arrays.state
    row = jax.random.randint(k_row, (batch,), 0, states.shape[0], dtype=jnp.int32)
    last = training_arrays.row_index.last[row]
    row = jnp.maximum(jnp.minimum(row, last - 1), training_arrays.row_index.first[row])
    available = jnp.clip(last - row, 1, inputs.horizon)
    steps = jax.random.randint(k_steps, (batch,), 1, available + 1, dtype=jnp.int32)
    quantile = training_arrays.return_quantile
    target_dims = np.array(inputs.target_dims, np.int32)
    return Transitions(
        state=states[row],
        action=training_arrays.action[row],
        next_state=states[jnp.minimum(row + 1, last)],
        target=states[jnp.minimum(row + steps, last)][:, target_dims],
        steps=steps,
        quantile=None if quantile is None else quantile[row],
    )
