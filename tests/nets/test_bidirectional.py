"""The transformer that looks ahead: what outputs depend on, and windows against the full pass."""

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.nets.config import NetConfig
from dfplan.types import UserError

from .conftest import make_net


@pytest.fixture(scope="module")
def ahead():
    return make_net(attention="bidirectional")


@pytest.fixture(scope="module")
def full_ahead(ahead):
    return jax.jit(ahead)


def test_every_token_changes_every_output(full_ahead, tokens):
    x, level = tokens
    before = full_ahead(x, level)
    for change in ((x.at[:, -1].add(0.5), level), (x, level.at[:, -1].set(0.5))):
        moved = np.abs(np.asarray(full_ahead(*change) - before)).max(axis=(0, 2))
        assert (moved > 1e-4).all()


def test_what_is_not_valid_is_not_seen(full_ahead, tokens):
    x, level = tokens
    valid = jnp.ones(level.shape, bool).at[:, 5:].set(False)
    seen = full_ahead(x, level, valid)[:, :5]
    np.testing.assert_allclose(seen, full_ahead(x[:, :5], level[:, :5]), atol=1e-5)


def test_a_batch_of_any_size_can_be_traced(ahead):
    (batch,) = jax.export.symbolic_shape("B")
    shapes = [
        jax.ShapeDtypeStruct((batch, *rest), jnp.float32)
        for rest in ((6, ahead.net.features), (6,))
    ]
    assert jax.eval_shape(ahead, *shapes).shape == shapes[0].shape


def test_windows_to_the_end_equal_the_full_pass(ahead, full_ahead, tokens):
    x, level = tokens
    extend = jax.jit(ahead.extend)
    known, cache = extend(ahead.init_cache(2, 8), x[:, :3], level[:, :3], jnp.int32(0))
    np.testing.assert_allclose(known, full_ahead(x[:, :3], level[:, :3]), atol=1e-5)
    for shift in (0.0, 0.7):  # the second one with all tokens of the window changed
        rest, cache = extend(cache, x[:, 3:] + shift, level[:, 3:], jnp.int32(3))
        both = jnp.concatenate([x[:, :3], x[:, 3:] + shift], axis=1)
        np.testing.assert_allclose(rest, full_ahead(both, level)[:, 3:], atol=1e-5)


def test_it_has_the_causal_network_s_parameters(ahead):
    def count(net):
        return sum(leaf.size for leaf in jax.tree.leaves(net))

    from flax import nnx

    assert count(nnx.state(ahead)) == count(nnx.state(make_net()))


def test_what_rests_on_causality_is_refused(ahead, tokens):
    x, level = tokens
    with pytest.raises(UserError, match=r"two_stream .*'bidirectional' .*valid here: false"):
        ahead.two_streams(x, level)
    with pytest.raises(UserError, match=r"'gru' .*'bidirectional' is not for it; valid here: cau"):
        NetConfig(kind="gru", attention="bidirectional")
    with pytest.raises(UserError, match=r"net.attention 'full'; valid: causal, bidirectional"):
        NetConfig(attention="full")
