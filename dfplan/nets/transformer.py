"""Causal transformer denoiser with a noise level per token and a KV cache."""

import functools
from collections.abc import Callable
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Bool, Float, Int

from dfplan.nets.backbone import Backbone
from dfplan.nets.cache import KVCache, write
from dfplan.nets.config import NetConfig
from dfplan.nets.layers import Linear, Rotation, rms_norm, rotate
from dfplan.types import Array, ArrayLike, UserError


def causal_mask(tokens: int) -> Bool[Array, "T T"]:
    """Return the mask by which token i attends to tokens 0..i; axes (query, key)."""
    return jnp.tril(jnp.ones((tokens, tokens), bool))


class Block(nnx.Module):
    """Pre-norm attention and MLP, both modulated by the token's level."""

    def __init__(self, config: NetConfig, *, rngs: nnx.Rngs):
        width = config.width
        hidden = config.mlp_ratio * width
        small = nnx.initializers.normal(0.02 / (2 * config.layers) ** 0.5)
        linear = functools.partial(Linear, dtype=config.dtype, rngs=rngs)
        self.heads = config.heads
        self.qkv = linear(width, 3 * width, bias=False)
        self.out = linear(width, width, kernel_init=small)
        self.up = linear(width, hidden)
        self.down = linear(hidden, width, kernel_init=small)

    def __call__(
        self,
        h: Float[Array, "B T C"],
        modulation: list[Array],
        rotation: Rotation,
        attend: Callable,
        drop: int = 0,
    ) -> Float[Array, "B {T-drop} C"]:
        """Return the features after this block.

        Args:
            h: Features before it.
            modulation: Shift, scale and gate of attention, then of the MLP.
            rotation: Rotary positions.
            attend: `attend(q, k, v)` of `[B, heads, *, dim]`; chooses and masks the keys.
            drop: Number of leading tokens that serve only as keys and values.
        """
        y = rms_norm(h) * (1 + modulation[1]) + modulation[0]
        q, k, v = (a.reshape(*a.shape[:-1], self.heads, -1) for a in self._project(y, drop))
        q = rotate(q, rotation.after(drop))
        k = rotate(k, rotation)
        mixed = attend(*(a.swapaxes(1, 2) for a in (q, k, v)))
        h = h[:, drop:]
        _, _, gate_a, shift_m, scale_m, gate_m = (m[:, drop:] for m in modulation)
        h = h + gate_a * self.out(mixed.swapaxes(1, 2).reshape(h.shape))
        y = rms_norm(h) * (1 + scale_m) + shift_m
        return h + gate_m * self.down(nnx.gelu(self.up(y)))

    def _project(self, y: Float[Array, "B T C"], drop: int) -> list[Array]:
        """Return queries of all but the first `drop` tokens, and keys and values of all."""
        if not drop:
            return jnp.split(self.qkv(y), 3, axis=-1)
        width = y.shape[-1]
        query = self.qkv.part(y[:, drop:], slice(0, width))
        return [query, *jnp.split(self.qkv.part(y, slice(width, None)), 2, axis=-1)]


def attention(
    q: Float[Array, "B heads Q dim"],
    k: Float[Array, "B heads dim S"],
    v: Float[Array, "B heads S dim"],
    mask: Bool[Array, "#B #1 Q S"],
) -> Float[Array, "B heads Q dim"]:
    """Return softmax attention in float32; `k` is transposed, the layout that its product needs."""
    score = jnp.einsum("bhqd,bhdk->bhqk", q * q.shape[-1] ** -0.5, k)
    score = jnp.where(mask, score, -1e30)
    weight = jnp.exp(score - jax.lax.stop_gradient(score.max(-1, keepdims=True)))
    return jnp.einsum("bhqk,bhkd->bhqd", weight, v) / weight.sum(-1, keepdims=True)


