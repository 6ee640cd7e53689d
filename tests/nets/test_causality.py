"""Which tokens each output of the full pass depends on."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.nets.layers import Modulation, Rotation
from dfplan.nets.transformer import causal_mask

from .conftest import make_net


def changed(a, b):
    """Return the largest change at each token, `[T]`."""
    return np.abs(np.asarray(a - b)).max(axis=(0, 2))


@pytest.mark.parametrize("what", ["value", "level"])
def test_a_token_changes_its_own_and_later_outputs_only(full, tokens, what):
    x, level = tokens
    before = full(x, level)
    for j in range(x.shape[1]):
        x2 = x.at[:, j].add(0.5) if what == "value" else x
        level2 = level.at[:, j].set((level[:, j] + 0.3) % 1.0) if what == "level" else level
        change = changed(full(x2, level2), before)
        assert np.all(change[:j] == 0)
        assert np.all(change[j:] > 1e-4)


def test_a_token_sees_only_its_own_row(full, tokens):
    x, level = tokens
    change = full(x.at[1].add(1.0), level.at[1].set(0.5)) - full(x, level)
    assert np.all(change[0] == 0) and np.any(change[1] != 0)


def test_padded_keys_influence_nothing(full, tokens):
    x, level = tokens
    padded = jnp.zeros(level.shape, bool).at[0, 2].set(True).at[1, 5:].set(True)
    eye = jnp.eye(x.shape[1], dtype=bool)
    mask = (causal_mask(x.shape[1])[None] & ~padded[:, None, :]) | eye[None]
    x2 = jnp.where(padded[..., None], x + 3.0, x)
    level2 = jnp.where(padded, 1.0 - level, level)
    before = full(x, level, mask=mask)
    after = full(x2, level2, mask=mask)
    assert np.all(np.asarray(before)[~padded] == np.asarray(after)[~padded])
    # Without the mask, the padding in the middle makes a difference.
    assert np.any(full(x, level)[0, 3:] != full(x2, level2)[0, 3:])


def test_a_masked_key_equals_an_absent_one(full, tokens):
    x, level = tokens
    keep = np.array([0, 1, 3, 4, 5, 6, 7])
    mask = causal_mask(8).at[:, 2].set(False).at[2, 2].set(True)[None]
    shorter = full(x[:, keep], level[:, keep], position=jnp.asarray(keep))
    np.testing.assert_allclose(full(x, level, mask=mask)[:, keep], shorter, atol=1e-5)


def test_custom_mask_can_look_ahead(full, tokens):
    x, level = tokens
    everything = jnp.ones((1, 8, 8), bool)
    change = full(x.at[:, -1].add(1.0), level, mask=everything) - full(x, level, mask=everything)
    assert np.all(np.abs(np.asarray(change)).max(axis=(0, 2)) > 1e-4)


def test_level_conditions_every_layer(net, tokens, monkeypatch):
    x, level = tokens
    plain = Modulation.per_layer

    @jax.jit
    def other_level_in(layer):
        def swapped(self, shared):
            pairs = zip(plain(self, shared), plain(self, self.shared(1.0 - level)), strict=True)
            return [
                [jnp.where(i == layer, b, a) for a, b in zip(*pair, strict=True)]
                for i, pair in enumerate(pairs)
            ]

        with monkeypatch.context() as patch:
            patch.setattr(Modulation, "per_layer", swapped)
            return net(x, level)

    unchanged = other_level_in(-1)
    for i in range(net.config.layers):
        assert np.all(changed(other_level_in(i), unchanged) > 1e-4), f"layer {i}"


def test_each_part_of_the_modulation_is_used(net):
    parts = np.random.default_rng(0).normal(size=(6, 2, 8, net.config.width))
    rotation = Rotation.at(np.arange(8), net.head_dim)

    @jax.jit
    def run(parts):
        h = jnp.sin(jnp.arange(parts[0].size, dtype=jnp.float32)).reshape(parts[0].shape)
        return net.blocks[0](h, list(parts), rotation, lambda q, k, v: v + q + k)

    for i in range(6):
        other = parts + 0.2 * (np.arange(6) == i)[:, None, None, None]
        assert np.all(changed(run(other), run(parts)) > 1e-4), f"part {i}"


def test_goal_embedding_marks_position_zero_only(full, tokens):
    x, level = tokens
    net = make_net()
    net.goal_embed[...] += 1.0
    marked = jax.jit(lambda position: net(x, level, position=position))
    assert np.all(changed(marked(jnp.arange(8)), full(x, level)) > 1e-4)
    later = 1 + jnp.arange(8)
    np.testing.assert_allclose(marked(later), full(x, level, position=later), atol=1e-5)


def test_causal_from_position_zero_by_default(net, full, tokens):
    np.testing.assert_allclose(jax.jit(net)(*tokens), full(*tokens), atol=1e-5)
