"""The interface of denoising networks, and their registry."""

from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from jaxtyping import Bool, Float, Int

from dfplan.types import Array, PyTree
from dfplan.util.registry import Registry


class Network(Protocol):
    """A denoiser that takes a noise level per token; a Flax NNX module.

    Classes are constructed as `cls(config, features, has_goal, rngs=rngs)`, with the keyword
    parameters of a spec on top; see `Backbone`, which implements what most networks share.

    Attributes:
        causal: Whether an output depends only on its own token and on those before it.
        supports_two_stream: Whether `two_streams` is implemented.
    """

    causal: ClassVar[bool]
    supports_two_stream: ClassVar[bool]

    @classmethod
    def check_config(cls, config: Any) -> None:
        """Check the settings of a `NetConfig` that concern this kind of network.

        Raises:
            UserError: If they are invalid.
        """
        ...

    def __call__(
        self,
        x: Float[Array, "B T D"],
        level: Float[Array, "B T"],
        valid: Bool[Array, "B T"] | None = None,
    ) -> Float[Array, "B T D"]:
        """Return predictions for all tokens at once.

        Args:
            x: Noised tokens, in normalized units.
            level: Noise level of each token in [0, 1].
            valid: Which tokens are not padding; all if None. A causal network may ignore it:
                padding at the end influences nothing, and padding before the start is pure noise.
        """
        ...

    def two_streams(
        self, x: Float[Array, "B {2*T} D"], level: Float[Array, "B {2*T}"]
    ) -> Float[Array, "B T D"]:
        """Return predictions for the targets of [history, target].

        Both streams are at positions 0..T-1; each target sees the history before its position, and
        itself.
        """
        ...

    def init_cache(self, batch: int, capacity: int) -> PyTree:
        """Return an empty cache for up to `capacity` tokens, with the batch first in every leaf."""
        ...

    def extend(
        self,
        cache: PyTree,
        x: Float[Array, "B W D"],
        level: Float[Array, "B W"],
        start: Int[Array, ""],
        modulation: Callable[[Array], PyTree] | None = None,
    ) -> tuple[Float[Array, "B W D"], PyTree]:
        """Evaluate a window of W tokens, given the cached tokens before it.

        The window is written to the cache, over whatever was there; cached tokens after the window
        are not seen. For a causal network this equals the full pass if every token before the
        window was written after the last change of any token before it: to change a token, extend
        over the later ones again before they are needed.

        Args:
            cache: Cache with the tokens before `start`.
            x: Noised tokens of the window, in normalized units.
            level: Their noise levels in [0, 1].
            start: Position of the window's first token. `start + W` must not exceed the capacity,
                which cannot be checked: `start` is traced, and JAX would clamp it.
            modulation: Result of `precompute_modulation` for levels that include the window's.

        Returns:
            The predictions, and the cache with the window.
        """
        ...

    def precompute_modulation(self, levels: Float[Array, "K"]) -> Callable[[Array], PyTree]:
        """Return a function from levels to their modulation, for many calls of `extend`.

        Args:
            levels: The levels that will be asked for, in rising order.
        """
        ...


NETWORKS = Registry(
    "network",
    "dfplan.networks",
    {
        "transformer": "dfplan.nets.transformer:CausalTransformer",
        "bidirectional": "dfplan.nets.bidirectional:BidirectionalTransformer",
        "gru": "dfplan.nets.gru:RecurrentDenoiser",
    },
)
"""Classes that implement `Network`."""
