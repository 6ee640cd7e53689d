"""Support: where the data has been, as a grid over the goal's dimensions."""

import base64
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from dfplan.types import Array, ArrayLike

SAMPLES_PER_CELL = 256
"""On average; so even rarely visited cells are seen, and a cell is far smaller than an obstacle."""
MAX_DIMS = 3
"""A grid of more dimensions would be empty nearly everywhere."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class DataSupport:
    """Cells of a grid that the data has visited.

    Attributes:
        low: `[G]` lower corner. size: `[G]` edges of a cell, the goal's units.
        visited: bool, one axis per dimension.
    """

    low: Float[Array, "G"]
    size: Float[Array, "G"]
    visited: Bool[Array, "..."]

    @classmethod
    def fit(cls, points: np.ndarray) -> "DataSupport | None":
        """The grid of the data's own positions `[N, G]`.

        None where there are no dimensions, too many for a grid, or no extent in one of them.
        """
        points = np.asarray(points, np.float64)
        dims = points.shape[1]
        if not 1 <= dims <= MAX_DIMS:
            return None
        low, high = points.min(axis=0), points.max(axis=0)
        if not (high > low).all():
            return None
        edge = max(int((len(points) / SAMPLES_PER_CELL) ** (1 / dims)), 1)
        size = (high - low) / edge
        visited = np.zeros((edge,) * dims, bool)
        visited[tuple(np.minimum((points - low) / size, edge - 1).astype(int).T)] = True
        return cls(
            jnp.asarray(low, jnp.float32), jnp.asarray(size, jnp.float32), jnp.asarray(visited)
        )

    def contains(self, points: Float[ArrayLike, "*b G"]) -> Bool[Array, "*b"]:
        """Whether the data has been in the cells of these points."""
        shape = jnp.asarray(self.visited.shape)
        cell = jnp.floor((points - self.low) / self.size)
        # The data's own upper border belongs to the last cells.
        cell = jnp.where((cell == shape) & (points <= self.low + self.size * shape), cell - 1, cell)
        inside = ((cell >= 0) & (cell < shape)).all(axis=-1)
        index = jnp.clip(jnp.nan_to_num(cell), 0, shape - 1).astype(jnp.int32)
        return inside & self.visited[tuple(jnp.moveaxis(index, -1, 0))]

    def to_dict(self) -> dict[str, Any]:
        """JSON form; the cells are packed into bits, row by row, and written in base 64."""
        visited = np.asarray(self.visited)
        return {
            "low": np.asarray(self.low).tolist(),
            "size": np.asarray(self.size).tolist(),
            "shape": list(visited.shape),
            "visited": base64.b64encode(np.packbits(visited).tobytes()).decode(),
        }

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> "DataSupport":
        """Inverse of `to_dict`."""
        bits = np.frombuffer(base64.b64decode(d["visited"]), np.uint8)
        visited = np.unpackbits(bits, count=int(np.prod(d["shape"]))).reshape(d["shape"])
        low, size = (jnp.asarray(d[k], jnp.float32) for k in ("low", "size"))
        return cls(low, size, jnp.asarray(visited.astype(bool)))
