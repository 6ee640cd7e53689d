"""NetConfig: kind and size of the denoiser."""

import dataclasses

from dfplan.nets.layers import PRODUCTS
from dfplan.types import UserError, check_choice

KINDS = ("transformer", "gru")
ATTENTIONS = ("causal", "bidirectional")


@dataclasses.dataclass(frozen=True)
class NetConfig:
    """Kind and size of the denoiser.

    Attributes:
        kind: "transformer" (sees all tokens before), or "gru" (a latent that sums them up).
        attention: of a transformer, "causal" (to the tokens before) or "bidirectional" (to all),
            which neither two streams nor sampling token by token go with.
        width: features per token inside the network, and of a latent.
        layers: pairs of attention, or a GRU cell, and MLP.
        heads: attention heads; `width / heads` must be even (rotary positions). Without effect on
            a GRU.
        mlp_ratio: MLP width over `width`.
        octaves: frequencies of the input's Fourier features; 0 turns them off.
        dtype: "float32" or "bfloat16" products of the dense layers; all else is float32.

    Raises:
        UserError: when a value is unknown or out of range.
    """

    kind: str = "transformer"
    attention: str = "causal"
    width: int = 128
    layers: int = 4
    heads: int = 4
    mlp_ratio: int = 4
    fourier_octaves: int = 4
    dtype: str = "float32"

    def __post_init__(self):
        check_choice("net.kind", self.kind, KINDS)
        check_choice("net.attention", self.attention, ATTENTIONS)
        check_choice("net.dtype", self.dtype, PRODUCTS)
        for name in ("width", "layers", "heads", "mlp_ratio"):
            if getattr(self, name) < 1:
                raise UserError(f"net.{name} must be at least 1, got {getattr(self, name)}")
        if self.fourier_octaves < 0:
            raise UserError(f"net.fourier_octaves must be at least 0, got {self.fourier_octaves}")
        if self.kind == "gru" and not self.causal:
            raise UserError(
                "net.kind 'gru' sums up the tokens before, so net.attention 'bidirectional' is not "
                "for it; valid here: causal"
            )
        if self.kind == "transformer" and self.width % (2 * self.heads):
            raise UserError(
                f"net.width {self.width} must be a multiple of 2 * net.heads = {2 * self.heads}"
            )

    @property
    def causal(self) -> bool:
        """Whether an output depends on its own token and those before it alone."""
        return self.attention == "causal"
