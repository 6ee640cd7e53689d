"""Figure coordinates of states and goals, and environments that draw themselves."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from dfplan.types import ArrayLike

if TYPE_CHECKING:  # Figures of datasets need no agent.
    from dfplan.agent import Agent


def plot_dims(
    goal_dims: tuple[int, ...], state_dim: int, plan_dims: tuple[int, ...] = ()
) -> tuple[int, ...]:
    """Return the two state dimensions to draw; one if there is only one.

    If the goal has two or more dimensions, these are its first two. Otherwise they are the first
    two planned dimensions, or the first one and the goal's if the goal's is not among them.

    Args:
        goal_dims: State dimensions that form the goal.
        state_dim: Length of the state.
        plan_dims: Planned state dimensions; empty for all.
    """
    if len(goal_dims) >= 2:
        return goal_dims[:2]
    dims = (plan_dims or tuple(range(state_dim)))[:2]
    if goal_dims and goal_dims[0] not in dims:
        return (dims[0], goal_dims[0])
    return dims


def agent_plot_dims(agent: "Agent") -> tuple[int, ...]:
    """Return `plot_dims` of an agent's plans."""
    plan_dims = agent.planner.model.layout.plan_dims
    return plot_dims(agent.layout.goal_dims, agent.layout.state_dim, plan_dims)


def plot_points(states: ArrayLike, dims: tuple[int, ...], stride: int = 1) -> np.ndarray:
    """Return the figure coordinates `[..., T, 2]` of a sequence of states `[..., T, S]`.

    Args:
        states: States, in temporal order along T.
        dims: State dimensions to draw, from `plot_dims`; a single one is drawn over control steps.
        stride: Control steps from one state to the next.
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
    """Return the figure coordinates `[2]` of a goal `[G]`; None if it does not fix any of them.

    A coordinate that the goal does not fix is NaN.

    Args:
        goal: Goal, or None.
        goal_dims: State dimensions that form the goal.
        dims: State dimensions to draw, from `plot_dims`.
        end: Control step at which the goal is drawn if `dims` is a single dimension.
    """
    if goal is None or not set(dims) & set(goal_dims):
        return None
    values = [float(goal[goal_dims.index(d)]) if d in goal_dims else np.nan for d in dims]
    return np.array(values if len(dims) == 2 else [end, *values])


def axis_names(dims: tuple[int, ...]) -> tuple[str, str]:
    """Return generic axis names for the drawn state dimensions."""
    names = [f"state {d}" for d in dims]
    return (names[0], names[1]) if len(dims) == 2 else ("control step", names[0])


def draw_function(env: Any) -> Callable[..., None] | None:
    """Return `draw(ax, case=None)` for an environment that can draw itself, else None.

    If the case has a `seed`, the environment is first reset with it, so that its goal is drawn.

    Args:
        env: Gymnasium environment; it can draw itself if it has `env.unwrapped.draw(ax)`.
    """
    if not callable(getattr(env.unwrapped, "draw", None)):
        return None

    def draw(ax: Any, case: Any = None) -> None:
        seed = getattr(case, "seed", None)
        if seed is not None:
            env.reset(seed=seed)
        env.unwrapped.draw(ax)

    return draw
