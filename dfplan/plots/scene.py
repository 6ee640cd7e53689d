"""Scene: where in a picture a state lies, and the environment behind it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from dfplan.types import ArrayLike


def picture_dims(goal_dims: tuple[int, ...], state_dim: int) -> tuple[int, ...]:
    """The two places in the state to draw; one for a state of one number.

    The first two that a goal fixes, else 0 and 1.
    """
    if len(goal_dims) >= 2:
        return goal_dims[:2]
    return tuple(range(min(state_dim, 2)))


def points(states: ArrayLike, dims: tuple[int, ...], stride: int = 1) -> np.ndarray:
    """Picture coordinates `[..., T, 2]` of states `[..., T, S]`.

    Args:
        states: one after the other along T.
        dims: of `picture_dims`; with one, its value is drawn over control steps.
        stride: control steps from one state to the next.
    """
    states = np.asarray(states)
    if len(dims) == 2:
        return states[..., list(dims)]
    value = states[..., dims[0]]
    steps = np.broadcast_to(stride * np.arange(value.shape[-1]), value.shape)
    return np.stack([steps, value], axis=-1)


def goal_point(
    goal: ArrayLike | None, goal_dims: tuple[int, ...], dims: tuple[int, ...], end: float = 0.0
) -> np.ndarray | None:
    """Picture coordinates `[2]` of a goal `[G]`; None where it does not fix both of them.

    Args:
        goal: or None.
        goal_dims: places in the state that it fixes.
        dims: of `picture_dims`.
        end: control step at which to draw it when `dims` is one.
    """
    if goal is None or not set(dims) <= set(goal_dims):
        return None
    found = [float(goal[goal_dims.index(d)]) for d in dims]
    return np.array(found if len(dims) == 2 else [end, *found])


def axis_names(dims: tuple[int, ...]) -> tuple[str, str]:
    """Names of the axes where nothing better is known."""
    names = [f"state {d}" for d in dims]
    return (names[0], names[1]) if len(dims) == 2 else ("control step", names[0])


def drawer(env) -> Callable[..., None] | None:
    """`draw(ax, case=None)` for an environment that can draw itself, else None.

    A case with a `seed` resets the environment with it before, so that its goal is drawn.

    Args:
        env: Gymnasium environment; one that can has `env.unwrapped.draw(ax)`.
    """
    if not callable(getattr(env.unwrapped, "draw", None)):
        return None

    def draw(ax: Any, case: Any = None) -> None:
        seed = getattr(case, "seed", None)
        if seed is not None:
            env.reset(seed=seed)
        env.unwrapped.draw(ax)

    return draw
