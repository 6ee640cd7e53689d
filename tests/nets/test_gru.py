"""The recurrent denoiser: cached against the full pass, causality, two streams, long rollouts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.nets.cache import repeat

from .conftest import FEATURES, make_net
from .test_cache import WALKS, fresh

TOKENS = 8


@pytest.fixture(scope="module")
def gru():
    return make_net(kind="gru")


@pytest.fixture(scope="module")
def whole(gru):
    return jax.jit(gru)


@pytest.fixture(scope="module")
def go_on(gru):
    return jax.jit(gru.extend)


@pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS)
def test_cached_equals_full(gru, whole, go_on, walk):
    x, level = fresh(99, 2, TOKENS)
    # What a longer visit left behind must not be seen.
    cache = jax.tree.map(lambda a: a + 5.0, gru.init_cache(2, TOKENS))
    for i, (start, width) in enumerate(walk):
        window, window_level = fresh(i, 2, width)
        out, cache = go_on(cache, window, window_level, jnp.int32(start))
        x = x.at[:, start : start + width].set(window)
        level = level.at[:, start : start + width].set(window_level)
        wanted = whole(x, level)[:, start : start + width]
        np.testing.assert_allclose(out, wanted, atol=1e-5)


def test_repeat_shares_each_row_with_its_candidates(gru, whole, go_on, tokens):
    x, level = tokens
    _, cache = go_on(gru.init_cache(2, 8), x[:, :3], level[:, :3], jnp.int32(0))
    window, window_level = fresh(0, 6, 5)
    out, _ = go_on(repeat(cache, 3), window, window_level, jnp.int32(3))
    history, history_level = (jnp.repeat(a[:, :3], 3, axis=0) for a in tokens)
    both = (jnp.concatenate(p, 1) for p in ((history, window), (history_level, window_level)))
    np.testing.assert_allclose(out, whole(*both)[:, 3:], atol=1e-5)


def test_known_levels_are_looked_up(gru, go_on, tokens):
    levels = jnp.array([0.0, 0.25, 0.7, 1.0])
    x, level = tokens[0], levels[jnp.arange(16).reshape(2, 8) % 4]
    cache, start = gru.init_cache(2, 8), jnp.int32(0)
    plain, _ = go_on(cache, x, level, start)
    looked_up, _ = gru.extend(cache, x, level, start, gru.precompute_modulation(levels))
    np.testing.assert_allclose(looked_up, plain, atol=1e-5)
    other, _ = gru.extend(cache, x, level, start, gru.precompute_modulation(1.0 - levels))
    assert np.abs(other - plain).max() > 1e-3


@pytest.mark.parametrize("what", ["value", "level"])
def test_a_token_changes_its_own_and_later_outputs_only(whole, tokens, what):
    x, level = tokens
    before = whole(x, level)
    for j in range(TOKENS):
        x2 = x.at[:, j].add(0.5) if what == "value" else x
        level2 = level.at[:, j].set((level[:, j] + 0.3) % 1.0) if what == "level" else level
        change = np.abs(np.asarray(whole(x2, level2) - before)).max(axis=(0, 2))
        assert np.all(change[:j] == 0) and np.all(change[j:] > 1e-5), j


def test_a_target_equals_a_single_streams(gru, whole, tokens):
    """Target i at its own value and level, after the history before it."""
    history, h_level = tokens
    target, t_level = history[::-1] + 0.3, 1.0 - h_level
    found = jax.jit(gru.two_streams)(
        jnp.concatenate([history, target], axis=1), jnp.concatenate([h_level, t_level], axis=1)
    )
    assert found.shape == (2, TOKENS, FEATURES)
    for i in range(TOKENS):
        one = whole(history.at[:, i].set(target[:, i]), h_level.at[:, i].set(t_level[:, i]))
        np.testing.assert_allclose(found[:, i], one[:, i], atol=1e-5)


def test_a_rollout_goes_on_in_the_same_memory(gru, whole, go_on):
    """Thrice as many tokens as the memory holds, equal to the full pass over all of them."""
    x, level = fresh(3, 2, 3 * TOKENS)
    cache, found, place = gru.init_cache(2, TOKENS), [], 0
    for t in range(3 * TOKENS):
        if place == TOKENS:
            cache, place = cache.moved_on(jnp.int32(TOKENS - 1)), 1
        out, cache = go_on(cache, x[:, t : t + 1], level[:, t : t + 1], jnp.int32(place))
        found.append(out)
        place += 1
    np.testing.assert_allclose(jnp.concatenate(found, 1), whole(x, level), atol=1e-5)


def test_the_goals_mark_is_at_position_zero_only(go_on, gru, tokens):
    x, level = tokens
    marked = make_net(kind="gru")
    marked.goal_embed[...] += 1.0
    cache = gru.init_cache(2, 8)
    for start, same in ((0, False), (3, True)):
        one = go_on(cache, x[:, :2], level[:, :2], jnp.int32(start))[0]
        other = marked.extend(cache, x[:, :2], level[:, :2], jnp.int32(start))[0]
        assert np.allclose(one, other, atol=1e-6) == same


def test_gradients_reach_every_parameter():
    from flax import nnx

    graph, params = nnx.split(make_net(kind="gru"))
    x, level = fresh(4, 2, 2 * TOKENS)

    def loss(params):
        return jnp.mean(nnx.merge(graph, params).two_streams(x, level) ** 2)

    for path, grad in jax.tree_util.tree_leaves_with_path(jax.jit(jax.grad(loss))(params)):
        assert np.isfinite(grad).all() and np.abs(grad).max() > 0, path
