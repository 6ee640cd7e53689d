"""What every denoising network can do, and the kinds there are."""

from collections.abc import Callable
from typing import Protocol

from flax import nnx
from jaxtyping import Float, Int

from dfplan.nets.bidirectional import BidirectionalTransformer
from dfplan.nets.config import NetConfig
from dfplan.nets.gru import RecurrentDenoiser
from dfplan.nets.transformer import CausalTransformer
from dfplan.types import Array, PyTree


class Network(Protocol):
    """A denoiser; if it is causal, an output depends on its own token and on those before it."""

    def __call__(self, x: Float[Array, "B T D"], level: Float[Array, "B T"]) -> Array:
        """Predictions `[B, T, D]` of all tokens at once."""
        ...

    def two_streams(
        self, x: Float[Array, "B {2*T} D"], level: Float[Array, "B {2*T}"]
    ) -> Float[Array, "B T D"]:
        """Predictions of the targets of [history, target], each after the history before it."""
        ...

    def init_cache(self, batch: int, capacity: int) -> PyTree:
        """Memory of the tokens seen so far, of which there are none; batch first in every leaf."""
        ...

    def extend(
        self,
        cache: PyTree,
        x: Float[Array, "B W D"],
        level: Float[Array, "B W"],
        start: Int[Array, ""],
        modulation: Callable[[Array], Array] | None = None,
    ) -> tuple[Float[Array, "B W D"], PyTree]:
        """Predictions of a window, given the cached tokens before it; and the cache with both.

        `modulation` is what `precompute_modulation` gives, where it knows all these levels.
        """
        ...

    def precompute_modulation(self, levels: Float[Array, "K"]) -> Callable[[Array], Array]:
        """The modulation of a few levels, rising, computed once for many calls of `extend`."""
        ...


def make_network(
    config: NetConfig, features: int, has_goal: bool, *, rngs: nnx.Rngs
) -> CausalTransformer | BidirectionalTransformer | RecurrentDenoiser:
    """A fresh network of the configured kind.

    Args:
        config: kind and sizes.
        features: D, features per token.
        has_goal: the first token of every sequence is the goal.
        rngs: initialisation.
    """
    kinds = {"transformer": CausalTransformer, "gru": RecurrentDenoiser}
    make = kinds[config.kind] if config.causal else BidirectionalTransformer
    return make(config, features, has_goal, rngs=rngs)
