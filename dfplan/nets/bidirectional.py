"""Transformer whose tokens attend to all others: full-sequence diffusion, as in Diffuser."""

from collections.abc import Callable
from typing import ClassVar, NamedTuple, NoReturn

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Bool, Float, Int

from dfplan.nets.config import NetConfig
from dfplan.nets.transformer import CausalTransformer
from dfplan.types import Array, UserError


class Tokens(NamedTuple):
    """The tokens written so far; nothing derived from them can be cached.

    Attributes:
        x: Noised tokens.
        level: Their noise levels.
    """

    x: Float[Array, "B S D"]
    level: Float[Array, "B S"]


class BidirectionalTransformer(nnx.Module):
    """A `Network` in which a token also depends on the later ones.

    It has the parameters and arguments of `CausalTransformer`. It supports neither two-stream
    training nor autoregressive sampling, and each evaluation computes all tokens.
    """

    causal: ClassVar[bool] = False
    supports_two_stream: ClassVar[bool] = False

    def __init__(self, config: NetConfig, features: int, has_goal: bool, *, rngs: nnx.Rngs):
        self.net = CausalTransformer(config, features, has_goal, rngs=rngs)

    @classmethod
    def check_config(cls, config: NetConfig) -> None:
        """See `Network`."""
        CausalTransformer.check_config(config)

    def __call__(
        self,
        x: Float[Array, "B T D"],
        level: Float[Array, "B T"],
        valid: Bool[Array, "B T"] | None = None,
    ) -> Float[Array, "B T D"]:
        """See `Network`; no token attends to those that are not `valid`."""
        tokens = x.shape[1]
        keys = jnp.ones(x.shape[:2], bool) if valid is None else valid
        mask = jnp.broadcast_to(keys[:, None], (x.shape[0], tokens, tokens))
        return self.net(x, level, mask=mask)

    def two_streams(self, x: Array, level: Array) -> NoReturn:
        """Unsupported.

        Raises:
            UserError: Always.
        """
        raise UserError(
            "net.kind 'bidirectional' is not causal, which two-stream training needs; "
            "valid: transformer, gru"
        )

    def init_cache(self, batch: int, capacity: int) -> Tokens:
        """See `Network`."""
        x = jnp.zeros((batch, capacity, self.net.features), jnp.float32)
        return Tokens(x, jnp.zeros((batch, capacity), jnp.float32))

    def extend(
        self,
        cache: Tokens,
        x: Float[Array, "B W D"],
        level: Float[Array, "B W"],
        start: Int[Array, ""],
        modulation: Callable[[Array], Array] | None = None,
    ) -> tuple[Float[Array, "B W D"], Tokens]:
        """See `Network`; equals the full pass over all tokens up to the window's end.

        Tokens after the window are not seen, so a sequence must be denoised in windows that reach
        to its end. `modulation` is ignored: it may not cover the levels of earlier tokens.
        """
        write = jax.lax.dynamic_update_slice_in_dim
        cache = Tokens(write(cache.x, x, start, axis=1), write(cache.level, level, start, axis=1))
        written = jnp.arange(cache.x.shape[1], dtype=jnp.int32) < start + x.shape[1]
        valid = jnp.broadcast_to(written, cache.level.shape)
        output = self(cache.x, cache.level, valid)
        return jax.lax.dynamic_slice_in_dim(output, start, x.shape[1], axis=1), cache

    def precompute_modulation(self, levels: Float[Array, "K"]) -> Callable[[Array], Array]:
        """See `Network`; modulation is computed when asked for."""
        return self.net.modulation.shared
