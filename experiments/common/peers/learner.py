"""What an algorithm has to define, and the training that all of them share."""

import dataclasses
import functools
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
import optax

from dfplan.types import Array
from experiments.common.peers.goals import Batch, Data, GoalShares, draw_batch
from experiments.common.peers.networks import Networks


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of all algorithms: OGBench's, except for the size of networks and batches.

    Attributes:
        width: Width of the three hidden layers; 512 in OGBench.
        batch_size: Transitions per step; 1,024 in OGBench.
        steps: Optimizer steps; a million in OGBench.
        learning_rate: Adam's learning rate.
        discount: Discount per control step.
        averaging: Decay of the target network.
        subgoal_steps: Control steps to a subgoal.
        shares: How goals are drawn.
    """

    width: int = 256
    batch_size: int = 256
    steps: int = 200_000
    learning_rate: float = 3e-4
    discount: float = 0.99
    averaging: float = 0.995
    subgoal_steps: int = 25
    shares: GoalShares = GoalShares()

    def sizes(self, inputs: int, outputs: int) -> tuple[int, ...]:
        """Return the sizes of a network's layers."""
        return (inputs, *(self.width,) * 3, outputs)


class Algorithm(Protocol):
    """An algorithm with its settings; hashable, as it is an argument of compiled programs."""

    def __init__(self, settings: Settings) -> None: ...

    @property
    def settings(self) -> Settings:
        """Settings that all algorithms have."""
        ...

    @property
    def averaged(self) -> str:
        """Name of the networks that have a target network; empty without one."""
        ...

    def init(self, key: Array, state_dim: int, action_dim: int) -> Networks:
        """Return untrained networks."""
        ...

    def loss(self, networks: Networks, target: Networks, batch: Batch) -> Array:
        """Return the loss of a batch."""
        ...

    def act(self, networks: Networks, state: Array, goal: Array) -> Array:
        """Return actions `[B, A]` without noise, from normalized states and goals."""
        ...


class State(NamedTuple):
    """Training state: step, networks, target networks, optimizer."""

    step: Array
    networks: Networks
    target: Networks
    opt_state: optax.OptState


def init_state(algorithm: Algorithm, key: Array, state_dim: int, action_dim: int) -> State:
    """Return the initial state of the training."""
    networks = algorithm.init(key, state_dim, action_dim)
    opt_state = _optimizer(algorithm).init(networks)
    return State(jnp.int32(0), networks, _averaged(algorithm, networks), opt_state)


def _averaged(algorithm: Algorithm, networks: Networks) -> Networks:
    return {name: networks[name] for name in [algorithm.averaged] if name}


def _optimizer(algorithm: Algorithm) -> optax.GradientTransformation:
    return optax.adam(algorithm.settings.learning_rate)


@functools.partial(jax.jit, static_argnames="algorithm")
def train_until(
    state: State, data: Data, algorithm: Algorithm, *, key: Array, stop: Array
) -> State:
    """Train up to step `stop`."""
    settings = algorithm.settings
    optimizer = _optimizer(algorithm)

    def advance(state: State) -> State:
        batch = draw_batch(
            jax.random.fold_in(key, state.step),
            data,
            settings.shares,
            size=settings.batch_size,
            subgoal_steps=settings.subgoal_steps,
            discount=settings.discount,
        )
        grads = jax.grad(algorithm.loss)(state.networks, state.target, batch)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.networks)
        networks: Networks = optax.apply_updates(state.networks, updates)  # pyright: ignore
        averaged = _averaged(algorithm, networks)
        rate = 1 - settings.averaging
        target: Networks = optax.incremental_update(averaged, state.target, rate)  # pyright: ignore
        return State(state.step + 1, networks, target, opt_state)

    return jax.lax.while_loop(lambda state: state.step < stop, advance, state)


@functools.partial(jax.jit, static_argnames="algorithm")
def act(algorithm: Algorithm, networks: Networks, state: Array, goal: Array) -> Array:
    """Return an algorithm's actions, clipped to [-1, 1]."""
    return jnp.clip(algorithm.act(networks, state, goal), -1.0, 1.0)
