"""Fit the low-level policy to a dataset, by advantage-weighted regression on hindsight targets.

A target is where the same episode was some control steps later (hindsight). A value network
predicts how long the data take from a state to a target, as an expectile below the mean, by
temporal differences; this is HIQL's value (Park et al. 2023, arXiv 2307.11949) for targets at most
one or two tokens away. An action's advantage is the duration that it saved: the predicted duration
before the action minus that after it. The policy is a regression on the data's actions, each
weighted by the exponential of its advantage (Peng et al. 2019, arXiv 1910.00177). It averages the
actions that led quickly to the target, where inverse dynamics average all of them.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float

from dfplan.data.training_arrays import TrainingArrays
from dfplan.nets.mlp import apply_mlp
from dfplan.nets.mlp_fit import Progress, advance_to_end, cosine_adam
from dfplan.policy.config import PolicyConfig
from dfplan.policy.policy import Network, Policy, PolicyInputs, init_network
from dfplan.policy.transitions import Transitions, sample_transitions
from dfplan.types import Array, UserError

AVERAGING = 0.995
"""Decay of the averaged weights, which are returned and predict the value of next states."""
MAX_WEIGHT = 20.0
"""Limit of an action's weight, before weights are divided by their mean."""
MIN_QUANTILE = 1e-3
"""Least distance of a quantile from 0 and 1, whose normal scores are infinite."""
MIN_SPREAD = 1e-6
"""Control steps added to the standard deviation of advantages, against division by zero."""


class FitState(NamedTuple):
    """State of the training, which each optimizer step changes.

    Attributes:
        step: Number of steps taken, int32.
        networks: Parameters of the networks "value" and "policy".
        averaged: Moving average of the parameters.
        opt_state: State of the optimizer.
    """

    step: Array
    networks: dict[str, Network]
    averaged: dict[str, Network]
    opt_state: optax.OptState


def fit_policy(
    training_arrays: TrainingArrays,
    config: PolicyConfig,
    *,
    target_dims: tuple[int, ...],
    stride: int,
    seed: int,
    progress: Progress | None = None,
) -> Policy:
    """Fit the policy of a dataset.

    Args:
        training_arrays: Dataset.
        config: Policy settings.
        target_dims: State dimensions that a target fixes.
        stride: Control steps per token.
        seed: PRNG seed for initialization and batches.
        progress: See `dfplan.nets.mlp_fit.Progress`.

    Raises:
        UserError: If a relative dimension is not in the state, or the data never move in the
            target dimensions.
    """
    inputs = make_inputs(training_arrays, config, target_dims=target_dims, stride=stride)
    key = jax.random.key(seed)
    actions = training_arrays.action.shape[1]
    state = _init_state(jax.random.fold_in(key, 0), config, inputs, actions=actions)

    def advance(state: FitState, stop: Array) -> FitState:
        return _fit_until(training_arrays, config, inputs, state, key=key, stop=stop)

    state = advance_to_end(advance, state, config.steps, progress)
    return Policy(state.averaged["policy"], inputs)


def make_inputs(
    training_arrays: TrainingArrays,
    config: PolicyConfig,
    target_dims: tuple[int, ...],
    stride: int,
) -> PolicyInputs:
    """Return the inputs of a dataset's networks; see `fit_policy`."""
    state_dim = training_arrays.state.shape[1]
    for dim in config.relative_dims:
        if not 0 <= dim < state_dim:
            raise UserError(
                f"policy.relative_dims {dim} is not in the state; valid: 0 to {state_dim - 1}"
            )
    horizon = config.max_steps(stride)
    return PolicyInputs(
        scale=_offset_scale(training_arrays, target_dims, horizon),
        target_dims=target_dims,
        state_dims=tuple(d for d in range(state_dim) if d not in config.relative_dims),
        horizon=horizon,
        timed=config.timed,
    )


