"""Layers of small networks in NumPy, for policies that collect data."""

import numpy as np

Layer = tuple[np.ndarray, np.ndarray]
"""Kernel `[I, O]` and bias `[O]`."""


def apply_layer(layer: Layer, x: np.ndarray) -> np.ndarray:
    """Return `x @ kernel + bias`, independent of the number of rows and of cores to the last bit.

    BLAS, which `@` calls, adds in an order that depends on both.

    Args:
        layer: Kernel and bias.
        x: `[B, I]`.
    """
    kernel, bias = layer
    return np.einsum("bi,io->bo", x, kernel) + bias
