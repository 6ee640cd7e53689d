"""HIQL (Park et al. 2023, arXiv 2307.11949) as OGBench runs it, in compact form.

A value V(s, φ(s, g)) is learned by expectile regression; φ is a representation of goals. A
high-level policy predicts the representation of a subgoal some steps ahead, and a low-level policy
the action toward it; both are advantage-weighted regressions. There is no planning.
"""

import dataclasses
import functools
import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dfplan.types import Array
from experiments.ogbench.peers.goals import Batch, Data, GoalShares, draw_batch

Layers = list[dict[str, Array]]
Networks = dict[str, Any]
MAX_WEIGHT = 100.0
"""Limit of the weight of an action or subgoal."""


@dataclasses.dataclass(frozen=True)
class HIQL:
    """Settings; the defaults are OGBench's, except for the size of networks and batches.

    Attributes:
        width: Width of the three hidden layers; 512 in OGBench.
        batch_size: Transitions per step; 1,024 in OGBench.
        steps: Optimizer steps; a million in OGBench.
        learning_rate: Adam's learning rate.
        discount: Discount per control step.
        expectile: Expectile of the value's regression.
        temperature: Inverse temperature of both policies' weights.
        averaging: Decay of the target network.
        subgoal_steps: Control steps to a subgoal.
        representation: Dimensions of a goal's representation.
        shares: How goals are drawn.
    """

    width: int = 256
    batch_size: int = 256
    steps: int = 200_000
    learning_rate: float = 3e-4
    discount: float = 0.99
    expectile: float = 0.7
    temperature: float = 3.0
    averaging: float = 0.995
    subgoal_steps: int = 25
    representation: int = 10
    shares: GoalShares = GoalShares()


class State(NamedTuple):
    """Training state: step, networks, target of the value, optimizer."""

    step: Array
    networks: Networks
    target: list[Layers]
    opt_state: optax.OptState


def init(key: Array, config: HIQL, state_dim: int, action_dim: int) -> State:
    """Return the initial state of the training."""
    hidden = (config.width,) * 3
    keys = jax.random.split(key, 5)
    features = state_dim + config.representation
    value = [_init_layers(keys[k], (features, *hidden, 1)) for k in range(2)]
    networks = {
        "goal": _init_layers(keys[2], (2 * state_dim, *hidden, config.representation)),
        "value": value,
        "low": _init_layers(keys[3], (features, *hidden, action_dim)),
        "high": _init_layers(keys[4], (2 * state_dim, *hidden, config.representation)),
    }
    return State(jnp.int32(0), networks, value, _optimizer(config).init(networks))


def _init_layers(key: Array, sizes: tuple[int, ...]) -> Layers:
    init = jax.nn.initializers.variance_scaling(1.0, "fan_avg", "uniform")
    keys = jax.random.split(key, len(sizes) - 1)
    return [
        {"kernel": init(k, (a, b), jnp.float32), "bias": jnp.zeros(b)}
        for k, (a, b) in zip(keys, itertools.pairwise(sizes), strict=True)
    ]


def _optimizer(config: HIQL) -> optax.GradientTransformation:
    return optax.adam(config.learning_rate)


def _mlp(layers: Layers, x: Array, *, norm: bool) -> Array:
    for layer in layers[:-1]:
        x = jax.nn.gelu(x @ layer["kernel"] + layer["bias"])
        x = jax.nn.standardize(x, axis=-1, epsilon=1e-6) if norm else x
    return x @ layers[-1]["kernel"] + layers[-1]["bias"]


def _to_length(x: Array) -> Array:
    """Return vectors of length √d, as representations of goals are."""
    return x / jnp.linalg.norm(x, axis=-1, keepdims=True) * jnp.sqrt(x.shape[-1])


def represent(networks: Networks, state: Array, goal: Array) -> Array:
    """Return representations `[B, R]` of goals as seen from states."""
    return _to_length(_mlp(networks["goal"], jnp.concatenate([state, goal], -1), norm=True))


def _values(networks: Networks, value: list[Layers], state: Array, goal: Array) -> Array:
    """Return the values `[2, B]` of both networks."""
    features = jnp.concatenate([state, represent(networks, state, goal)], -1)
    return jnp.stack([_mlp(layers, features, norm=True)[:, 0] for layers in value])


