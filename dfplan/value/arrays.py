"""Files of critics, which hold named arrays, such as the parameters of their networks."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import jax.numpy as jnp
import numpy as np

from dfplan.types import UserError, listed
from dfplan.util.readers import read_npz, reading

PREFIX = "nets/"
T = TypeVar("T")


def named_arrays(critic: Any) -> dict[str, np.ndarray]:
    """Return all arrays of a critic by name, as NumPy arrays.

    Args:
        critic: Dataclass of arrays, whose field `nets` holds parameters by name.
    """
    values = {name: value for name, value in vars(critic).items() if name != "nets"}
    values |= {PREFIX + name: value for name, value in critic.nets.items()}
    return {name: np.asarray(value) for name, value in values.items()}


def to_bytes(critic: Any) -> bytes:
    """Return the contents of an NPZ file with the arrays of a critic."""
    file = io.BytesIO()
    arrays: dict[str, Any] = named_arrays(critic)
    np.savez(file, **arrays)
    return file.getvalue()


def load(cls: Callable[..., T], path: Path) -> T:
    """Read a file with the bytes of `to_bytes`.

    Args:
        cls: Class of the critic.
        path: File.

    Raises:
        UserError: If the file is missing or damaged.
    """
    content = read_npz(path)
    with reading(path, "a critic"):
        arrays = {name: jnp.asarray(array) for name, array in content.items()}
        nets = {k.removeprefix(PREFIX): v for k, v in arrays.items() if k.startswith(PREFIX)}
        return cls(nets=nets, **{k: v for k, v in arrays.items() if not k.startswith(PREFIX)})


def members_and_width(critic: Any, bias: str) -> tuple[int, int]:
    """Return the number of networks and the width of their first hidden layer; 0 if unknown.

    Args:
        critic: Critic.
        bias: Name of the first layer's bias.
    """
    shape = np.shape(critic.nets.get(bias, np.zeros(0)))
    members, width = (*shape, 0, 0)[:2]
    return members, width


def check_arrays(critic: Any, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Check that the arrays of a critic have their shapes and finite numbers.

    Args:
        critic: Critic; all fields except `nets` are numbers.
        shapes: Shapes of the networks' parameters by name.

    Raises:
        UserError: If an array is missing, of another shape or type, or not finite.
    """
    arrays = named_arrays(critic)
    expected: dict[str, tuple[int, ...]] = {name: () for name in vars(critic) if name != "nets"}
    expected |= {PREFIX + name: shape for name, shape in shapes.items()}
    if not critic.nets or arrays.keys() != expected.keys():
        names = sorted(arrays.keys() ^ expected.keys()) or ["nets"]
        raise UserError(f"the critic lacks these arrays or must not have them: {listed(names)}")
    for name, shape in expected.items():
        array = arrays[name]
        if array.shape != shape or array.dtype != np.float32:
            raise UserError(
                f"the critic's {name} is {array.dtype} {array.shape}; needed: float32 {shape}"
            )
        if not np.isfinite(array).all():
            raise UserError(f"the critic's {name} holds a number that is not finite")
