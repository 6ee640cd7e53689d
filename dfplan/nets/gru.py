"""Recurrent denoiser with a noise level per token: a latent sums up the tokens before.

The network of Chen et al. 2024, section 3.2, made deep: each layer updates a latent of its own from
the noised token and its level.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Float, Int

from dfplan.nets.backbone import Backbone
from dfplan.nets.config import NetConfig
from dfplan.nets.layers import Linear, rms_norm
from dfplan.types import Array


class Latents(NamedTuple):
    """The latent after each token seen so far, of every layer.

    One for each token and not just the last, so that a token can be denoised again.

    Attributes:
        z: a tuple over layers of `[B, capacity, C]`.
    """

    z: tuple[Array, ...]

    def moved_on(self, token: Int[Array, ""]) -> "Latents":
        """Latents whose first token stands for all up to `token`; the rest is free again.

        A rollout of any length goes on from there at token 1, in the same memory.
        """
        last = [jax.lax.dynamic_slice_in_dim(z, token, 1, axis=1) for z in self.z]
        return Latents(
            tuple(jnp.zeros_like(z).at[:, :1].set(one) for z, one in zip(self.z, last, strict=True))
        )


class RecurrentBlock(nnx.Module):
    """Pre-norm GRU cell and MLP, both modulated by the token's level."""

    def __init__(self, config: NetConfig, *, rngs: nnx.Rngs):
        width, hidden = config.width, config.mlp_ratio * config.width
        small = nnx.initializers.normal(0.02 / (2 * config.layers) ** 0.5)
        linear = functools.partial(Linear, dtype=config.dtype, rngs=rngs)
        self.cell = nnx.GRUCell(width, width, rngs=rngs)
        self.out = linear(width, width, kernel_init=small)
        self.up = linear(width, hidden)
        self.down = linear(hidden, width, kernel_init=small)

    def __call__(
        self, h: Float[Array, "B T C"], modulation: list[Array], remember: Callable
    ) -> Float[Array, "B T C"]:
        """`remember(cell, y)` gives the latent after each token."""
        shift_z, scale_z, gate_z, shift_m, scale_m, gate_m = modulation
        y = rms_norm(h) * (1 + scale_z) + shift_z
        h = h + gate_z * self.out(remember(self.cell, y))
        y = rms_norm(h) * (1 + scale_m) + shift_m
        return h + gate_m * self.down(nnx.gelu(self.up(y)))


class RecurrentDenoiser(Backbone):
    """Maps noised tokens and their levels to a prediction per token (x0, eps or v).

    Args:
        config: sizes.
        features: D, features per token.
        has_goal: the first token of every sequence is the goal.
        rngs: initialisation.
    """

    def __init__(self, config: NetConfig, features: int, has_goal: bool, *, rngs: nnx.Rngs):
        super().__init__(config, features, has_goal, RecurrentBlock, rngs=rngs)

    def _forward(self, x: Array, shared: Array, position: Array, remember: Callable) -> Array:
        """Predictions of all tokens; `remember(layer, cell, y)` gives the latents after them."""

        def apply(i, h, modulation):
            return self.blocks[i](h, modulation, functools.partial(remember, i))

        return self.forward(x, shared, position, apply)

    def __call__(
        self, x: Float[Array, "B T D"], level: Float[Array, "B T"]
    ) -> Float[Array, "B T D"]:
        """All tokens at once.

        Args:
            x: noised tokens, normalised units.
            level: noise level of each token in [0, 1].
        """
        shared, position = self.modulation.shared(level), jnp.arange(x.shape[1])
        return self._forward(x, shared, position, lambda _, cell, y: _scan(cell, _nothing(y), y))

    def two_streams(
        self, x: Float[Array, "B {2*T} D"], level: Float[Array, "B {2*T}"]
    ) -> Float[Array, "B T D"]:
        """The targets of [history, target], both at positions 0..T-1.

        The history alone makes the latents; each target is denoised from the one before it.
        """
        tokens = x.shape[1] // 2

        def remember(_, cell, y):
            history, target = jnp.split(y, 2, axis=1)
            z = _scan(cell, _nothing(y), history)
            before = jnp.concatenate([_nothing(y)[:, None], z[:, :-1]], axis=1)
            return jnp.concatenate([z, cell(before, target)[0]], axis=1)

        position = jnp.tile(jnp.arange(tokens), 2)
        return self._forward(x, self.modulation.shared(level), position, remember)[:, tokens:]

    def init_cache(self, batch: int, capacity: int) -> Latents:
        """Free memory for sequences of up to `capacity` tokens."""
        blank = [jnp.zeros((batch, capacity, self.config.width)) for _ in self.blocks]
        return Latents(tuple(blank))

    def extend(
        self,
        cache: Latents,
        x: Float[Array, "B W D"],
        level: Float[Array, "B W"],
        start: Int[Array, ""],
        modulation: Callable[[Array], Array] | None = None,
    ) -> tuple[Float[Array, "B W D"], Latents]:
        """Evaluate the window of W tokens that begins at `start`, given the latents before it.

        Equal to the full pass under the same condition as `CausalTransformer.extend`: every token
        before the window was seen after the last change of any token before it.

        Args:
            cache: latents of the tokens before `start`.
            x: noised tokens of the window, normalised units.
            level: their noise levels in [0, 1].
            start: position of the window's first token. `start + W` must not pass the capacity,
                which cannot be checked: `start` is traced, and JAX would clamp it.
            modulation: `[B, W]` levels to what `precompute_modulation` gives, where few levels are known.
        """
        latents = list(cache.z)

        def remember(i, cell, y):
            before = jax.lax.dynamic_index_in_dim(latents[i], start - 1, axis=1, keepdims=False)
            z = _scan(cell, jnp.where(start > 0, before, 0.0), y)
            latents[i] = jax.lax.dynamic_update_slice_in_dim(latents[i], z, start, axis=1)
            return z

        shared = (modulation or self.modulation.shared)(level)
        out = self._forward(x, shared, start + jnp.arange(x.shape[1]), remember)
        return out, Latents(tuple(latents))


def _scan(
    cell: nnx.GRUCell, before: Float[Array, "B C"], y: Float[Array, "B T C"]
) -> Float[Array, "B T C"]:
    """The latent after each token."""
    _, z = jax.lax.scan(cell, before, y.swapaxes(0, 1))
    return z.swapaxes(0, 1)


def _nothing(y: Float[Array, "B T C"]) -> Float[Array, "B C"]:
    """The latent before the first token."""
    return jnp.zeros_like(y[:, 0])
