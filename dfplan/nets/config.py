"""NetConfig: kind and size of the denoiser."""

import dataclasses

from flax import nnx

from dfplan.nets.layers import PRODUCTS
from dfplan.nets.network import NETWORKS, Network
from dfplan.types import UserError, check_choice
from dfplan.util.registry import parse_spec
from dfplan.util.validate import check_integers, naming

MAX_PARAMETERS = 10**10
BOUNDS = (
    ("width", 1, 16_384),
    ("layers", 1, 1_000),
    ("heads", 1, 1_024),
    ("mlp_ratio", 1, 64),
    ("fourier_octaves", 0, 24),
)
"""Name, lowest and highest value. Beyond 24 octaves, float32 does not resolve the phase."""


@dataclasses.dataclass(frozen=True)
class NetConfig:
    """Kind and size of the denoiser.

    Attributes:
        kind: Network with its parameters, if it has any: "transformer" (attends to all earlier
            tokens), "bidirectional" (a transformer that attends to all tokens; incompatible with
            two-stream training and autoregressive sampling), "gru" (a recurrent network with a
            latent state), or one that another package registers.
        width: Features per token inside the network, and of a latent state.
        layers: Number of blocks; each mixes tokens (attention or a GRU cell), then applies an MLP.
        heads: Attention heads; `width / heads` must be even, for rotary positions. Ignored by
            "gru".
        mlp_ratio: Width of the MLP over `width`.
        fourier_octaves: Frequencies of the input's Fourier features; 0 turns them off.
        dtype: Type of the dense layers' products, "float32" or "bfloat16"; everything else is
            float32.

    Raises:
        UserError: If a value is unknown or out of range.
    """

    kind: str = "transformer"
    width: int = 128
    layers: int = 4
    heads: int = 4
    mlp_ratio: int = 4
    fourier_octaves: int = 4
    dtype: str = "float32"

    def __post_init__(self):
        with naming("net.kind"):
            NETWORKS.check(self.kind, filled=3, named=("rngs",))
        check_choice("net.dtype", self.dtype, PRODUCTS)
        for name, low, high in BOUNDS:
            check_integers(self, "net.", minimum=low, names=[name], maximum=high)
        parameters = self.layers * (4 + 2 * self.mlp_ratio) * self.width**2
        if parameters > MAX_PARAMETERS:
            raise UserError(
                f"net.width {self.width} with net.layers {self.layers} and net.mlp_ratio "
                f"{self.mlp_ratio} makes about {parameters:.2g} parameters; valid: at most "
                f"{MAX_PARAMETERS:.0e}"
            )
        self.network.check_config(self)

    @property
    def network(self) -> type[Network]:
        """Class of the network."""
        return NETWORKS.get(parse_spec(self.kind)[0])

    @property
    def causal(self) -> bool:
        """Whether an output depends only on its own token and on those before it."""
        return self.network.causal

    def make_network(self, features: int, has_goal: bool, *, rngs: nnx.Rngs) -> Network:
        """Return a freshly initialized network.

        Args:
            features: Features per token, D.
            has_goal: Whether the first token of every sequence is the goal.
            rngs: Random streams for initialization.
        """
        return NETWORKS.make(self.kind, self, features, has_goal, rngs=rngs)
