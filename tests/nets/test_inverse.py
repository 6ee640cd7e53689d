"""Inverse dynamics: its formula, and a linear system whose actions it recovers."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from dfplan.nets.inverse import InverseDynamics

STRIDE = 4


def make():
    return InverseDynamics(state_dim=3, action_dim=2, stride=STRIDE, width=32, rngs=nnx.Rngs(0))


def linear_system(seed, count):
    """Return state, later state, gap and action u of the system x' = x + gap (A x + B u)."""
    rng = np.random.default_rng(seed)
    a = 0.1 * np.array([[0, 1, -1], [-1, 0, 2], [1, -2, 0]])
    b = np.eye(2, 3)
    x = rng.normal(size=(count, 3))
    u = rng.uniform(-1, 1, (count, 2))
    gap = rng.integers(1, STRIDE + 1, count)
    later = x + gap[:, None] * (x @ a + u @ b)
    return tuple(jnp.asarray(v, jnp.float32) for v in (x, later, gap, u))


def test_formula():
    """An MLP of the state, the rate of change and the gap, in NumPy."""
    net = make()
    state, later = np.random.default_rng(0).normal(size=(2, 7, 3)).astype(np.float32)
    gap = np.array([1, 2, 3, 4, 1, 2, 3], np.float32)

    def silu(x):
        return x / (1 + np.exp(-x))

    def linear(layer, x):
        return x @ np.asarray(layer.kernel[...]) + np.asarray(layer.bias[...])

    rate = (later - state) * STRIDE / gap[:, None]
    h = np.concatenate([state, rate, gap[:, None] / STRIDE], axis=1)
    h = silu(linear(net.second, silu(linear(net.first, h))))
    action = net(jnp.asarray(state), jnp.asarray(later), jnp.asarray(gap))
    assert action.dtype == jnp.float32
    np.testing.assert_allclose(action, linear(net.head, h), atol=1e-5)


def test_equal_rates_over_different_gaps_give_equal_actions():
    net = make()
    kernel = net.first.kernel[...]
    net.first.kernel[...] = kernel.at[-1].set(0.0)  # ignore the gap itself
    state, rate = jax.random.normal(jax.random.key(0), (2, 5, 3))
    short = net(state, state + rate, jnp.ones(5))
    long = net(state, state + 4 * rate, jnp.full(5, 4.0))
    np.testing.assert_allclose(short, long, atol=1e-5)
    assert np.any(np.abs(net(state, state + 4 * rate, jnp.ones(5)) - short) > 1e-3)


def test_recovers_the_action_of_a_linear_system():
    graph, params = nnx.split(make())
    optimizer = optax.adam(1e-2)

    def loss(params, x, later, gap, u):
        return jnp.mean((nnx.merge(graph, params)(x, later, gap) - u) ** 2)

    @jax.jit
    def step(params, state, *data):
        error, grads = jax.value_and_grad(loss)(params, *data)
        updates, state = optimizer.update(grads, state)
        return optax.apply_updates(params, updates), state, error

    unseen = linear_system(1, 512)
    data = linear_system(0, 512)
    state = optimizer.init(params)
    _, _, untrained = step(params, state, *unseen)
    for _ in range(300):
        params, state, _ = step(params, state, *data)
    _, _, error = step(params, state, *unseen)
    assert error < 0.01 < 0.2 < untrained
