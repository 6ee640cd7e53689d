"""Fit the critic to a dataset, and compute the quantiles of the data's returns with it."""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float

from dfplan.nets.mlp import apply_mlp
from dfplan.types import Array
from dfplan.value.config import ValueConfig
from dfplan.value.critic import LOG_SPREAD_BOUNDS, Critic, init_member
from dfplan.value.returns import Returns

AVERAGING = 0.98
"""Decay of the averaged weights, which are returned and predict values after truncation."""
WEIGHT_DECAY = 1e-2
MIN_SCALE = 1e-6


class TrainingRows(NamedTuple):
    """Training data of the members: rows of the dataset, with rewards in the critic's units.

    Attributes:
        state: `[N, S]`, normalized.
        last_row: `[N]`, see `Returns`, as are the fields below.
        next_row: `[N]`.
        observed: `[N]`, scaled.
        bootstrap_weight: `[N]`.
        is_informative: `[N]`.
        token_reward: `[N]`, scaled.
        terminates: `[N]`.
        is_complete: `[N]`.
    """

    state: Array
    last_row: Array
    next_row: Array
    observed: Array
    bootstrap_weight: Array
    is_informative: Array
    token_reward: Array
    terminates: Array
    is_complete: Array


def assign_folds(start: np.ndarray, length: np.ndarray, members: int) -> np.ndarray:
    """Return the member `[N]` that each row is held out from.

    Folds are whole episodes, or contiguous rows if there are fewer episodes than members.
    """
    if len(start) >= members:
        return np.repeat(np.arange(len(start)) % members, length)
    rows = int(length.sum())
    return np.arange(rows) * members // rows


def fit_critic(
    state: Float[np.ndarray, "N S"],
    returns: Returns,
    fold: np.ndarray,
    config: ValueConfig,
    *,
    stride: int,
    seed: int,
) -> Critic:
    """Fit a critic.

    The value of a state is the mean of the returns from it, by least squares. After a truncated
    episode, the return continues with the value of the last state, by the averaged weights.

    Args:
        state: Normalized states.
        returns: Returns of all rows.
        fold: Member that each row is held out from.
        config: Critic settings.
        stride: Control steps per token.
        seed: PRNG seed for initialization and batches.
    """
    token_rewards = returns.token_reward[returns.is_complete]
    informative = returns.is_informative
    # Return after truncation if every step gave the mean reward; used for the units only.
    mean_tail = token_rewards.mean() / (1 - config.discount**stride)
    rough_return = (returns.observed + returns.bootstrap_weight * mean_tail)[informative]
    base = rough_return.mean()
    scale = max(rough_return.std(), MIN_SCALE)
    reward_base = token_rewards.mean()
    reward_scale = max(token_rewards.std(), MIN_SCALE)
    observed = (returns.observed + returns.bootstrap_weight * base - base) / scale
    rows = TrainingRows(
        state=jnp.asarray(state),
        last_row=jnp.asarray(returns.last_row),
        next_row=jnp.asarray(returns.next_row),
        observed=_float(observed),
        bootstrap_weight=_float(returns.bootstrap_weight),
        is_informative=jnp.asarray(informative),
        token_reward=_float((returns.token_reward - reward_base) / reward_scale),
        terminates=_float(returns.terminates),
        is_complete=jnp.asarray(returns.is_complete),
    )
    critic = Critic(
        nets=_train(rows, jnp.asarray(fold), config, key=jax.random.key(seed)),
        base=_float(base),
        scale=_float(scale),
        reward_base=_float(reward_base),
        reward_scale=_float(reward_scale),
        discount=_float(config.discount**stride),
        explained=jnp.float32(0),
    )
    value, _, target = predict_held_out(critic, state, returns, fold=fold)
    error = np.square((target - value)[informative]).mean()
    variance = np.square((target - base)[informative]).mean()
    explained = _float(1 - error / max(variance, MIN_SCALE))
    return dataclasses.replace(critic, explained=explained)


