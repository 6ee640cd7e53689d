"""Recurrent denoiser with a noise level per token and a latent state per layer.

The network of Chen et al. 2024, section 3.2, made deep: each layer updates its own latent state
from the noised token and its level.
"""

import functools
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Bool, Float, Int

from dfplan.nets.backbone import Backbone
from dfplan.nets.config import NetConfig
from dfplan.nets.layers import Linear, rms_norm
from dfplan.types import Array


class Latents(NamedTuple):
    """Latent states after each token written so far.

    One per token and not only the last, so that a token can be denoised again.

    Attributes:
        z: States, one `[B, capacity, C]` per layer.
    """

    z: tuple[Array, ...]


class RecurrentBlock(nnx.Module):
    """Pre-norm GRU cell and MLP, both modulated by the token's level."""

    def __init__(self, config: NetConfig, *, rngs: nnx.Rngs):
        width = config.width
        hidden = config.mlp_ratio * width
        small = nnx.initializers.normal(0.02 / (2 * config.layers) ** 0.5)
        linear = functools.partial(Linear, dtype=config.dtype, rngs=rngs)
        self.cell = nnx.GRUCell(width, width, rngs=rngs)
        self.out = linear(width, width, kernel_init=small)
        self.up = linear(width, hidden)
        self.down = linear(hidden, width, kernel_init=small)

    def __call__(
        self, h: Float[Array, "B T C"], modulation: list[Array], unroll: Callable
    ) -> Float[Array, "B T C"]:
        """Return the features after this block; `unroll(cell, y)` returns a latent per token."""
        shift_z, scale_z, gate_z, shift_m, scale_m, gate_m = modulation
        y = rms_norm(h) * (1 + scale_z) + shift_z
        h = h + gate_z * self.out(unroll(self.cell, y))
        y = rms_norm(h) * (1 + scale_m) + shift_m
        return h + gate_m * self.down(nnx.gelu(self.up(y)))


class RecurrentDenoiser(Backbone):
    """A `Network` of GRU cells; the arguments are those of `Backbone`."""

    supports_two_stream: ClassVar[bool] = True

    def make_block(self, rngs: nnx.Rngs) -> RecurrentBlock:
        """See `Backbone`."""
        return RecurrentBlock(self.config, rngs=rngs)

    def __call__(
        self,
        x: Float[Array, "B T D"],
        level: Float[Array, "B T"],
        valid: Bool[Array, "B T"] | None = None,
    ) -> Float[Array, "B T D"]:
        """See `Network`; `valid` is ignored."""

        def unroll(i, cell, y):
            return _scan(cell, _initial_latent(y), y)

        position = jnp.arange(x.shape[1], dtype=jnp.int32)
        return self._forward(x, self.modulation.shared(level), position, unroll=unroll)

    def two_streams(
        self, x: Float[Array, "B {2*T} D"], level: Float[Array, "B {2*T}"]
    ) -> Float[Array, "B T D"]:
        """See `Network`.

        The history alone makes the latents; each target is denoised from the latent before it.
        """
        tokens = x.shape[1] // 2

        def unroll(i, cell, y):
            history, target = jnp.split(y, 2, axis=1)
            initial = _initial_latent(y)
            z = _scan(cell, initial, history)
            previous = jnp.concatenate([initial[:, None], z[:, :-1]], axis=1)
            return jnp.concatenate([z, cell(previous, target)[0]], axis=1)

        position = jnp.tile(jnp.arange(tokens, dtype=jnp.int32), 2)
        shared = self.modulation.shared(level)
        return self._forward(x, shared, position, unroll=unroll)[:, tokens:]

    def init_cache(self, batch: int, capacity: int) -> Latents:
        """See `Network`."""
        shape = (batch, capacity, self.config.width)
        return Latents(tuple(jnp.zeros(shape, jnp.float32) for _ in self.blocks))

    def extend(
        self,
        cache: Latents,
        x: Float[Array, "B W D"],
        level: Float[Array, "B W"],
        start: Int[Array, ""],
        modulation: Callable[[Array], Array] | None = None,
    ) -> tuple[Float[Array, "B W D"], Latents]:
        """See `Network`."""
        latents = list(cache.z)

        def unroll(i, cell, y):
            previous = jax.lax.dynamic_index_in_dim(latents[i], start - 1, axis=1, keepdims=False)
            z = _scan(cell, jnp.where(start > 0, previous, 0.0), y)
            latents[i] = jax.lax.dynamic_update_slice_in_dim(latents[i], z, start, axis=1)
            return z

        shared = (modulation or self.modulation.shared)(level)
        position = start + jnp.arange(x.shape[1], dtype=jnp.int32)
        out = self._forward(x, shared, position, unroll=unroll)
        return out, Latents(tuple(latents))

    def _forward(self, x: Array, shared: Array, position: Array, unroll: Callable) -> Array:
        """Return predictions; `unroll(layer, cell, y)` returns a latent per token."""

        def apply(i, h, modulation):
            return self.blocks[i](h, modulation, functools.partial(unroll, i))

        return self.forward(x, shared, position, apply=apply)


def _scan(
    cell: nnx.GRUCell, initial: Float[Array, "B C"], y: Float[Array, "B T C"]
) -> Float[Array, "B T C"]:
    """Return the latent after each token."""
    _, z = jax.lax.scan(cell, initial, y.swapaxes(0, 1))
    return z.swapaxes(0, 1)


def _initial_latent(y: Float[Array, "B T C"]) -> Float[Array, "B C"]:
    """Return the latent before the first token."""
    return jnp.zeros_like(y[:, 0])
