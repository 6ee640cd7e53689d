"""Configuration, sizes and formulas of the transformer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from dfplan.nets.config import NetConfig
from dfplan.nets.transformer import CausalTransformer, attention, causal_mask
from dfplan.types import UserError

from .conftest import make_net


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"dtype": "float16"}, ["net.dtype", "'float16'", "float32, bfloat16"]),
        ({"width": 0}, ["net.width", "1 to 16384", "got 0"]),
        ({"layers": 0}, ["net.layers", "got 0"]),
        ({"heads": -2}, ["net.heads", "got -2"]),
        ({"mlp_ratio": 0}, ["net.mlp_ratio", "got 0"]),
        ({"fourier_octaves": -1}, ["net.fourier_octaves", "0 to 24", "got -1"]),
        ({"width": 100, "heads": 4}, ["net.width 100", "2 * net.heads = 8"]),
        ({"kind": "full"}, ["net.kind", "'full'", "transformer, bidirectional, gru"]),
        ({"kind": "gru:heads=2"}, ["net.kind", "'heads'"]),
        ({"kind": "transformer:config=2"}, ["net.kind", "'config'"]),
    ],
)
def test_errors_name_the_setting(setting, words):
    with pytest.raises(UserError) as error:
        NetConfig(**setting)
    message = str(error.value)
    assert "\n" not in message and all(word in message for word in words)


def test_a_gru_needs_no_heads():
    assert NetConfig("gru", width=101, heads=4).width == 101


def test_output_has_a_row_per_token_and_starts_small():
    @jax.jit
    def fresh_output():
        config = NetConfig(width=8, heads=2, layers=1, fourier_octaves=0)
        net = CausalTransformer(config, 5, False, rngs=nnx.Rngs(0))
        return net(jnp.ones((2, 4, 5)), jnp.full((2, 4), 0.5))

    out = fresh_output()
    assert out.shape == (2, 4, 5) and 0 < float(jnp.abs(out).max()) < 0.05


def test_attention_is_the_textbook_formula():
    q, k, v = np.random.default_rng(0).normal(size=(3, 2, 2, 5, 4)).astype(np.float32)
    actual = attention(q, k.swapaxes(2, 3), v, causal_mask(5)[None, None])
    for i in range(5):
        score = np.einsum("bhd,bhkd->bhk", q[:, :, i], k[:, :, : i + 1]) / 2.0
        weight = np.exp(score) / np.exp(score).sum(-1, keepdims=True)
        expected = np.einsum("bhk,bhkd->bhd", weight, v[:, :, : i + 1])
        np.testing.assert_allclose(actual[:, :, i], expected, atol=1e-5)


def output_and_gradient(net, x, level):
    """Return the output, and its mean square's gradient by all parameters in one vector."""
    graph, params = nnx.split(net)

    def loss(params):
        out = nnx.merge(graph, params)(x, level)
        return jnp.mean(out**2), out

    (_, out), grads = jax.jit(jax.value_and_grad(loss, has_aux=True))(params)
    return out, np.concatenate([np.ravel(g) for g in jax.tree.leaves(grads)])


def test_bfloat16_stays_close_and_is_float32_outside(tokens):
    rounded = make_net(dtype="bfloat16")
    assert {p.dtype for p in jax.tree.leaves(nnx.state(rounded))} == {jnp.dtype("float32")}
    for a, b in zip(
        output_and_gradient(make_net(), *tokens),
        output_and_gradient(rounded, *tokens),
        strict=True,
    ):
        assert b.dtype == np.float32
        error = np.linalg.norm(np.asarray(b - a)) / np.linalg.norm(np.asarray(a))
        assert 1e-5 < error < 0.04


def test_cached_bfloat16_equals_full(tokens):
    x, level = tokens
    net = make_net(dtype="bfloat16")

    @jax.jit
    def cached(x, level):
        _, cache = net.extend(net.init_cache(2, 8), x[:, :5], level[:, :5], jnp.int32(0))
        return net.extend(cache, x[:, 5:], level[:, 5:], jnp.int32(5))[0]

    expected = jax.jit(net)(x, level)[:, 5:]
    # Rounding to bfloat16 can turn a last-bit difference into one of its steps.
    error = cached(x, level) - expected
    assert float(jnp.linalg.norm(error) / jnp.linalg.norm(expected)) < 0.01
