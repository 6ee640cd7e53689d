"""Learning rates, clipping, decay and Muon, observed in the updates."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.training.optimizer import MUON_OVER_ADAM, OPTIMIZERS, OptimizerConfig, make_optimizer

STEPS = 20
FLAT = {"warmup": 0, "final": 1.0}


def updates(config, params, grads, steps=STEPS):
    """Return the update for each gradient."""
    optimizer = make_optimizer(config, steps)
    step = jax.jit(optimizer.update)
    state = optimizer.init(params)
    results = []
    for grad in grads:
        update, state = step(grad, state, params)
        results.append(jax.tree.map(np.asarray, update))
    return results


def rates(config, steps=STEPS):
    """Return each step's learning rate over the peak, from the updates of a constant gradient."""
    one = {"m": jnp.ones((1, 1))}
    results = updates(config, one, [one] * (steps + 1), steps)
    size = -np.array([update["m"][0, 0] for update in results])
    return size / size.max()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_learning_rate_rises_then_falls_as_a_cosine(name):
    warmup = 5
    final = 0.1
    actual = rates(OptimizerConfig(name, 1e-2, warmup, final, weight_decay=0.0))
    np.testing.assert_allclose(actual[: warmup + 1], np.arange(warmup + 1) / warmup, rtol=1e-4)
    fraction = np.arange(STEPS - warmup + 1) / (STEPS - warmup)
    decay = final + (1 - final) * (1 + np.cos(np.pi * fraction)) / 2
    np.testing.assert_allclose(actual[warmup:], decay, rtol=1e-4)


def test_warmup_takes_at_most_half_of_a_short_run():
    assert np.argmax(rates(OptimizerConfig(warmup=1000, weight_decay=0.0), steps=8)) == 4


@pytest.mark.parametrize(("steps", "expected"), [(1, [1.0, 0.02]), (2, [0.0, 1.0, 0.02])])
def test_shortest_runs(steps, expected):
    config = OptimizerConfig(warmup=5, final=0.02, weight_decay=0.0)
    np.testing.assert_allclose(rates(config, steps), expected, atol=1e-4)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_gradients_are_clipped_by_their_global_norm(name):
    params = {"m": jnp.eye(2), "v": jnp.ones(2)}
    grad = {"m": jnp.array([[3.0, 1.0], [0.0, 2.0]]), "v": jnp.array([1.0, -2.0])}
    norm = np.sqrt(sum(np.sum(g**2) for g in grad.values()))
    unit = jax.tree.map(lambda g: g / norm, grad)
    large, other = (jax.tree.map(lambda g, k=k: k * g, unit) for k in (100.0, 0.5))

    def last(first, clip):
        return updates(OptimizerConfig(name, clip=clip, **FLAT), params, [first, other])[-1]

    clipped = last(large, 1.0)
    same = last(unit, 1.0)
    free = last(large, 0.0)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), clipped, same)
    assert not np.allclose(clipped["v"], free["v"], rtol=0.05)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_only_matrices_decay(name):
    rate = 0.1
    decay = 0.5
    params = {"m": jnp.ones((3, 2)), "v": jnp.ones(3), "t": jnp.ones((2, 3, 2))}
    zero = jax.tree.map(jnp.zeros_like, params)
    config = OptimizerConfig(name, rate, weight_decay=decay, **FLAT)
    (update,) = updates(config, params, [zero])
    factor = MUON_OVER_ADAM if name == "muon" else 1
    np.testing.assert_allclose(update["m"], -factor * rate * decay, rtol=1e-5)
    assert not update["v"].any() and not update["t"].any()


def test_muon_orthogonalizes_matrices_and_leaves_the_rest_to_adam():
    rng = np.random.default_rng(0)
    u, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    grad = {
        "m": jnp.asarray(u @ np.diag([9.0, 5.0, 3.0, 2.0, 1.0, 0.5]) @ u.T, jnp.float32),
        "v": jnp.array([5.0, -0.1]),
        "t": jnp.asarray(rng.normal(size=(2, 3, 2)), jnp.float32),
    }
    params = jax.tree.map(jnp.zeros_like, grad)
    rate = 1e-3
    (muon,) = updates(OptimizerConfig("muon", rate, **FLAT), params, [grad])
    singular = np.linalg.svd(muon["m"], compute_uv=False) / (MUON_OVER_ADAM * rate)
    assert singular.min() > 0.6 and singular.max() < 1.3  # Newton-Schulz is approximate
    (adam,) = updates(OptimizerConfig("adamw", rate, **FLAT), params, [grad])
    for name in ("v", "t"):  # Adam with Nesterov momentum, which lengthens the step
        factor = muon["v"][0] / adam["v"][0]
        np.testing.assert_allclose(muon[name], factor * adam[name], rtol=1e-3)
    adam_singular = np.linalg.svd(adam["m"], compute_uv=False) / rate
    assert adam_singular.max() / adam_singular.min() > 2
