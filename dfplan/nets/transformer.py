"""Causal transformer denoiser with a noise level per token and a KV cache."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Bool, Float, Int

from dfplan.nets.backbone import Backbone
from dfplan.nets.cache import KVCache, write
from dfplan.nets.config import NetConfig
from dfplan.nets.layers import Linear, Rotation, rms_norm, rotate
from dfplan.types import Array, ArrayLike


def causal_mask(tokens: int) -> Bool[Array, "T T"]:
    """Token i attends to tokens 0..i; axes (query, key)."""
    return jnp.tril(jnp.ones((tokens, tokens), bool))


class Block(nnx.Module):
    """Pre-norm attention and MLP, both modulated by the token's level."""

    def __init__(self, config: NetConfig, *, rngs: nnx.Rngs):
        width, hidden = config.width, config.mlp_ratio * config.width
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
        """`attend(q, k, v)`, all `[B, heads, *, dim]`, decides which keys there are and are seen.

        The first `drop` tokens are only keys and values to the others.
        """
        y = rms_norm(h) * (1 + modulation[1]) + modulation[0]
        q, k, v = (a.reshape(*a.shape[:-1], self.heads, -1) for a in self._project(y, drop))
        q, k = rotate(q, rotation.after(drop)), rotate(k, rotation)
        mixed = attend(*(a.swapaxes(1, 2) for a in (q, k, v)))
        h = h[:, drop:]
        _, _, gate_a, shift_m, scale_m, gate_m = (m[:, drop:] for m in modulation)
        h = h + gate_a * self.out(mixed.swapaxes(1, 2).reshape(h.shape))
        y = rms_norm(h) * (1 + scale_m) + shift_m
        return h + gate_m * self.down(nnx.gelu(self.up(y)))

    def _project(self, y: Float[Array, "B T C"], drop: int) -> list[Array]:
        """Queries of all but the first `drop` tokens, keys and values of all."""
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
    """Softmax attention in float32; `k` is transposed, as the product asks for it."""
    score = jnp.einsum("bhqd,bhdk->bhqk", q * q.shape[-1] ** -0.5, k)
    score = jnp.where(mask, score, -1e30)
    weight = jnp.exp(score - jax.lax.stop_gradient(score.max(-1, keepdims=True)))
    return jnp.einsum("bhqk,bhkd->bhqd", weight, v) / weight.sum(-1, keepdims=True)


