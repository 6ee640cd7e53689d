"""Behavior cloning: a network that maps a state to the action taken in the data."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from dfplan.data.training_arrays import fit_normalizers
from dfplan.data.trajectories import Trajectories

WIDTH = 256
LEARNING_RATE = 1e-3


class Examples(NamedTuple):
    """Training data of a regressor.

    Attributes:
        states: Normalized states, `[N, S]`.
        actions: Normalized actions, `[N, A]`.
        weights: Weights of the squared errors, `[N]`.
    """

    states: jax.Array
    actions: jax.Array
    weights: jax.Array


class Cloning:
    """A trained regressor with the interface of `dfplan.evaluation.play.run_episodes`.

    Args:
        data: Trajectories to imitate.
        steps: Optimizer steps.
        batch: Transitions per step.
        seed: PRNG seed for initialization and batches.
        weights: `[M]` weights of the data's control steps, `Trajectories.action_rows`; None for
            equal weights.
    """

    def __init__(
        self,
        data: Trajectories,
        *,
        steps: int,
        batch: int,
        seed: int,
        weights: np.ndarray | None = None,
    ):
        self._layout = data.layout
        self._states, self._actions = fit_normalizers(data)
        rows = data.action_rows
        states = self._states.encode(data.state[rows])
        actions = self._actions.encode(data.action[rows])
        weights = np.ones(len(rows)) if weights is None else weights
        examples = Examples(states, actions, jnp.asarray(weights, jnp.float32))
        self._net = _fit(examples, steps=steps, batch=batch, seed=seed)

    def reset(self, mask=None, *, seed=None) -> None:
        """Do nothing, as cloning has no state."""

    def act(
        self,
        observation: np.ndarray,
        goal: np.ndarray | None = None,
        *,
        episode_over: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return actions `[B, A]` for a batch of observations; other arguments are ignored."""
        state = self._states.encode(self._layout.state(observation))
        return self._layout.clip_action(np.asarray(self._actions.decode(self._net(state))))


def _fit(
    examples: Examples, *, steps: int, batch: int, seed: int
) -> Callable[[jax.Array], jax.Array]:
    """Fit a regressor by weighted squared error, with Adam on a cosine schedule."""
    states, actions, weights = examples
    rngs = nnx.Rngs(seed)
    net = nnx.Sequential(
        nnx.Linear(states.shape[1], WIDTH, rngs=rngs),
        nnx.relu,
        nnx.Linear(WIDTH, WIDTH, rngs=rngs),
        nnx.relu,
        nnx.Linear(WIDTH, actions.shape[1], rngs=rngs),
    )
    graph, initial_params = nnx.split(net)
    optimizer = optax.adam(optax.cosine_decay_schedule(LEARNING_RATE, steps))
    key = jax.random.key(seed)

    def loss(params, rows):
        error = nnx.merge(graph, params)(states[rows]) - actions[rows]
        return jnp.mean(weights[rows, None] * error**2)

    def step(carry, i):
        params, opt = carry
        rows = jax.random.randint(jax.random.fold_in(key, i), (batch,), 0, len(states))
        updates, opt = optimizer.update(jax.grad(loss)(params, rows), opt, params)
        return (optax.apply_updates(params, updates), opt), None

    @jax.jit
    def train(carry):
        return jax.lax.scan(step, carry, jnp.arange(steps))[0]

    params, _ = train((initial_params, optimizer.init(initial_params)))

    def apply(params, x):
        return nnx.merge(graph, params)(x)

    return jax.jit(functools.partial(apply, params))
