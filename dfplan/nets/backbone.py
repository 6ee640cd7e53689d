"""What denoisers share: token embedding, blocks modulated by the noise level, prediction head."""

from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Float, Int

from dfplan.nets.config import NetConfig
from dfplan.nets.layers import Linear, Modulation, rms_norm, value_features
from dfplan.types import Array, ArrayLike
from dfplan.util.rank import to_rank


class Backbone(nnx.Module):
    """Maps noised tokens and their levels to a prediction per token (x0, eps or v).

    Base class of a `Network`; a subclass decides how tokens are mixed.

    Args:
        config: Sizes.
        features: Features per token, D.
        has_goal: Whether the first token of every sequence is the goal.
        rngs: Random streams for initialization.
    """

    causal: ClassVar[bool] = True
    supports_two_stream: ClassVar[bool] = False

    def __init__(self, config: NetConfig, features: int, has_goal: bool, *, rngs: nnx.Rngs):
        self.config = config
        self.features = features
        self.has_goal = has_goal
        width = config.width
        inputs = features * (1 + 2 * config.fourier_octaves)
        self.embed = Linear(inputs, width, dtype=config.dtype, rngs=rngs)
        self.goal_embed = nnx.Param(0.02 * jax.random.normal(rngs.params(), (width,), jnp.float32))
        self.modulation = Modulation(width, config.layers, dtype=config.dtype, rngs=rngs)
        self.blocks = nnx.List([self.make_block(rngs) for _ in range(config.layers)])
        small = nnx.initializers.normal(1e-3)
        self.head = Linear(width, features, dtype="float32", rngs=rngs, kernel_init=small)

    @classmethod
    def check_config(cls, config: NetConfig) -> None:
        """See `Network`; nothing to check by default."""

    def make_block(self, rngs: nnx.Rngs) -> Any:
        """Return a freshly initialized block, which `forward` applies."""
        raise NotImplementedError

    def two_streams(
        self, x: Float[Array, "B {2*T} D"], level: Float[Array, "B {2*T}"]
    ) -> Float[Array, "B T D"]:
        """See `Network`; unsupported by default."""
        raise NotImplementedError

    def forward(
        self,
        x: Float[Array, "B T D"],
        shared: Float[Array, "B T {6*C}"],
        position: Int[ArrayLike, "T"],
        apply: Callable[[int, Array, list[Array]], Array],
    ) -> Float[Array, "B T D"]:
        """Return predictions.

        Args:
            x: Noised tokens, in normalized units.
            shared: Modulation of the tokens.
            position: Position of each token; the goal is at 0.
            apply: `apply(i, h, modulation)` applies block i.
        """
        h = self.embed(value_features(x, self.config.fourier_octaves))
        if self.has_goal:
            h = h + to_rank(
                jnp.where((position == 0)[:, None], self.goal_embed[...][None], 0), h.ndim
            )
        for i, modulation in enumerate(self.modulation.per_layer(shared)):
            h = apply(i, h, modulation)
        return self.head(rms_norm(h))

    def precompute_modulation(self, levels: Float[Array, "K"]) -> Callable[[Array], Array]:
        """See `Network`.

        The modulation depends only on the level, and a plan visits the same few levels many times.
        """
        table = self.modulation.shared(levels)
        return lambda level: table[jnp.searchsorted(levels, level, method="compare_all")]
