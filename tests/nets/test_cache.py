"""The cached computation against the full pass."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.nets.cache import KVCache, repeat, write

from .conftest import FEATURES, make_net


@pytest.fixture(scope="session", params=["transformer", "gru"])
def net(request):
    return make_net(kind=request.param)


@pytest.fixture(scope="session")
def full(net):
    return jax.jit(net)


def fresh(seed, rows, width):
    rng = np.random.default_rng(seed)
    return (
        jnp.asarray(rng.normal(size=(rows, width, FEATURES)), jnp.float32),
        jnp.asarray(rng.uniform(size=(rows, width)), jnp.float32),
    )


# (start, width) of each window in turn; each rewrites or follows the tokens before it.
WALKS = {
    "one at a time": [(0, 3), (3, 1), (4, 1), (5, 1)],
    "mixed widths": [(0, 3), (3, 2), (5, 1), (6, 2)],
    "rewritten": [(0, 3), (3, 3), (3, 3), (3, 2), (5, 3), (5, 1), (6, 1)],
    "goes back": [(0, 3), (3, 3), (6, 2), (2, 1), (3, 3), (1, 2), (3, 1)],
}


@pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS)
def test_cached_equals_full(net, full, extend, walk):
    """What an earlier, longer sequence left in the cache must not be seen."""
    x, level = fresh(99, 2, 8)
    cache = jax.tree.map(lambda a: a + 5.0, net.init_cache(2, 8))
    for i, (start, width) in enumerate(walk):
        window, window_level = fresh(i, 2, width)
        out, cache = extend(cache, window, window_level, jnp.int32(start))
        x = x.at[:, start : start + width].set(window)
        level = level.at[:, start : start + width].set(window_level)
        expected = full(x, level)[:, start : start + width]
        np.testing.assert_allclose(out, expected, atol=1e-5)


def test_start_is_traced(net, tokens):
    x, level = tokens
    traces = []

    def count(cache, x, level, start):
        traces.append(0)
        return net.extend(cache, x, level, start)

    jitted = jax.jit(count)
    cache = net.init_cache(2, 8)
    for start in range(8):
        _, cache = jitted(cache, x[:, :1], level[:, :1], jnp.int32(start))
    assert len(traces) == 1


def test_precomputed_modulation_is_precomputed(net, extend, tokens):
    levels = jnp.array([0.0, 0.25, 0.7, 1.0])
    x = tokens[0]
    level = levels[jnp.arange(16).reshape(2, 8) % 4]
    cache = net.init_cache(2, 8)
    start = jnp.int32(0)

    @jax.jit
    def looked_up(levels):
        return net.extend(cache, x, level, start, net.precompute_modulation(levels))[0]

    plain, _ = extend(cache, x, level, start)
    np.testing.assert_allclose(looked_up(levels), plain, atol=1e-5)
    assert np.abs(looked_up(1.0 - levels) - plain).max() > 1e-3


def test_repeat_shares_each_row_with_its_candidates(net, full, extend, tokens):
    x, level = tokens
    _, cache = extend(net.init_cache(2, 8), x[:, :3], level[:, :3], jnp.int32(0))
    window, window_level = fresh(0, 6, 5)
    out, _ = extend(repeat(cache, 3), window, window_level, jnp.int32(3))
    history, history_level = (jnp.repeat(a[:, :3], 3, axis=0) for a in tokens)
    expected = full(
        jnp.concatenate([history, window], axis=1),
        jnp.concatenate([history_level, window_level], axis=1),
    )
    np.testing.assert_allclose(out, expected[:, 3:], atol=1e-5)


def test_gradient_through_the_cache_equals_the_full_pass(net, tokens):
    x, level = tokens
    pull = np.random.default_rng(5).normal(size=(2, 5, FEATURES))

    def cached(x):
        _, cache = net.extend(net.init_cache(2, 8), x[:, :3], level[:, :3], jnp.int32(0))
        out, _ = net.extend(cache, x[:, 3:], level[:, 3:], jnp.int32(3))
        return jnp.sum(jnp.sin(out) * pull)

    def full(x):
        return jnp.sum(jnp.sin(net(x, level)[:, 3:]) * pull)

    actual, expected = map(np.asarray, (jax.jit(jax.grad(f))(x) for f in (cached, full)))
    assert np.all(np.isfinite(actual)) and np.all(np.abs(expected).max(axis=(0, 2)) > 1e-4)
    np.testing.assert_allclose(actual, expected, atol=1e-5 * np.abs(expected).max())


def test_write_replaces_only_its_window():
    buffer = write(jnp.zeros((1, 2, 6, 3)), jnp.ones((1, 2, 2, 3)), jnp.int32(3), axis=2)
    assert buffer[0, 0, :, 0].tolist() == [0, 0, 0, 1, 1, 0]


def test_empty_cache_can_be_donated():
    """Its buffers are distinct: JAX refuses to donate one buffer twice."""
    cache = KVCache.zeros(2, 1, 4, 2, 6)
    leaves = jax.tree.leaves(cache)
    assert len(leaves) == 4 and len({leaf.unsafe_buffer_pointer() for leaf in leaves}) == 4
    assert {k.shape for k in cache.k} == {(1, 2, 6, 4)}
    assert {v.shape for v in cache.v} == {(1, 2, 4, 6)}
