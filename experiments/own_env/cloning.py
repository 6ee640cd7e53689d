"""Behaviour cloning: a network that maps a state to the action the data took there."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from dfplan.data.minari_io import Trajectories
from dfplan.data.windows import fit_normalizers

WIDTH = 256
LEARNING_RATE = 1e-3


class Cloning:
    """A trained regressor, in the form that `dfplan.evaluate.run_episodes` takes.

    Args:
        data: what to imitate.
        steps: optimiser steps. batch: transitions per step.
        seed: of initialisation and batches.
    """

    def __init__(self, data: Trajectories, *, steps: int, batch: int, seed: int):
        self._layout = data.layout
        self._states, self._actions = fit_normalizers(data)
        taken = np.delete(np.arange(len(data.state)), data.start + data.length - 1)
        pairs = self._states.encode(data.state[taken]), self._actions.encode(data.action[taken])
        self._net = _fit(*pairs, steps, batch, seed)

    def reset(self, mask=None, *, seed=None) -> None:
        """Nothing is remembered."""

    def act(self, observation: np.ndarray) -> np.ndarray:
        """Actions `[B, A]`."""
        state = self._states.encode(self._layout.state(observation))
        return self._layout.clip_action(np.asarray(self._actions.decode(self._net(state))))


def _fit(states: jax.Array, actions: jax.Array, steps: int, batch: int, seed: int):
    """The regressor with the least squared error, Adam on a cosine schedule."""
    rngs = nnx.Rngs(seed)
    net = nnx.Sequential(
        nnx.Linear(states.shape[1], WIDTH, rngs=rngs),
        nnx.relu,
        nnx.Linear(WIDTH, WIDTH, rngs=rngs),
        nnx.relu,
        nnx.Linear(WIDTH, actions.shape[1], rngs=rngs),
    )
    graph, params = nnx.split(net)
    optimizer = optax.adam(optax.cosine_decay_schedule(LEARNING_RATE, steps))
    key = jax.random.key(seed)

    def loss(params, rows):
        return jnp.mean((nnx.merge(graph, params)(states[rows]) - actions[rows]) ** 2)

    def step(carry, i):
        params, opt = carry
        rows = jax.random.randint(jax.random.fold_in(key, i), (batch,), 0, len(states))
        updates, opt = optimizer.update(jax.grad(loss)(params, rows), opt, params)
        return (optax.apply_updates(params, updates), opt), None

    train = jax.jit(lambda carry: jax.lax.scan(step, carry, jnp.arange(steps))[0])
    params, _ = train((params, optimizer.init(params)))
    return jax.jit(functools.partial(lambda params, x: nnx.merge(graph, params)(x), params))
