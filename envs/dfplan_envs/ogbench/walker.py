"""The policy that walks the ant in a direction: a small network in NumPy.

`experiments/walker` trains it.
"""

import functools
from importlib.resources import as_file, files

import numpy as np

Layers = tuple[tuple[np.ndarray, np.ndarray], ...]
"""Kernels `[I, O]` and biases `[O]` of the layers, in order."""

PACKAGE = "dfplan_envs.ogbench"
WEIGHTS = "walker.npz"


@functools.cache
def load_walker() -> Layers:
    """Return the layers of the trained policy, `kernel0`, `bias0`, `kernel1` and so on."""
    with as_file(files(PACKAGE) / WEIGHTS) as path, np.load(path) as arrays:
        count = len(arrays.files) // 2
        return tuple((arrays[f"kernel{k}"], arrays[f"bias{k}"]) for k in range(count))


def walk(layers: Layers, observations: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Return the actions `[B, 8]` of a policy, without noise.

    Args:
        layers: Layers of the policy.
        observations: `[B, 27]` observations of the ant without its position.
        directions: `[B, 2]` unit vectors.
    """
    x = np.concatenate([observations, directions], axis=-1).astype(np.float32)
    for kernel, bias in layers[:-1]:
        x = np.maximum(_product(x, kernel) + bias, 0.0)
    kernel, bias = layers[-1]
    return np.tanh(_product(x, kernel) + bias)


def _product(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Return `x @ kernel`, independent of the number of rows and of cores to the last bit.

    BLAS, which `@` calls, adds in an order that depends on both.
    """
    return np.einsum("bi,io->bo", x, kernel)
