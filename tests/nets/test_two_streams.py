"""Two streams in one pass, against one long sequence with an explicit mask."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from dfplan.nets.transformer import attention, two_stream_attention

from .conftest import FEATURES, make_net

TOKENS = 8


def two_stream_mask(tokens):
    """Return which tokens of [history, target] see which; axes (query, key)."""
    index = np.arange(tokens)
    causal = index <= index[:, None]
    before = index < index[:, None]
    return jnp.asarray(np.block([[causal, 0 * causal], [before, np.eye(tokens)]]).astype(bool))


def test_the_mask():
    expected = """
        1 0 0 0 0 0
        1 1 0 0 0 0
        1 1 1 0 0 0
        0 0 0 1 0 0
        1 0 0 0 1 0
        1 1 0 0 0 1"""
    rows = [list(map(int, line.split())) for line in expected.split("\n")[1:]]
    np.testing.assert_array_equal(two_stream_mask(3), np.array(rows, bool))


def masked(net, x, level):
    """Evaluate both streams as one sequence of twice the tokens."""
    tokens = x.shape[1] // 2
    position = jnp.tile(jnp.arange(tokens), 2)
    mask = two_stream_mask(tokens)[None]
    return net(x, level, position=position, mask=mask)[:, tokens:]


def streams(tokens=TOKENS):
    rng = np.random.default_rng(3)
    return (
        jnp.asarray(rng.normal(size=(2, 2 * tokens, FEATURES)), jnp.float32),
        jnp.asarray(rng.uniform(size=(2, 2 * tokens)), jnp.float32),
    )


@pytest.mark.parametrize("has_goal", [False, True], ids=["plain", "goal"])
@pytest.mark.parametrize("layers", [1, 2])
def test_output_and_gradients_equal_the_masked_sequences(layers, has_goal):
    graph, params = nnx.split(make_net(has_goal, layers=layers))
    x, level = streams()
    share = jnp.asarray(np.random.default_rng(4).normal(size=(2, TOKENS, FEATURES)), jnp.float32)

    def evaluate(method):
        def total(params, x, level):
            out = method(nnx.merge(graph, params), x, level)
            return jnp.sum(share * out), out

        return jax.jit(jax.grad(total, argnums=(0, 1, 2), has_aux=True))(params, x, level)

    grads, out = evaluate(lambda net, x, level: net.two_streams(x, level))
    expected_grads, expected = evaluate(masked)
    assert out.shape == (2, TOKENS, FEATURES)
    np.testing.assert_allclose(out, expected, atol=1e-5)
    pairs = list(zip(*map(jax.tree.leaves, (grads, expected_grads)), strict=True))
    assert len(pairs) > 10 * layers
    for grad, reference in pairs:
        size = np.abs(reference).max()
        # Without a goal, its embedding is unused.
        assert size > 0 or not has_goal
        np.testing.assert_allclose(grad, reference, atol=1e-5 * max(size, 1))


@pytest.mark.parametrize("tokens", [1, 2, 5])
def test_any_length(net, tokens):
    x, level = streams(tokens)
    both = jax.jit(lambda x, level: (net.two_streams(x, level), masked(net, x, level)))
    np.testing.assert_allclose(*both(x, level), atol=1e-5)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 300.0])
@pytest.mark.parametrize("only_targets", [False, True])
def test_attention_under_scores_of_any_size(scale, only_targets):
    q, k, v = np.random.default_rng(0).normal(size=(3, 2, 2, 2 * TOKENS, 4)).astype(np.float32)
    mask = two_stream_mask(TOKENS)
    expected = np.asarray(attention(scale * q, k.swapaxes(2, 3), v, mask[None, None]))
    if only_targets:
        q = q[:, :, TOKENS:]
        expected = expected[:, :, TOKENS:]
    actual, pull = jax.vjp(two_stream_attention, scale * q, k, v)
    np.testing.assert_allclose(actual, expected, atol=2e-4 if scale > 1 else 1e-5)
    assert all(np.isfinite(grad).all() for grad in pull(actual))


@pytest.fixture(scope="module")
def two_streams(net):
    return jax.jit(net.two_streams)


def test_a_target_equals_a_token_of_a_single_stream(full, two_streams, tokens):
    """Target i has its own value and level, and follows the history before it."""
    history, h_level = tokens
    target = history[::-1] + 0.3
    t_level = 1.0 - h_level
    targets = two_streams(
        jnp.concatenate([history, target], axis=1), jnp.concatenate([h_level, t_level], axis=1)
    )
    for i in range(TOKENS):
        one = full(history.at[:, i].set(target[:, i]), h_level.at[:, i].set(t_level[:, i]))
        np.testing.assert_allclose(targets[:, i], one[:, i], atol=1e-4)


@pytest.mark.parametrize("what", ["value", "level"])
def test_a_target_depends_only_on_earlier_history_and_itself(two_streams, what):
    x, level = streams()
    before = two_streams(x, level)
    for j in range(2 * TOKENS):
        x2 = x.at[:, j].add(0.5) if what == "value" else x
        level2 = level.at[:, j].set((level[:, j] + 0.3) % 1.0) if what == "level" else level
        change = np.abs(np.asarray(two_streams(x2, level2) - before)).max(axis=(0, 2))
        index = np.arange(TOKENS)
        reached = index > j if j < TOKENS else index == j - TOKENS
        assert np.all(change[~reached] == 0), j
        assert np.all(change[reached] > 1e-4), j
