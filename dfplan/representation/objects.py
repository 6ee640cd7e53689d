"""Objects: the parts of a state that describe what a robot moves, and states that show a few."""

import dataclasses
import functools
from collections.abc import Collection

import numpy as np
from jaxtyping import Float, Int

from dfplan.types import UserError

Groups = tuple[tuple[tuple[int, ...], ...], ...]
"""State dimensions of each object, in groups of objects that are alike."""


@dataclasses.dataclass(frozen=True)
class Objects:
    """The objects of a task.

    Objects are alike if they behave in the same way, and their states tell them apart, such as
    cubes on a table. Buttons whose states leave out where they are are not.

    Attributes:
        groups: See `Groups`.
        goal_dims: State dimensions that a goal fixes, each of an object.

    Raises:
        UserError: If there is no object, two share a dimension, an object has none of the goal's
            dimensions, a goal dimension belongs to no object, or objects that are alike differ in
            their dimensions.
    """

    groups: Groups
    goal_dims: tuple[int, ...]

    def __post_init__(self):
        dims = [dim for object_dims in self.dims for dim in object_dims]
        if not dims:
            raise UserError("data.single_moves needs a task with objects, and this one names none")
        for dim in dims:
            if dims.count(dim) > 1:
                raise UserError(f"objects share the state dimension {dim}")
        for dim in self.goal_dims:
            if dim not in dims:
                raise UserError(f"the goal's dimension {dim} belongs to no object")
        shapes = [self._shape(object_dims) for object_dims in self.dims]
        for number, (shape, group) in enumerate(zip(shapes, self.group, strict=True)):
            if not any(is_goal for is_goal in shape):
                raise UserError(f"object {number} has none of the goal's dimensions")
            if shape != shapes[self.group.index(group)]:
                raise UserError(f"object {number} differs from others of its group")

    def _shape(self, dims: tuple[int, ...]) -> list[bool]:
        """Return which of an object's dimensions a goal fixes."""
        return [dim in self.goal_dims for dim in dims]

    @functools.cached_property
    def dims(self) -> tuple[tuple[int, ...], ...]:
        """State dimensions of each object."""
        return tuple(tuple(dims) for group in self.groups for dims in group)

    @functools.cached_property
    def group(self) -> tuple[int, ...]:
        """Number of each object's group."""
        return tuple(number for number, group in enumerate(self.groups) for _ in group)

    @functools.cached_property
    def places(self) -> tuple[tuple[int, ...], ...]:
        """Places of each object's dimensions in a goal."""
        goal = list(self.goal_dims)
        return tuple(tuple(goal.index(d) for d in dims if d in goal) for dims in self.dims)

    def alike(self, number: int) -> list[int]:
        """Return the other objects of an object's group."""
        group = self.group[number]
        return [k for k, other in enumerate(self.group) if other == group and k != number]

    def view(self, shown: Collection[int], state_dim: int) -> "View":
        """Return how a state is shown that leaves out all but some objects.

        An object that is shown takes the dimensions of the first one of its group, so that objects
        that are alike look the same, unless several of its group are shown.

        Args:
            shown: Numbers of the objects.
            state_dim: Length of a state.
        """
        source = np.arange(state_dim)
        for dims in self.dims:
            source[list(dims)] = -1
        for number in sorted(shown):
            group = self.group[number]
            is_alone = sum(self.group[k] == group for k in shown) == 1
            slot = self.group.index(group) if is_alone else number
            source[list(self.dims[slot])] = self.dims[number]
        return View(source)


@dataclasses.dataclass(frozen=True, eq=False)
class View:
    """A way to show states.

    Attributes:
        source: `[S]` dimension that each dimension of a view shows; -1 for none.
    """

    source: Int[np.ndarray, "S"]

    def show(
        self, state: Float[np.ndarray, "*b S"], hidden: Float[np.ndarray, "S"]
    ) -> Float[np.ndarray, "*b S"]:
        """Return states as they are shown.

        Args:
            state: States.
            hidden: Values in place of those that are left out.
        """
        return np.where(self.source >= 0, state[..., self.source], hidden)

    def restore(
        self, view: Float[np.ndarray, "*b S"], hidden: Float[np.ndarray, "*b S"]
    ) -> Float[np.ndarray, "*b S"]:
        """Return the states that a view shows.

        Args:
            view: Result of `show`.
            hidden: States with the values that are left out.
        """
        state = np.array(np.broadcast_to(hidden, view.shape))
        shown = self.source >= 0
        state[..., self.source[shown]] = view[..., shown]
        return state