def predict_held_out(
    critic: Critic, state: Float[np.ndarray, "N S"], returns: Returns, fold: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return value and spread by the member each row was held out from, and the return; all `[N]`.

    The return of a truncated episode continues with the value of its last state, mean over members.
    """
    value = np.asarray(critic.value(jnp.asarray(state)))
    spread = np.asarray(critic.spread(jnp.asarray(state)))
    target = returns.observed + returns.bootstrap_weight * value.mean(axis=0)[returns.last_row]
    row = np.arange(len(fold))
    return value[fold, row], spread[fold, row], target


def conditional_quantiles(
    critic: Critic, state: Float[np.ndarray, "N S"], returns: Returns, fold: np.ndarray
) -> Float[np.ndarray, "N"]:
    """Return the quantile of each return given its state, 0 (lowest) to 1 (highest).

    It is the quantile, among all rows, of the return's distance from the value in units of the
    spread.
    """
    value, spread, target = predict_held_out(critic, state, returns, fold=fold)
    score = (target - value) / spread
    ordered = np.sort(score[returns.is_informative])
    return np.searchsorted(ordered, score) / max(len(ordered) - 1, 1)


def _float(x: Any) -> Array:
    return jnp.asarray(x, jnp.float32)


def _loss(
    nets: Any,
    averaged: Any,
    rows: TrainingRows,
    batch: Array,
    in_training: Array,
) -> Array:
    """Return the loss of one member.

    Args:
        nets: Parameters of the member.
        averaged: Averaged parameters of the member.
        rows: Training data.
        batch: `[B]`, rows of the batch.
        in_training: `[B]` bool, whether the rows are not held out from the member.
    """
    state = rows.state[batch]
    output = apply_mlp(nets, state, prefix="value/")
    tail = apply_mlp(averaged, rows.state[rows.last_row[batch]], prefix="value/")[..., 0]
    target = rows.observed[batch] + rows.bootstrap_weight[batch] * jax.lax.stop_gradient(tail)
    error = target - output[..., 0]
    log_spread = jnp.clip(output[..., 1], *LOG_SPREAD_BOUNDS)
    # Negative log-likelihood of a Laplace distribution; it trains its scale, not the value.
    spread_loss = jnp.abs(jax.lax.stop_gradient(error)) * jnp.exp(-log_spread) + log_spread
    pair = jnp.concatenate([state, rows.state[rows.next_row[batch]]], axis=-1)
    step = apply_mlp(nets, pair, prefix="step/")
    reward_loss = (rows.token_reward[batch] - step[..., 0]) ** 2
    end_loss = optax.sigmoid_binary_cross_entropy(step[..., 1], rows.terminates[batch])
    value_weight = in_training * rows.is_informative[batch]
    step_weight = in_training * rows.is_complete[batch]
    value_loss = _mean(error**2 + spread_loss, value_weight)
    return value_loss + _mean(reward_loss + end_loss, step_weight)


def _mean(x: Array, weight: Array) -> Array:
    return (x * weight).sum() / jnp.maximum(weight.sum(), 1)


@functools.partial(jax.jit, static_argnames="config")
def _train(rows: TrainingRows, fold: Array, config: ValueConfig, key: Array) -> dict[str, Array]:
    """Return the averaged weights of all members, each trained on the rows of the other folds."""
    k_init, k_batch = jax.random.split(key)
    count = len(rows.state)
    members = jnp.arange(config.members, dtype=jnp.int32)
    width = config.width
    dim = rows.state.shape[1]
    nets = jax.vmap(lambda k: init_member(k, dim, width))(jax.random.split(k_init, config.members))
    optimizer = optax.adamw(
        optax.cosine_decay_schedule(config.learning_rate, config.steps), weight_decay=WEIGHT_DECAY
    )
    member_losses = jax.vmap(_loss, (0, 0, None, None, 0))

    def step(carry, i):
        nets, averaged, optimizer_state = carry
        step_key = jax.random.fold_in(k_batch, i)
        batch = jax.random.randint(step_key, (config.batch_size,), 0, count, dtype=jnp.int32)
        in_training = fold[batch][None] != members[:, None]
        grads = jax.grad(
            lambda nets: member_losses(nets, averaged, rows, batch, in_training).sum()
        )(nets)
        updates, optimizer_state = optimizer.update(grads, optimizer_state, nets)
        nets = optax.apply_updates(nets, updates)
        averaged = jax.tree.map(lambda a, n: AVERAGING * a + (1 - AVERAGING) * n, averaged, nets)
        return (nets, averaged, optimizer_state), None

    start = (nets, nets, optimizer.init(nets))
    (_, averaged, _), _ = jax.lax.scan(step, start, jnp.arange(config.steps, dtype=jnp.int32))
    return averaged
