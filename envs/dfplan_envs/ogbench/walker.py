"""The policy that walks the ant in a direction: a small network in NumPy.

`experiments/walker` trains it.
"""

import functools
from importlib.resources import as_file, files

import numpy as np

WEIGHTS = "walker.npz"


@functools.cache
def _layers() -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Return kernels `[I, O]` and biases `[O]` of all layers, in order."""
    with as_file(files(__package__) / WEIGHTS) as path, np.load(path) as arrays:
        count = len(arrays.files) // 2
        return tuple((arrays[f"kernel{k}"], arrays[f"bias{k}"]) for k in range(count))


def walk(observations: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Return the actions `[B, 8]` of the policy, without noise.

    Args:
        observations: `[B, 27]` observations of the ant without its position.
        directions: `[B, 2]` unit vectors.
    """
    x = np.concatenate([observations, directions], axis=-1).astype(np.float32)
    *hidden, (kernel, bias) = _layers()
    for hidden_kernel, hidden_bias in hidden:
        x = np.maximum(_product(x, hidden_kernel) + hidden_bias, 0.0)
    return np.tanh(_product(x, kernel) + bias)


def _product(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Return `x @ kernel`, with sums that depend neither on the number of rows nor of cores.

    BLAS, which `@` calls, adds in an order that depends on both.
    """
    return np.einsum("bi,io->bo", x, kernel)
