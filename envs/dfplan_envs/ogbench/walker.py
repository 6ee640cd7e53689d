"""The policy that walks the ant in a direction: a small network in NumPy.

`experiments/walker` trains it.
"""

import functools
from importlib.resources import as_file, files

import numpy as np

from dfplan_envs.dense import Layer, apply_layer

Layers = tuple[Layer, ...]
"""The layers, in order."""

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
    for layer in layers[:-1]:
        x = np.maximum(apply_layer(layer, x), 0.0)
    return np.tanh(apply_layer(layers[-1], x))
