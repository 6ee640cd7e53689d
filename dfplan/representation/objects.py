"""Objects: which parts of a state describe what a robot moves; `View`: states that show a few."""

import dataclasses
import functools
from collections.abc import Collection

import numpy as np
from jaxtyping import Float, Int

from dfplan.types import UserError, listed

Groups = tuple[tuple[tuple[int, ...], ...], ...]
"""State dimensions of each object, in groups of objects that are alike."""


@dataclasses.dataclass(frozen=True)
class Objects:
    """The objects of a task.

    Objects are alike if one could take the place of another: they behave in the same way, and
    their states say all that tells them apart, such as the positions of cubes on a table. Buttons
    are not alike if the state does not hold their positions.

    Attributes:
        groups: See `Groups`.
        goal_dims: State dimensions that a goal fixes; each belongs to an object.

    Raises:
        UserError: If there is no object, a dimension belongs to two objects, an object has none of
            the goal's dimensions, a goal dimension belongs to no object, or objects that are alike
            differ in their dimensions.
    """

    groups: Groups
    goal_dims: tuple[int, ...]

    def __post_init__(self):
        dims = [dim for object_dims in self.dims for dim in object_dims]
        if not dims:
            raise UserError(
                "data.single_moves needs a task that declares objects (Task.objects), and this one "
                "declares none"
            )
        for dim in dims:
            if dims.count(dim) > 1:
                raise UserError(f"Task.objects: state dimension {dim} is in more than one object")
        for dim in self.goal_dims:
            if dim not in dims:
                raise UserError(f"Task.objects: the goal's dimension {dim} is in no object")
        shapes = [self._shape(object_dims) for object_dims in self.dims]
        for number, (shape, group) in enumerate(zip(shapes, self.group, strict=True)):
            if not any(is_goal for is_goal in shape):
                raise UserError(
                    f"Task.objects: object {number} has none of the goal's dimensions; these are "
                    f"{listed([str(dim) for dim in self.goal_dims])}"
                )
            if shape != shapes[self.group.index(group)]:
                raise UserError(
                    f"Task.objects: object {number} and the first one of its group differ in their "
                    "number of dimensions, or in which of them a goal fixes"
                )

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
        """Indices of each object's dimensions in the goal."""
        goal = list(self.goal_dims)
        return tuple(tuple(goal.index(d) for d in dims if d in goal) for dims in self.dims)

    def alike(self, number: int) -> list[int]:
        """Return the other objects of an object's group."""
        group = self.group[number]
        return [k for k, other in enumerate(self.group) if other == group and k != number]

    def view(self, shown: Collection[int], state_dim: int) -> "View":
        """Return a view of states that shows some objects and hides the others.

        An object that is shown appears in the dimensions of the first one of its group, so that
        objects that are alike look the same. If several of its group are shown, each stays in its
        own dimensions.

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
            target = self.group.index(group) if is_alone else number
            source[list(self.dims[target])] = self.dims[number]
        return View(source)


@dataclasses.dataclass(frozen=True, eq=False)
class View:
    """A view of states, which hides some dimensions and may move others.

    Attributes:
        source: `[S]` state dimension that each dimension of the view shows; -1 if it is hidden.
    """

    source: Int[np.ndarray, "S"]

    def show(
        self, state: Float[np.ndarray, "*b S"], hidden: Float[np.ndarray, "S"]
    ) -> Float[np.ndarray, "*b S"]:
        """Return views of states.

        Args:
            state: States.
            hidden: State that supplies the values of hidden dimensions.
        """
        return np.where(self.source >= 0, state[..., self.source], hidden)

    def restore(
        self, view: Float[np.ndarray, "*b S"], hidden: Float[np.ndarray, "*b S"]
    ) -> Float[np.ndarray, "*b S"]:
        """Return states from their views.

        Args:
            view: Result of `show`.
            hidden: States that supply the values that the views do not show.
        """
        state = np.array(np.broadcast_to(hidden, view.shape))
        shown = self.source >= 0
        state[..., self.source[shown]] = view[..., shown]
        return state
