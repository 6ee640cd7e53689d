"""Fit the action critic to a dataset by implicit Q-learning (Kostrikov et al. 2021, 2110.06169).

The value of an action is the reward of one step plus the discounted value of the next state. The
value of a state is an expectile of the values of the data's actions in it. No action that the data
lack is ever evaluated, so that errors about such actions cannot spread.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float

from dfplan.data.trajectories import Trajectories
from dfplan.nets.mlp_fit import Progress, advance_to_end, cosine_adam
from dfplan.representation.normalizer import Normalizer
from dfplan.types import Array
from dfplan.value.action_config import ActionValueConfig
from dfplan.value.action_critic import (
    ActionCritic,
    net_shapes,
    scaled_state_value,
    scaled_values,
)
from dfplan.value.critic import pessimistic
from dfplan.value.returns import compute_returns

AVERAGING = 0.995
"""Decay of the averaged networks, which are returned and give the targets of the state value."""
PESSIMISM = 1.0
"""Standard deviations over the networks that are subtracted in the targets of the state value."""
MIN_SCALE = 1e-6
"""Least standard deviation of returns."""

Nets = dict[str, Array]


class Steps(NamedTuple):
    """Control steps of a dataset; states and actions are normalized.

    Attributes:
        state: `[N, S]`.
        action: `[N, A]`.
        next_state: `[N, S]`.
        target: `[N]`, the reward plus, unless the episode terminates, the discounted mean return;
            as the offset from the mean return, in units of the returns' standard deviation.
        discount: `[N]`, discount of the next state's value; 0 if the episode terminates.
    """

    state: Array
    action: Array
    next_state: Array
    target: Array
    discount: Array


class FitState(NamedTuple):
    """State of the training, which each optimizer step changes.

    Attributes:
        step: Number of steps taken, int32.
        nets: Parameters of the networks.
        averaged: Moving average of the parameters.
        opt_state: State of the optimizer.
    """

    step: Array
    nets: Nets
    averaged: Nets
    opt_state: optax.OptState


def fit_action_critic(
    data: Trajectories,
    config: ActionValueConfig,
    *,
    states: Normalizer,
    actions: Normalizer,
    discount: float,
    seed: int,
    progress: Progress | None = None,
) -> ActionCritic:
    """Fit the action critic of a dataset that was loaded with rewards.

    Args:
        data: Dataset.
        config: Settings.
        states: Normalizer of its states.
        actions: Normalizer of its actions.
        discount: Discount per control step.
        seed: PRNG seed for initialization and batches.
        progress: See `dfplan.nets.mlp_fit.Progress`.
    """
    base, scale = _return_units(data, discount)
    steps = _make_steps(data, states, actions, discount=discount, base=base, scale=scale)
    key = jax.random.key(seed)
    sizes = (steps.state.shape[1], steps.action.shape[1])
    state = _init_state(jax.random.fold_in(key, 0), config, sizes)

    def advance(state: FitState, stop: Array) -> FitState:
        return _fit_until(steps, config, state, key=key, stop=stop)

    state = advance_to_end(advance, state, config.steps, progress)
    return ActionCritic(state.averaged, jnp.float32(base), jnp.float32(scale))


def _return_units(data: Trajectories, discount: float) -> tuple[float, float]:
    """Return mean and standard deviation of the returns, as far as they are known.

    After a truncated episode, every step counts as giving the mean reward.
    """
    assert data.reward is not None and data.terminated is not None
    returns = compute_returns(
        data.reward,
        data.start,
        data.length,
        terminated=data.terminated,
        discount=discount,
        stride=1,
    )
    tail = returns.token_reward[returns.is_complete].mean() / (1 - discount)
    rough = (returns.observed + returns.bootstrap_weight * tail)[returns.is_informative]
    return float(rough.mean()), max(float(rough.std()), MIN_SCALE)


def _make_steps(
    data: Trajectories,
    states: Normalizer,
    actions: Normalizer,
    *,
    discount: float,
    base: float,
    scale: float,
) -> Steps:
    """Return the control steps of a dataset: all rows but the last of each episode."""
    assert data.reward is not None and data.terminated is not None
    ends = np.zeros(len(data.state), bool)
    ends[np.maximum(data.last - 1, data.start)[data.terminated]] = True
    rows = data.action_rows
    weight = np.where(ends, 0.0, discount)[rows]
    target = (data.reward[rows] + weight * base - base) / scale
    encoded = jnp.asarray(states.encode(data.state))
    return Steps(
        state=encoded[rows],
        action=jnp.asarray(actions.encode(data.action[rows])),
        next_state=encoded[rows + 1],
        target=jnp.asarray(target, jnp.float32),
        discount=jnp.asarray(weight, jnp.float32),
    )


def _init_state(key: Array, config: ActionValueConfig, sizes: tuple[int, int]) -> FitState:
    """Return the initial state of the training.

    Args:
        key: PRNG key.
        config: Settings.
        sizes: Length of a state and of an action.
    """
    nets = {}
    shapes = net_shapes(*sizes, width=config.width, members=config.members)
    for name, shape in shapes.items():
        key, k = jax.random.split(key)
        # Kernels keep the scale of their inputs.
        gain = 0.0 if name.endswith("bias") else shape[-2] ** -0.5
        nets[name] = gain * jax.random.normal(k, shape, jnp.float32)
    optimizer = cosine_adam(config.learning_rate, config.steps)
    return FitState(jnp.int32(0), nets, nets, optimizer.init(nets))


def _loss(nets: Nets, averaged: Nets, batch: Steps, *, expectile: float) -> Float[Array, ""]:
    """Return the sum of the losses of state value and action values."""
    value = scaled_state_value(nets, batch.state)
    goal = pessimistic(scaled_values(averaged, batch.state, batch.action), PESSIMISM)
    advantage = goal - value
    weight = jnp.where(advantage > 0, expectile, 1 - expectile)
    following = jax.lax.stop_gradient(scaled_state_value(nets, batch.next_state))
    target = batch.target + batch.discount * following
    error = scaled_values(nets, batch.state, batch.action) - target[None]
    return jnp.mean(weight * advantage**2) + jnp.mean(jnp.sum(error**2, axis=0))


@functools.partial(jax.jit, static_argnames="config")
def _fit_until(
    steps: Steps, config: ActionValueConfig, state: FitState, *, key: Array, stop: Array
) -> FitState:
    """Fit up to step `stop`."""
    optimizer = cosine_adam(config.learning_rate, config.steps)
    loss = functools.partial(_loss, expectile=config.expectile)

    def advance(state: FitState) -> FitState:
        batch_key = jax.random.fold_in(jax.random.fold_in(key, 1), state.step)
        count = len(steps.state)
        rows = jax.random.randint(batch_key, (config.batch_size,), 0, count, dtype=jnp.int32)
        batch = jax.tree.map(lambda column: column[rows], steps)
        grads = jax.grad(loss)(state.nets, state.averaged, batch)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.nets)
        nets = jax.tree.map(jnp.add, state.nets, updates)
        averaged = jax.tree.map(
            lambda a, n: AVERAGING * a + (1 - AVERAGING) * n, state.averaged, nets
        )
        return FitState(state.step + 1, nets, averaged, opt_state)

    return jax.lax.while_loop(lambda state: state.step < stop, advance, state)
