"""Networks with two hidden layers as arrays by name: the critic's and the low-level policy's."""

import itertools
from collections.abc import Mapping

import jax
from jaxtyping import Float

from dfplan.types import Array
from dfplan.util.rank import to_rank

LAYERS = 3
"""Layers of a network: two hidden ones and the output."""


def mlp_shapes(inputs: int, width: int, outputs: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the parameters, "0/kernel", "0/bias", "1/kernel" and so on.

    Args:
        inputs: Number of inputs.
        width: Width of the hidden layers.
        outputs: Number of outputs.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for i, (a, b) in enumerate(itertools.pairwise((inputs, width, width, outputs))):
        shapes[f"{i}/kernel"] = (a, b)
        shapes[f"{i}/bias"] = (b,)
    return shapes


def apply_mlp(
    parameters: Mapping[str, Array], x: Float[Array, "*b I"], prefix: str = ""
) -> Float[Array, "*b O"]:
    """Return the outputs of a network.

    Args:
        parameters: Parameters by name, see `mlp_shapes`.
        x: Inputs.
        prefix: Prefix of the network's names, where `parameters` holds several networks.
    """
    for i in range(LAYERS):
        bias = to_rank(parameters[f"{prefix}{i}/bias"], x.ndim)
        x = x @ parameters[f"{prefix}{i}/kernel"] + bias
        if i + 1 < LAYERS:
            x = jax.nn.silu(x)
    return x
