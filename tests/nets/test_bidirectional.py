"""The bidirectional transformer: what outputs depend on, and windows against the full pass."""

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from dfplan.nets.config import NetConfig
from dfplan.types import UserError

from .conftest import make_net


@pytest.fixture(scope="module")
def net():
    return make_net(kind="bidirectional")


@pytest.fixture(scope="module")
def full(net):
    return jax.jit(net)


def test_every_token_changes_every_output(full, tokens):
    x, level = tokens
    before = full(x, level)
    for change in ((x.at[:, -1].add(0.5), level), (x, level.at[:, -1].set(0.5))):
        moved = np.abs(np.asarray(full(*change) - before)).max(axis=(0, 2))
        assert (moved > 1e-4).all()


def test_invalid_tokens_are_not_seen(full, tokens):
    x, level = tokens
    valid = jnp.ones(level.shape, bool).at[:, 5:].set(False)
    masked = full(x, level, valid)[:, :5]
    np.testing.assert_allclose(masked, full(x[:, :5], level[:, :5]), atol=1e-5)


def test_one_exported_program_serves_batches_of_any_size(net, full, tokens):
    (batch,) = jax.export.symbolic_shape("B")
    x, level = tokens
    shapes = [jax.ShapeDtypeStruct((batch, *a.shape[1:]), jnp.float32) for a in tokens]
    exported = jax.export.export(jax.jit(net))(*shapes)
    for rows in (1, 2):
        output = exported.call(x[:rows], level[:rows])
        np.testing.assert_allclose(output, full(x[:rows], level[:rows]), atol=1e-5)


def test_windows_to_the_end_equal_the_full_pass(net, full, tokens):
    x, level = tokens
    extend = jax.jit(net.extend)
    first, cache = extend(net.init_cache(2, 8), x[:, :3], level[:, :3], jnp.int32(0))
    np.testing.assert_allclose(first, full(x[:, :3], level[:, :3]), atol=1e-5)
    for shift in (0.0, 0.7):  # the second time with all tokens of the window changed
        rest, cache = extend(cache, x[:, 3:] + shift, level[:, 3:], jnp.int32(3))
        tokens = jnp.concatenate([x[:, :3], x[:, 3:] + shift], axis=1)
        np.testing.assert_allclose(rest, full(tokens, level)[:, 3:], atol=1e-5)


def test_parameters_are_those_of_the_causal_transformer(net):
    def count(net):
        return sum(leaf.size for leaf in jax.tree.leaves(net))

    assert count(nnx.state(net)) == count(nnx.state(make_net()))


def test_two_streams_are_refused(net, tokens):
    x, level = tokens
    with pytest.raises(UserError, match=r"'bidirectional' .*valid: transformer, gru"):
        net.two_streams(x, level)
    assert not NetConfig("bidirectional").causal and NetConfig("gru").causal
