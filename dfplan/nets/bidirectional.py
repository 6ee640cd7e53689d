"""Transformer whose tokens attend to all others: full-sequence diffusion as Diffuser has it."""

from collections.abc import Callable
from typing import NamedTuple, NoReturn

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Bool, Float, Int

from dfplan.nets.config import NetConfig
from dfplan.nets.transformer import CausalTransformer
from dfplan.types import Array, UserError


class Tokens(NamedTuple):
    """The tokens seen so far as they were last given; nothing made of them can be kept.

    Attributes:
        x: `[B, capacity, D]`. level: `[B, capacity]`.
    """

    x: Float[Array, "B S D"]
    level: Float[Array, "B S"]


class BidirectionalTransformer(nnx.Module):
    """A `Network` in which a token depends on the later ones too.

    It has the causal transformer's parameters. What rests on causality does not go with it: two
    streams and sampling token by token are refused, and each evaluation computes all tokens.

    Args:
        config: sizes.
        features: D, features per token.
        has_goal: the first token of every sequence is the goal.
        rngs: initialisation.
    """

    def __init__(self, config: NetConfig, features: int, has_goal: bool, *, rngs: nnx.Rngs):
        self.net = CausalTransformer(config, features, has_goal, rngs=rngs)

    def __call__(
        self,
        x: Float[Array, "B T D"],
        level: Float[Array, "B T"],
        valid: Bool[Array, "B T"] | None = None,
    ) -> Float[Array, "B T D"]:
        """All tokens at once; those that are not `valid` are seen by none."""
        tokens = x.shape[1]
        seen = jnp.ones(x.shape[:2], bool) if valid is None else valid
        mask = jnp.broadcast_to(seen[:, None], (x.shape[0], tokens, tokens))
        return self.net(x, level, mask=mask)

    def two_streams(self, x: Array, level: Array) -> NoReturn:
        """Not there.

        Raises:
            UserError: always.
        """
        raise UserError(two_streams_need_causality())

    def init_cache(self, batch: int, capacity: int) -> Tokens:
        """Room for sequences of up to `capacity` tokens."""
        x = jnp.zeros((batch, capacity, self.net.features))
        return Tokens(x, jnp.zeros((batch, capacity)))

    def extend(
        self,
        cache: Tokens,
        x: Float[Array, "B W D"],
        level: Float[Array, "B W"],
        start: Int[Array, ""],
        modulation: Callable[[Array], Array] | None = None,
    ) -> tuple[Float[Array, "B W D"], Tokens]:
        """Evaluate the window that begins at `start` with all tokens up to its end.

        Equal to the full pass over those. Tokens behind the window are not seen, so a sequence is
        denoised in windows that reach to its end.

        Args:
            cache: with the tokens before `start`.
            x: noised tokens of the window, normalised units.
            level: their noise levels in [0, 1].
            start: position of the window's first token; `start + W` must not pass the capacity.
            modulation: without effect: the levels of the tokens before are none of those it knows.
        """
        write = jax.lax.dynamic_update_slice_in_dim
        cache = Tokens(write(cache.x, x, start, axis=1), write(cache.level, level, start, axis=1))
        there = jnp.arange(cache.x.shape[1]) < start + x.shape[1]
        valid = jnp.broadcast_to(there, cache.level.shape)
        output = self(cache.x, cache.level, valid)
        return jax.lax.dynamic_slice_in_dim(output, start, x.shape[1], axis=1), cache

    def precompute_modulation(self, levels: Float[Array, "K"]) -> Callable[[Array], Array]:
        """The modulation of any level, computed when asked for."""
        return self.net.modulation.shared


def two_streams_need_causality() -> str:
    """Why two streams are refused."""
    return (
        "training.objective.two_stream learns each token from the history before it, and "
        "net.attention 'bidirectional' sees what comes after; valid here: false"
    )