def two_stream_attention(
    q: Float[Array, "B heads Q dim"],
    k: Float[Array, "B heads {2*T} dim"],
    v: Float[Array, "B heads {2*T} dim"],
) -> Float[Array, "B heads Q dim"]:
    """Softmax attention among [history, target], both at positions 0..T-1.

    Every token sees the history tokens before its position, and itself. Queries are both streams',
    or the targets' alone (Q = T).
    """
    tokens, count = k.shape[2] // 2, q.shape[2]
    own_k, own_v = k[:, :, -count:], v[:, :, -count:]
    scale = q.shape[-1] ** -0.5
    before = jnp.tile(jnp.tril(jnp.ones((tokens, tokens), bool), -1), (count // tokens, 1))
    score = jnp.einsum("bhqd,bhkd->bhqk", q * scale, k[:, :, :tokens])
    score = jnp.where(before, score, -1e30)
    own = (q * scale * own_k).sum(-1, keepdims=True)
    # The softmax over both, without a copy that joins them.
    top = jax.lax.stop_gradient(jnp.maximum(score.max(-1, keepdims=True), own))
    weight, own = jnp.exp(score - top), jnp.exp(own - top)
    total = weight.sum(-1, keepdims=True) + own
    return (jnp.einsum("bhqk,bhkd->bhqd", weight, v[:, :, :tokens]) + own * own_v) / total


class CausalTransformer(Backbone):
    """Maps noised tokens and their levels to a prediction per token (x0, eps or v).

    Args:
        config: sizes.
        features: D, features per token.
        has_goal: the first token of every sequence is the goal.
        rngs: initialisation.
    """

    def __init__(self, config: NetConfig, features: int, has_goal: bool, *, rngs: nnx.Rngs):
        super().__init__(config, features, has_goal, Block, rngs=rngs)

    @property
    def head_dim(self) -> int:
        """Features per attention head."""
        return self.config.width // self.config.heads

    def _forward(
        self,
        x: Array,
        shared: Array,
        position: ArrayLike,
        attend: Callable,
        drop: int = 0,
        rotation: Rotation | None = None,
    ) -> Array:
        """Predictions of all tokens but the first `drop`; `shared` is their modulation."""
        if rotation is None:
            rotation = Rotation.at(position, self.head_dim)

        def apply(i, h, modulation):
            last = i == len(self.blocks) - 1
            seen = functools.partial(attend, i)
            return self.blocks[i](h, modulation, rotation, seen, drop if last else 0)

        return self.forward(x, shared, position, apply)

    def __call__(
        self,
        x: Float[Array, "B T D"],
        level: Float[Array, "B T"],
        *,
        position: Int[ArrayLike, "T"] | None = None,
        mask: Bool[Array, "#B T T"] | None = None,
    ) -> Float[Array, "B T D"]:
        """All tokens at once.

        Args:
            x: noised tokens, normalised units.
            level: noise level of each token in [0, 1].
            position: position of each token; 0, 1, ... when not given.
            mask: which (query, key) pairs attend; causal when not given. Padding is masked here;
                a query that sees no key at all has a finite but meaningless output.
        """
        tokens = x.shape[1]
        mask = causal_mask(tokens)[None] if mask is None else mask
        shared = self.modulation.shared(level)
        return self._forward(
            x,
            shared,
            np.arange(tokens) if position is None else position,
            lambda i, q, k, v: attention(q, k.swapaxes(2, 3), v, mask[:, None]),
        )

    def two_streams(
        self, x: Float[Array, "B {2*T} D"], level: Float[Array, "B {2*T}"]
    ) -> Float[Array, "B T D"]:
        """The targets of [history, target], both at positions 0..T-1.

        A history token sees history up to itself; a target token sees the history before it and
        itself. Each target is so denoised at the history quality and own level given to it, where
        one stream ties the two together.
        """
        tokens = x.shape[1] // 2
        position = np.tile(np.arange(tokens), 2)
        shared = self.modulation.shared(level)
        return self._forward(
            x, shared, position, lambda i, q, k, v: two_stream_attention(q, k, v), drop=tokens
        )

    def init_cache(self, batch: int, capacity: int) -> KVCache:
        """An empty cache for sequences of up to `capacity` tokens."""
        c = self.config
        return KVCache.zeros(c.layers, batch, capacity, c.heads, self.head_dim)

    def extend(
        self,
        cache: KVCache,
        x: Float[Array, "B W D"],
        level: Float[Array, "B W"],
        start: Int[Array, ""],
        modulation: Callable[[Array], Array] | None = None,
    ) -> tuple[Float[Array, "B W D"], KVCache]:
        """Evaluate the window of W tokens that begins at `start`, given the cached ones before it.

        The window's keys and values are written to the cache, over what stood there; what stands
        behind the window is not seen. Equal to the full pass if every token before the window was
        written after the last change of any token before it: to change a token, extend over the
        later ones again before they are needed.

        Args:
            cache: with the tokens before `start`.
            x: noised tokens of the window, normalised units.
            level: their noise levels in [0, 1].
            start: position of the window's first token. `start + W` must not pass the capacity,
                which cannot be checked: `start` is traced, and JAX would clamp it.
            modulation: `[B, W]` levels to what `precompute_modulation` gives, where few levels are known.
        """
        position = start + jnp.arange(x.shape[1])
        capacity = cache.v[0].shape[2]
        mask = (jnp.arange(capacity) <= position[:, None])[None, None]
        keys, values = list(cache.k), list(cache.v)

        def attend(i, q, k, v):
            keys[i] = write(keys[i], k.swapaxes(2, 3), start, axis=3)
            values[i] = write(values[i], v, start, axis=2)
            return attention(q, keys[i], values[i], mask)

        shared = (modulation or self.modulation.shared)(level)
        # A constant table: computed from `start`, XLA would do so anew in each layer and head.
        rotation = Rotation.at(np.arange(capacity), self.head_dim).window(start, x.shape[1])
        out = self._forward(x, shared, position, attend, rotation=rotation)
        return out, KVCache(tuple(keys), tuple(values))
