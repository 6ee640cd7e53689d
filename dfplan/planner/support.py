"""DataSupport: the region that the data covers, as a grid over the goal's dimensions."""

import base64
import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from dfplan.representation.grid import Grid
from dfplan.types import Array, ArrayLike
from dfplan.util.rank import to_rank


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class DataSupport:
    """The cells of a grid that the data has visited.

    Attributes:
        low: `[G]` lower corner, in the goal's units.
        size: `[G]` edge lengths of a cell, in the goal's units.
        visited: Whether each cell has been visited, with one axis per dimension.
    """

    low: Float[Array, "G"]
    size: Float[Array, "G"]
    visited: Bool[Array, "..."]

    @classmethod
    def from_grid(cls, grid: Grid | None) -> "DataSupport | None":
        """Return the support of a dataset's grid; None without one."""
        if grid is None:
            return None
        return cls(
            low=jnp.asarray(grid.low, jnp.float32),
            size=jnp.asarray(grid.size, jnp.float32),
            visited=jnp.asarray(grid.visited),
        )

    def contains(self, points: Float[ArrayLike, "*b G"]) -> Bool[Array, "*b"]:
        """Return whether the data has visited the cells of these points."""
        points = jnp.asarray(points)
        shape = to_rank(jnp.asarray(self.visited.shape, jnp.int32), points.ndim)
        low = to_rank(self.low, points.ndim)
        size = to_rank(self.size, points.ndim)
        cell = jnp.floor((points - low) / size)
        # The upper border of the grid belongs to the last cells.
        cell = jnp.where((cell == shape) & (points <= low + size * shape), cell - 1, cell)
        inside = ((cell >= 0) & (cell < shape)).all(axis=-1)
        index = jnp.clip(jnp.nan_to_num(cell), 0, shape - 1).astype(jnp.int32)
        return inside & self.visited[tuple(jnp.moveaxis(index, -1, 0))]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, with the cells as base64-encoded bits in row-major order."""
        visited = np.asarray(self.visited)
        return {
            "low": np.asarray(self.low).tolist(),
            "size": np.asarray(self.size).tolist(),
            "shape": list(visited.shape),
            "visited": base64.b64encode(np.packbits(visited).tobytes()).decode(),
        }

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> "DataSupport":
        """Create the support from its JSON form.

        Raises:
            ValueError: If the number of cells does not fit the shape.
        """
        bits = np.frombuffer(base64.b64decode(d["visited"]), np.uint8)
        shape = tuple(d["shape"])
        if math.prod(shape) > 8 * len(bits) or len(shape) != len(d["low"]):
            raise ValueError(f"a grid of shape {shape} with {8 * len(bits)} cells")
        visited = np.unpackbits(bits, count=math.prod(shape)).reshape(shape)
        return cls(
            low=jnp.asarray(d["low"], jnp.float32),
            size=jnp.asarray(d["size"], jnp.float32),
            visited=jnp.asarray(visited.astype(bool)),
        )
