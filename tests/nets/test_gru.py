"""The recurrent denoiser: cached against full pass, causality, and two streams."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from dfplan.nets.cache import repeat

from .conftest import FEATURES, make_net
from .test_cache import WALKS, fresh

TOKENS = 8


@pytest.fixture(scope="module")
def gru():
    return make_net(kind="gru")


@pytest.fixture(scope="module")
def full(gru):
    return jax.jit(gru)


@pytest.fixture(scope="module")
def extend(gru):
    return jax.jit(gru.extend)


@pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS)
def test_cached_equals_full(gru, full, extend, walk):
    x, level = fresh(99, 2, TOKENS)
    # Latents left by an earlier, longer sequence must not be seen.
    cache = jax.tree.map(lambda a: a + 5.0, gru.init_cache(2, TOKENS))
    for i, (start, width) in enumerate(walk):
        window, window_level = fresh(i, 2, width)
        out, cache = extend(cache, window, window_level, jnp.int32(start))
        x = x.at[:, start : start + width].set(window)
        level = level.at[:, start : start + width].set(window_level)
        expected = full(x, level)[:, start : start + width]
        np.testing.assert_allclose(out, expected, atol=1e-5)


def test_repeat_shares_each_row_with_its_candidates(gru, full, extend, tokens):
    x, level = tokens
    _, cache = extend(gru.init_cache(2, 8), x[:, :3], level[:, :3], jnp.int32(0))
    window, window_level = fresh(0, 6, 5)
    out, _ = extend(repeat(cache, 3), window, window_level, jnp.int32(3))
    history, history_level = (jnp.repeat(a[:, :3], 3, axis=0) for a in tokens)
    whole = (jnp.concatenate(p, 1) for p in ((history, window), (history_level, window_level)))
    np.testing.assert_allclose(out, full(*whole)[:, 3:], atol=1e-5)


def test_precomputed_modulation_is_looked_up(gru, extend, tokens):
    levels = jnp.array([0.0, 0.25, 0.7, 1.0])
    x = tokens[0]
    level = levels[jnp.arange(16).reshape(2, 8) % 4]
    cache = gru.init_cache(2, 8)
    start = jnp.int32(0)

    @jax.jit
    def looked_up(levels):
        return gru.extend(cache, x, level, start, gru.precompute_modulation(levels))[0]

    plain, _ = extend(cache, x, level, start)
    np.testing.assert_allclose(looked_up(levels), plain, atol=1e-5)
    assert np.abs(looked_up(1.0 - levels) - plain).max() > 1e-3


@pytest.mark.parametrize("what", ["value", "level"])
def test_a_token_changes_its_own_and_later_outputs_only(full, tokens, what):
    x, level = tokens
    before = full(x, level)
    for j in range(TOKENS):
        x2 = x.at[:, j].add(0.5) if what == "value" else x
        level2 = level.at[:, j].set((level[:, j] + 0.3) % 1.0) if what == "level" else level
        change = np.abs(np.asarray(full(x2, level2) - before)).max(axis=(0, 2))
        assert np.all(change[:j] == 0) and np.all(change[j:] > 1e-5), j


def test_a_target_equals_a_token_of_a_single_stream(gru, full, tokens):
    """Target i at its own value and level, after the history before it."""
    history, h_level = tokens
    target = history[::-1] + 0.3
    t_level = 1.0 - h_level
    targets = jax.jit(gru.two_streams)(
        jnp.concatenate([history, target], axis=1), jnp.concatenate([h_level, t_level], axis=1)
    )
    assert targets.shape == (2, TOKENS, FEATURES)
    for i in range(TOKENS):
        one = full(history.at[:, i].set(target[:, i]), h_level.at[:, i].set(t_level[:, i]))
        np.testing.assert_allclose(targets[:, i], one[:, i], atol=1e-5)


def test_the_goal_embedding_marks_position_zero_only(extend, gru, tokens):
    x, level = tokens
    marked = make_net(kind="gru")
    marked.goal_embed[...] += 1.0
    extend_marked = jax.jit(marked.extend)
    cache = gru.init_cache(2, 8)
    for start, same in ((0, False), (3, True)):
        one = extend(cache, x[:, :2], level[:, :2], jnp.int32(start))[0]
        other = extend_marked(cache, x[:, :2], level[:, :2], jnp.int32(start))[0]
        assert np.allclose(one, other, atol=1e-6) == same


def test_gradients_reach_every_parameter():
    graph, params = nnx.split(make_net(kind="gru"))
    x, level = fresh(4, 2, 2 * TOKENS)

    def loss(params):
        return jnp.mean(nnx.merge(graph, params).two_streams(x, level) ** 2)

    for path, grad in jax.tree_util.tree_leaves_with_path(jax.jit(jax.grad(loss))(params)):
        assert np.isfinite(grad).all() and np.abs(grad).max() > 0, path