def two_stream_attention(
    q: Float[Array, "B heads Q dim"],
    k: Float[Array, "B heads {2*T} dim"],
    v: Float[Array, "B heads {2*T} dim"],
) -> Float[Array, "B heads Q dim"]:
    """Return softmax attention among [history, target], both at positions 0..T-1.

    Every token sees the history tokens before its position, and itself. Queries are those of both
    streams, or only the targets' (Q = T).
    """
    tokens = k.shape[2] // 2
    count = q.shape[2]
    own_k = k[:, :, -count:]
    own_v = v[:, :, -count:]
    scale = q.shape[-1] ** -0.5
    before = jnp.tile(jnp.tril(jnp.ones((tokens, tokens), bool), -1), (count // tokens, 1))
    score = jnp.einsum("bhqd,bhkd->bhqk", q * scale, k[:, :, :tokens])
    score = jnp.where(before, score, -1e30)
    own = (q * scale * own_k).sum(-1, keepdims=True)
    # The softmax over both kinds of keys, without a copy that concatenates them.
    top = jax.lax.stop_gradient(jnp.maximum(score.max(-1, keepdims=True), own))
    weight = jnp.exp(score - top)
    own = jnp.exp(own - top)
    total = weight.sum(-1, keepdims=True) + own
    return (jnp.einsum("bhqk,bhkd->bhqd", weight, v[:, :, :tokens]) + own * own_v) / total


class CausalTransformer(Backbone):
    """A `Network` in which tokens attend to earlier ones; the arguments are those of `Backbone`."""

    supports_two_stream: ClassVar[bool] = True

    @classmethod
    def check_config(cls, config: NetConfig) -> None:
        """See `Network`."""
        if config.width % (2 * config.heads):
            raise UserError(
                f"net.width {config.width} must be a multiple of 2 * net.heads = {2 * config.heads}"
            )

    def make_block(self, rngs: nnx.Rngs) -> Block:
        """See `Backbone`."""
        return Block(self.config, rngs=rngs)

    @property
    def head_dim(self) -> int:
        """Features per attention head."""
        return self.config.width // self.config.heads

    def __call__(
        self,
        x: Float[Array, "B T D"],
        level: Float[Array, "B T"],
        valid: Bool[Array, "B T"] | None = None,
        *,
        position: Int[ArrayLike, "T"] | None = None,
        mask: Bool[Array, "#B T T"] | None = None,
    ) -> Float[Array, "B T D"]:
        """See `Network`.

        Args:
            x: Noised tokens, in normalized units.
            level: Noise level of each token in [0, 1].
            valid: Ignored.
            position: Position of each token; 0, 1, ... by default.
            mask: Which (query, key) pairs attend; causal by default. A query without any key has a
                finite but meaningless output.
        """
        tokens = x.shape[1]
        position = np.arange(tokens) if position is None else position
        pairs = (causal_mask(tokens)[None] if mask is None else mask)[:, None]

        def attend(i, q, k, v):
            return attention(q, k.swapaxes(2, 3), v, mask=pairs)

        return self._forward(x, self.modulation.shared(level), position, attend=attend)

    def two_streams(
        self, x: Float[Array, "B {2*T} D"], level: Float[Array, "B {2*T}"]
    ) -> Float[Array, "B T D"]:
        """See `Network`.

        A history token sees history up to itself; a target sees the history before it, and itself.
        So the noise levels of a target and of its history are independent, where a single stream
        ties them together.
        """
        tokens = x.shape[1] // 2
        position = np.tile(np.arange(tokens), 2)

        def attend(i, q, k, v):
            return two_stream_attention(q, k, v)

        shared = self.modulation.shared(level)
        return self._forward(x, shared, position, attend=attend, drop=tokens)

    def init_cache(self, batch: int, capacity: int) -> KVCache:
        """See `Network`."""
        config = self.config
        return KVCache.zeros(
            layers=config.layers,
            batch=batch,
            capacity=capacity,
            heads=config.heads,
            dim=self.head_dim,
        )

    def extend(
        self,
        cache: KVCache,
        x: Float[Array, "B W D"],
        level: Float[Array, "B W"],
        start: Int[Array, ""],
        modulation: Callable[[Array], Array] | None = None,
    ) -> tuple[Float[Array, "B W D"], KVCache]:
        """See `Network`."""
        position = start + jnp.arange(x.shape[1], dtype=jnp.int32)
        capacity = cache.v[0].shape[2]
        mask = (jnp.arange(capacity, dtype=jnp.int32)[None] <= position[:, None])[None, None]
        keys = list(cache.k)
        values = list(cache.v)

        def attend(i, q, k, v):
            keys[i] = write(keys[i], k.swapaxes(2, 3), start, axis=3)
            values[i] = write(values[i], v, start, axis=2)
            return attention(q, keys[i], values[i], mask=mask)

        shared = (modulation or self.modulation.shared)(level)
        # A constant table: computed from `start`, XLA would repeat it in each layer and head.
        rotation = Rotation.at(np.arange(capacity), self.head_dim).window(start, x.shape[1])
        out = self._forward(x, shared, position, attend=attend, rotation=rotation)
        return out, KVCache(tuple(keys), tuple(values))

    def _forward(
        self,
        x: Array,
        shared: Array,
        position: ArrayLike,
        attend: Callable,
        drop: int = 0,
        rotation: Rotation | None = None,
    ) -> Array:
        """Return predictions for all but the first `drop` tokens; `shared` is their modulation."""
        if rotation is None:
            rotation = Rotation.at(position, self.head_dim)

        def apply(i, h, modulation):
            is_last = i == len(self.blocks) - 1
            return self.blocks[i](
                h,
                modulation,
                rotation,
                attend=functools.partial(attend, i),
                drop=drop if is_last else 0,
            )

        return self.forward(x, shared, position, apply=apply)
