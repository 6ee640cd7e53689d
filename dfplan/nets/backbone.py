"""What the denoisers share: tokens in, blocks modulated by the level, predictions out."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Float, Int

from dfplan.nets.config import NetConfig
from dfplan.nets.layers import Linear, Modulation, rms_norm, value_features
from dfplan.types import Array, ArrayLike


class Backbone(nnx.Module):
    """Embedding, modulation, blocks and head; what passes between tokens is the subclass's.

    Args:
        config: sizes.
        features: D, features per token.
        has_goal: the first token of every sequence is the goal.
        make_block: makes one of the blocks.
        rngs: initialisation.
    """

    def __init__(
        self,
        config: NetConfig,
        features: int,
        has_goal: bool,
        make_block: Callable[..., nnx.Module],
        *,
        rngs: nnx.Rngs,
    ):
        width, dtype = config.width, config.dtype
        self.config, self.features, self.has_goal = config, features, has_goal
        self.embed = Linear(
            features * (1 + 2 * config.fourier_octaves), width, dtype=dtype, rngs=rngs
        )
        self.goal_embed = nnx.Param(0.02 * jax.random.normal(rngs.params(), (width,)))
        self.modulation = Modulation(width, config.layers, dtype=dtype, rngs=rngs)
        self.blocks = nnx.List([make_block(config, rngs=rngs) for _ in range(config.layers)])
        small = nnx.initializers.normal(1e-3)
        self.head = Linear(width, features, dtype="float32", rngs=rngs, kernel_init=small)

    def forward(
        self,
        x: Float[Array, "B T D"],
        shared: Float[Array, "B T {6*C}"],
        position: Int[ArrayLike, "T"],
        apply: Callable[[int, Array, list[Array]], Array],
    ) -> Float[Array, "B T D"]:
        """Predictions; `shared` is the tokens' modulation, `apply(i, h, modulation)` block i."""
        h = self.embed(value_features(x, self.config.fourier_octaves))
        if self.has_goal:
            h = h + jnp.where((position == 0)[:, None], self.goal_embed[...], 0)
        for i, modulation in enumerate(self.modulation.per_layer(shared)):
            h = apply(i, h, modulation)
        return self.head(rms_norm(h))

    def precompute_modulation(self, levels: Float[Array, "K"]) -> Callable[[Array], Array]:
        """The modulation of a few levels, rising, computed now: `extend` then looks it up.

        It depends on nothing but the level, and a plan goes through the same few again and again.
        """
        table = self.modulation.shared(levels)
        return lambda level: table[jnp.searchsorted(levels, level, method="compare_all")]
