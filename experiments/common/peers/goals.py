"""Batches of transitions with goals in hindsight, as OGBench draws them."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.data.trajectories import Trajectories
from dfplan.types import Array


class Data(NamedTuple):
    """A dataset on the device.

    Attributes:
        state: `[N, S]` normalized states.
        action: `[N, A]` actions.
        last: `[N]` last row of each row's episode.
        begin: `[M]` rows at which a step begins.
    """

    state: Array
    action: Array
    last: Array
    begin: Array


class Batch(NamedTuple):
    """Transitions and goals.

    Attributes:
        state: `[B, S]`.
        action: `[B, A]`.
        next_state: `[B, S]`.
        value_goal: `[B, S]` goals of the value's loss.
        is_reached: `[B]` whether the state is its value goal.
        policy_goal: `[B, S]` goals of the policy; with two policies, of the high-level one.
        low_goal: `[B, S]` goals of the low-level policy: the states some steps later.
        subgoal: `[B, S]` subgoals on the way to the high-level policy's goals.
    """

    state: Array
    action: Array
    next_state: Array
    value_goal: Array
    is_reached: Array
    policy_goal: Array
    low_goal: Array
    subgoal: Array


class GoalShares(NamedTuple):
    """How goals are drawn.

    Attributes:
        value_current: Share of value goals that are the present state.
        value_future: Share that are a later state of the episode, at a geometric distance.
        policy_future: Share of the policy's goals that are a later state of the episode, all
            equally likely; the others are any state of the data.
    """

    value_current: float = 0.2
    value_future: float = 0.5
    policy_future: float = 1.0


def load_data(data: Trajectories, mean: np.ndarray, std: np.ndarray) -> Data:
    """Return a dataset on the device, its states normalized."""
    rows = np.arange(len(data.state))
    return Data(
        state=jnp.asarray((data.state - mean) / std, jnp.float32),
        action=jnp.asarray(data.action, jnp.float32),
        last=jnp.asarray(data.last_row, jnp.int32),
        begin=jnp.asarray(rows[rows < data.last_row], jnp.int32),
    )


def draw_batch(
    key: Array, data: Data, shares: GoalShares, size: int, subgoal_steps: int, discount: float
) -> Batch:
    """Draw a batch of transitions with goals.

    Args:
        key: PRNG key.
        data: Dataset.
        shares: How goals are drawn.
        size: Number of transitions, B.
        subgoal_steps: Control steps to a subgoal, for methods that have some.
        discount: Discount per control step; sets the geometric distances.
    """
    keys = jax.random.split(key, 6)
    row = data.begin[jax.random.randint(keys[0], (size,), 0, len(data.begin))]
    last = data.last[row]
    anywhere = jax.random.randint(keys[1], (2, size), 0, len(data.state))
    uniform = jax.random.uniform(keys[2], (size,), minval=jnp.finfo(jnp.float32).tiny)
    ahead = 1 + jnp.floor(jnp.log(uniform) / jnp.log(discount)).astype(jnp.int32)
    kind = jax.random.uniform(keys[3], (size,))
    value_row = jnp.where(
        kind < shares.value_current + shares.value_future,
        jnp.minimum(row + ahead, last),
        anywhere[0],
    )
    value_row = jnp.where(kind < shares.value_current, row, value_row)
    low_row = jnp.minimum(row + subgoal_steps, last)
    fraction = jax.random.uniform(keys[4], (size,))
    future = jnp.round(row + 1 + fraction * (last - row - 1)).astype(jnp.int32)
    is_future = jax.random.uniform(keys[5], (size,)) < shares.policy_future
    policy_row = jnp.where(is_future, future, anywhere[1])
    subgoal_row = jnp.where(is_future, jnp.minimum(low_row, future), low_row)
    return Batch(
        state=data.state[row],
        action=data.action[row],
        next_state=data.state[row + 1],
        value_goal=data.state[value_row],
        is_reached=value_row == row,
        policy_goal=data.state[policy_row],
        low_goal=data.state[low_row],
        subgoal=data.state[subgoal_row],
    )