def loss(networks: Networks, target: list[Layers], config: HIQL, batch: Batch) -> Array:
    """Return the sum of the losses of value, low-level and high-level policy."""
    frozen = jax.lax.stop_gradient(networks)
    value = functools.partial(_values, frozen, frozen["value"])
    low = jnp.concatenate([batch.state, represent(frozen, batch.state, batch.low_goal)], -1)
    low_gain = value(batch.next_state, batch.low_goal) - value(batch.state, batch.low_goal)
    low_error = jnp.sum((_mlp(networks["low"], low, norm=False) - batch.action) ** 2, -1)
    high = jnp.concatenate([batch.state, batch.high_goal], -1)
    high_gain = value(batch.high_target, batch.high_goal) - value(batch.state, batch.high_goal)
    subgoal = represent(frozen, batch.state, batch.high_target)
    high_error = jnp.sum((_mlp(networks["high"], high, norm=False) - subgoal) ** 2, -1)
    policies = _weight(config, low_gain) * low_error + _weight(config, high_gain) * high_error
    return _value_loss(networks, frozen, target, config, batch) + 0.5 * jnp.mean(policies)


def _weight(config: HIQL, gain: Array) -> Array:
    return jnp.minimum(jnp.exp(config.temperature * gain.mean(0)), MAX_WEIGHT)


def _value_loss(
    networks: Networks, frozen: Networks, target: list[Layers], config: HIQL, batch: Batch
) -> Array:
    """Return the expectile loss of the value; each step before the goal costs 1."""
    not_reached = 1.0 - batch.is_reached
    after = _values(frozen, target, batch.next_state, batch.value_goal)
    before = _values(frozen, target, batch.state, batch.value_goal)
    backup = -not_reached + config.discount * not_reached * after
    worst = -not_reached + config.discount * not_reached * after.min(0)
    gain = worst - before.mean(0)
    expectile = jnp.where(gain >= 0, config.expectile, 1 - config.expectile)
    predicted = _values(networks, networks["value"], batch.state, batch.value_goal)
    return jnp.mean(expectile * jnp.sum((backup - predicted) ** 2, 0))


@functools.partial(jax.jit, static_argnames="config")
def train_until(state: State, data: Data, config: HIQL, *, key: Array, stop: Array) -> State:
    """Train up to step `stop`."""
    optimizer = _optimizer(config)

    def advance(state: State) -> State:
        batch = draw_batch(
            jax.random.fold_in(key, state.step),
            data,
            config.shares,
            size=config.batch_size,
            subgoal_steps=config.subgoal_steps,
            discount=config.discount,
        )
        grads = jax.grad(loss)(state.networks, state.target, config, batch)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.networks)
        networks = optax.apply_updates(state.networks, updates)
        rate = 1 - config.averaging
        target = optax.incremental_update(networks["value"], state.target, rate)  # pyright: ignore
        return State(state.step + 1, networks, target, opt_state)  # pyright: ignore

    return jax.lax.while_loop(lambda state: state.step < stop, advance, state)


@jax.jit
def act(networks: Networks, state: Array, goal: Array) -> Array:
    """Return actions `[B, A]` in [-1, 1] without noise, from normalized states and goals."""
    subgoal = _to_length(_mlp(networks["high"], jnp.concatenate([state, goal], -1), norm=False))
    action = _mlp(networks["low"], jnp.concatenate([state, subgoal], -1), norm=False)
    return jnp.clip(action, -1.0, 1.0)


class HIQLAgent:
    """Acts in a batch of environments; see `dfplan.evaluation.play.BatchAgent`.

    Args:
        networks: Trained networks.
        mean: `[S]` mean of the states.
        std: `[S]` standard deviation of the states.
    """

    def __init__(self, networks: Networks, mean: np.ndarray, std: np.ndarray):
        self._networks = networks
        self._mean = mean
        self._std = std

    def reset(self, mask: np.ndarray | None = None, *, seed: Any = None) -> None:
        """Do nothing: the policy has no memory."""

    def act(
        self, observation: Any, goal: Any = None, *, episode_over: np.ndarray | None = None
    ) -> np.ndarray:
        """Return actions `[B, A]`."""
        state = (np.asarray(observation) - self._mean) / self._std
        goal_state = (np.asarray(goal) - self._mean) / self._std
        return np.asarray(act(self._networks, state, goal_state))
