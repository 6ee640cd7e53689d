"""ObservedMoves: what each move of a dataset changed, and where the objects were."""

import dataclasses
import io
import itertools
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float

from dfplan.data.moves import Moves
from dfplan.data.trajectories import Trajectories
from dfplan.representation.objects import Groups, Objects
from dfplan.types import UserError
from dfplan.util.readers import read_npz, reading
from dfplan.util.validate import is_integer

STATIC = {"static": True}
SAMPLES = 4
"""States stored of each move, evenly spaced from its first row, besides the state after it."""
MAX_MOVES = 10_000
"""Largest number of moves that are stored, evenly spaced over the data."""
RARE = 0.02
"""What a smaller share of the moves than this shows counts as an accident."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class ObservedMoves:
    """Moves of a dataset, see `dfplan.data.moves`, in the goal's dimensions.

    Attributes:
        during: `[M, R, G]` states of each move before its end, in order of time.
        after: `[M, G]` state after each move.
        changes: `[M, K]` whether each move changed each object.
        scale: `[G]` factors that make distances in the goal's dimensions comparable.
        groups: Objects, see `Objects`.
        goal_dims: State dimensions that a goal fixes.
    """

    during: Float[np.ndarray, "M R G"]
    after: Float[np.ndarray, "M G"]
    changes: Bool[np.ndarray, "M K"]
    scale: Float[np.ndarray, "G"]
    groups: Groups = dataclasses.field(metadata=STATIC)
    goal_dims: tuple[int, ...] = dataclasses.field(metadata=STATIC)

    @classmethod
    def of(
        cls,
        data: Trajectories,
        moves: Moves,
        objects: Objects,
        scale: tuple[float, ...] = (),
    ) -> "ObservedMoves":
        """Return the moves of a dataset; if they are many, evenly spaced ones among them.

        Args:
            data: Dataset.
            moves: Rows of its moves.
            objects: Objects of the task.
            scale: Factors that make distances comparable; empty for ones.
        """
        count = len(moves.end)
        chosen = np.unique(np.linspace(0, count - 1, min(count, MAX_MOVES)).astype(int))
        values = data.state[:, list(objects.goal_dims)]
        first = moves.first[chosen]
        end = moves.end[chosen]
        steps = np.arange(SAMPLES) / SAMPLES
        rows = (first[:, None] + steps * (end - first)[:, None]).astype(int)
        return cls(
            during=values[rows],
            after=values[end],
            changes=moves.changes[chosen],
            scale=np.array(scale or (1.0,) * len(objects.goal_dims), np.float32),
            groups=objects.groups,
            goal_dims=objects.goal_dims,
        )

    @property
    def objects(self) -> Objects:
        """Objects of the task."""
        return Objects(self.groups, self.goal_dims)

    def check_fits(self, state_dim: int, goal_dims: tuple[int, ...]) -> None:
        """Check that the arrays hold moves of objects of these states.

        Args:
            state_dim: Length of a state.
            goal_dims: State dimensions that a goal fixes.

        Raises:
            UserError: If an array has another shape or type, or is not finite, or if the objects
                are not those of such states and goals.
        """
        if self.goal_dims != goal_dims:
            raise UserError(f"goal_dims is {self.goal_dims}; needed: {goal_dims}, as the layout")
        dims = self.objects.dims
        for dim in itertools.chain(*dims):
            if not is_integer(dim) or not 0 <= dim < state_dim:
                raise UserError(f"an object has the dimension {dim}; valid: 0 to {state_dim - 1}")
        count = len(self.after)
        size = len(goal_dims)
        for name, kinds, shape in (
            ("during", "f", (count, SAMPLES, size)),
            ("after", "f", (count, size)),
            ("changes", "b", (count, len(dims))),
            ("scale", "f", (size,)),
        ):
            array = getattr(self, name)
            if array.shape != shape or array.dtype.kind != kinds:
                raise UserError(f"{name} is {array.dtype} {array.shape}; needed: {shape}")
            if not np.isfinite(array).all():
                raise UserError(f"{name} holds a number that is not finite")
        if not (self.scale > 0).all():
            raise UserError("scale has a value of 0 or below; needed: above 0")

    def to_bytes(self) -> bytes:
        """Return the contents of an NPZ file."""
        arrays: dict[str, Any] = {
            "during": np.asarray(self.during, np.float32),
            "after": np.asarray(self.after, np.float32),
            "changes": np.asarray(self.changes),
            "scale": np.asarray(self.scale),
            "goal_dims": np.array(self.goal_dims),
            "group": np.array(self.objects.group),
        }
        for number, dims in enumerate(self.objects.dims):
            arrays[f"object/{number}"] = np.array(dims)
        file = io.BytesIO()
        np.savez_compressed(file, **arrays)
        return file.getvalue()

    @classmethod
    def load(cls, path: Path) -> "ObservedMoves":
        """Read a file with the bytes of `to_bytes`.

        Raises:
            UserError: If the file is missing or damaged.
        """
        arrays = dict(read_npz(path))
        with reading(path, "moves"):
            groups: dict[int, list[tuple[int, ...]]] = {}
            for number, group in enumerate(arrays["group"].tolist()):
                groups.setdefault(group, []).append(tuple(arrays[f"object/{number}"].tolist()))
            return cls(
                during=arrays["during"],
                after=arrays["after"],
                changes=arrays["changes"],
                scale=arrays["scale"],
                groups=tuple(tuple(group) for group in groups.values()),
                goal_dims=tuple(arrays["goal_dims"].tolist()),
            )
