"""The recurrent denoiser: causality and two streams; `test_cache` has its cached pass."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from .conftest import FEATURES, make_net
from .test_cache import fresh

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