def _offset_scale(
    training_arrays: TrainingArrays, target_dims: tuple[int, ...], horizon: int
) -> Array:
    """Return the root mean square offset over half the horizon, `[G]`."""
    last = np.asarray(training_arrays.row_index.last)
    rows = np.arange(len(last))
    later = np.minimum(rows + max(horizon // 2, 1), last)
    points = np.asarray(training_arrays.state)[:, list(target_dims)]
    scale = np.sqrt(np.mean((points[later] - points) ** 2, axis=0, dtype=np.float64))
    if not (scale > 0).any():
        raise UserError(
            f"the data never move in the dimensions {target_dims}, so that no policy can be learned"
        )
    return jnp.asarray(np.where(scale > 0, scale, scale.max()), jnp.float32)


def _init_state(key: Array, config: PolicyConfig, inputs: PolicyInputs, actions: int) -> FitState:
    k_value, k_policy = jax.random.split(key)
    features = inputs.feature_count
    networks = {
        "value": init_network(k_value, features, config.width, 1),
        "policy": init_network(k_policy, features + inputs.timed, config.width, actions),
    }
    return FitState(
        step=jnp.int32(0),
        networks=networks,
        averaged=networks,
        opt_state=cosine_adam(config.learning_rate, config.steps).init(networks),
    )


def duration(network: Network, inputs: PolicyInputs, state: Array, target: Array) -> Array:
    """Return the predicted control steps `[B]` from states to targets."""
    output = apply_mlp(network, inputs.features(state, target))[:, 0]
    return inputs.horizon * jax.nn.softplus(output)


def _loss(
    networks: dict[str, Network],
    averaged: dict[str, Network],
    config: PolicyConfig,
    inputs: PolicyInputs,
    batch: Transitions,
) -> Array:
    """Return the sum of the losses of value and policy."""
    before = duration(averaged["value"], inputs, batch.state, batch.target)
    after = duration(averaged["value"], inputs, batch.next_state, batch.target)
    after = jnp.where(batch.steps > 1, after, 0.0)
    predicted = duration(networks["value"], inputs, batch.state, batch.target)
    error = (1 + after - predicted) / inputs.horizon
    expectile = jnp.where(error < 0, config.expectile, 1 - config.expectile)
    weight = _weights(_advantage(batch, before - after), config.sharpness)
    features = inputs.timed_features(batch.state, batch.target, batch.steps.astype(jnp.float32))
    action_error = apply_mlp(networks["policy"], features) - batch.action
    policy_loss = jnp.mean(weight * jnp.mean(action_error**2, axis=-1))
    return jnp.mean(expectile * error**2) + policy_loss


def _advantage(batch: Transitions, saved: Float[Array, "B"]) -> Float[Array, "B"]:
    """Return the advantage of actions: in reward, as a normal score, or else the time saved.

    Args:
        batch: Transitions.
        saved: Control steps that the actions saved.
    """
    if batch.quantile is None:
        return saved
    return jax.scipy.special.ndtri(jnp.clip(batch.quantile, MIN_QUANTILE, 1 - MIN_QUANTILE))


def _weights(advantage: Float[Array, "B"], sharpness: float) -> Float[Array, "B"]:
    """Return the weights of actions by their advantage, with a mean of 1."""
    advantage = (advantage - advantage.mean()) / (advantage.std() + MIN_SPREAD)
    weight = jnp.minimum(jnp.exp(sharpness * advantage), MAX_WEIGHT)
    return weight / weight.mean()


@functools.partial(jax.jit, static_argnames="config")
def _fit_until(
    training_arrays: TrainingArrays,
    config: PolicyConfig,
    inputs: PolicyInputs,
    state: FitState,
    *,
    key: Array,
    stop: Array,
) -> FitState:
    """Fit up to step `stop`."""
    optimizer = cosine_adam(config.learning_rate, config.steps)

    def advance(state: FitState) -> FitState:
        batch_key = jax.random.fold_in(jax.random.fold_in(key, 1), state.step)
        batch = sample_transitions(batch_key, training_arrays, inputs, config.batch_size)
        grads = jax.grad(_loss)(state.networks, state.averaged, config, inputs, batch)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.networks)
        networks = jax.tree.map(jnp.add, state.networks, updates)
        # The decay grows with the step, or an early average would remember the initialization.
        step = state.step.astype(jnp.float32)
        decay = jnp.minimum(AVERAGING, (1 + step) / (10 + step))
        averaged = jax.tree.map(lambda a, n: decay * a + (1 - decay) * n, state.averaged, networks)
        return FitState(state.step + 1, networks, averaged, opt_state)

    return jax.lax.while_loop(lambda state: state.step < stop, advance, state)
