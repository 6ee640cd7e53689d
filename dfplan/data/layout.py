"""Layout: which numbers of a Gymnasium observation make a state, an action and a goal."""

import dataclasses
from typing import Any

import numpy as np

from dfplan.types import UserError, one_line

GOAL_KEYS = ("observation", "achieved_goal", "desired_goal")
SUPPORTED = f"a Box of shape (n,), or a Dict of those with the keys {', '.join(GOAL_KEYS)}"


@dataclasses.dataclass(frozen=True)
class Layout:
    """Shapes of a task and the place of the goal in its state.

    The state is the flattened observation; of a goal Dict, its `observation` entry, to which
    `achieved_goal` is appended where the observation does not already contain it.

    Attributes:
        observation_dim: length of the flattened observation.
        action_dim: length of the flattened action.
        goal_dims: places in the state that a goal fixes; empty when the task has no goal.
        dict_observation: observations are goal Dicts.
        append_achieved: the state ends with `achieved_goal`.
        action_shape: of the action before it was flattened; empty for (action_dim,).
        action_low, action_high: bounds of the action, for clipping; None when unbounded.
    """

    observation_dim: int
    action_dim: int
    goal_dims: tuple[int, ...] = ()
    dict_observation: bool = False
    append_achieved: bool = False
    action_shape: tuple[int, ...] = ()
    action_low: tuple[float, ...] | None = None
    action_high: tuple[float, ...] | None = None

    def __post_init__(self):
        bad = [d for d in self.goal_dims if not 0 <= d < self.state_dim]
        if bad:
            valid = f"0 to {self.state_dim - 1}"
            raise UserError(f"goal dimension {bad[0]} is not in the state; valid: {valid}")
        if len(set(self.goal_dims)) < self.goal_dim:
            raise UserError(f"goal dimensions {self.goal_dims} name one of them twice")

    @property
    def state_dim(self) -> int:
        """Length of the state vector."""
        return self.observation_dim + (len(self.goal_dims) if self.append_achieved else 0)

    @property
    def goal_dim(self) -> int:
        """Length of the goal vector, 0 without one."""
        return len(self.goal_dims)

    def state(self, observation) -> np.ndarray:
        """State(s) `[..., S]`, float32, of one observation or of a batch of them.

        Raises:
            UserError: when the observation has another structure or length than the data had.
        """
        if not self.dict_observation:
            return self._observation(observation)
        state = self._entry(observation, "observation", self.observation_dim)
        if not self.append_achieved:
            return state
        achieved = self._entry(observation, "achieved_goal", self.goal_dim)
        return np.concatenate([state, achieved], axis=-1)

    def goal(self, observation) -> np.ndarray | None:
        """Goal(s) `[..., G]`, float32, of an observation; None for a task that has none in it.

        Raises:
            UserError: as `state`.
        """
        if not self.dict_observation:
            return None
        return self._entry(observation, "desired_goal", self.goal_dim)

    def clip_action(self, action: np.ndarray) -> np.ndarray:
        """Action(s) `[..., A]` within the environment's bounds."""
        if self.action_low is None or self.action_high is None:
            return action
        return np.clip(action, *np.array([self.action_low, self.action_high], np.float32))

    def shape_action(self, action: np.ndarray) -> np.ndarray:
        """Action(s) `[..., A]` in the shape that the environment takes."""
        return action.reshape(*action.shape[:-1], *(self.action_shape or (self.action_dim,)))

    def _observation(self, observation) -> np.ndarray:
        if isinstance(observation, dict):
            raise UserError(f"observation is a dict with {_names(observation)}; needed: an array")
        return _vector(observation, self.observation_dim, "observation")

    def _entry(self, observation, key: str, dim: int) -> np.ndarray:
        if not isinstance(observation, dict):
            what = type(observation).__name__
            raise UserError(f"observation is a {what}; needed: a dict with {_names(GOAL_KEYS)}")
        if key not in observation:
            raise UserError(
                f"observation has {_names(observation) or 'nothing'} and no {key}; "
                f"needed: {_names(GOAL_KEYS)}"
            )
        return _vector(observation[key], dim, key)


def _names(keys) -> str:
    return ", ".join(map(str, keys))


def _vector(x, dim: int, what: str) -> np.ndarray:
    """`x` as float32 `[..., dim]`."""
    try:
        x = np.asarray(x, np.float32)
    except (TypeError, ValueError) as error:
        raise UserError(f"{what} is no array of numbers: {one_line(error)}") from error
    if x.shape[-1:] != (dim,):
        raise UserError(f"{what} has shape {x.shape}; needed: (..., {dim})")
    return x


def layout_from_spaces(
    observation_space, action_space, goal_dims: tuple[int, ...] | None
) -> Layout:
    """Layout of a Gymnasium environment or a Minari dataset.

    Args:
        observation_space: Box, or Dict with observation, achieved_goal and desired_goal.
        action_space: Box of any shape; the action is its flattened form.
        goal_dims: where in the state the goal stands. For a goal Dict, None appends the achieved
            goal to the state; `find_goal_dims` finds better where there is data.

    Raises:
        UserError: for any other space, saying which are supported.
    """
    from gymnasium import spaces

    action = _action_fields(action_space)
    if isinstance(observation_space, spaces.Box):
        return Layout(_length(observation_space), goal_dims=tuple(goal_dims or ()), **action)
    if not isinstance(observation_space, spaces.Dict) or set(GOAL_KEYS) - set(observation_space):
        raise _unsupported(observation_space)
    dim, achieved, goal = (_length(observation_space[key]) for key in GOAL_KEYS)
    if achieved != goal:
        raise UserError(f"desired_goal has {goal} numbers; needed: {achieved}, as achieved_goal")
    dims = tuple(range(dim, dim + goal) if goal_dims is None else goal_dims)
    if len(dims) != goal:
        raise UserError(f"goal dimensions {dims} are {len(dims)}; the goal has {goal}")
    append = goal_dims is None
    return Layout(dim, goal_dims=dims, dict_observation=True, append_achieved=append, **action)


def _action_fields(space) -> dict[str, Any]:
    from gymnasium import spaces

    if not isinstance(space, spaces.Box):
        raise UserError(f"action space {space} is not supported; supported: Box")
    bounded = bool(np.isfinite(space.low).all() and np.isfinite(space.high).all())
    return {
        "action_dim": int(np.prod(space.shape)),
        "action_shape": tuple(map(int, space.shape)),
        "action_low": tuple(map(float, space.low.ravel())) if bounded else None,
        "action_high": tuple(map(float, space.high.ravel())) if bounded else None,
    }


def _length(space) -> int:
    from gymnasium import spaces

    if not isinstance(space, spaces.Box) or len(space.shape) != 1:
        raise _unsupported(space)
    return int(space.shape[0])


def _unsupported(space) -> UserError:
    text = " ".join(str(space).split())
    return UserError(f"observation space {text} is not supported; supported: {SUPPORTED}")


def find_goal_dims(observation: np.ndarray, achieved: np.ndarray) -> tuple[int, ...] | None:
    """Columns of `observation` `[N, O]` that equal `achieved` `[N, G]`, in its order.

    Equal up to float32 rounding, in every row: a few rows could agree by chance.

    Returns:
        The columns, or None when the achieved goal is not part of the observation.
    """
    dims: list[int] = []
    for goal in achieved.T:
        free = (d for d in range(observation.shape[1]) if d not in dims)
        same = (d for d in free if np.allclose(observation[:, d], goal, rtol=1e-6, atol=1e-6))
        found = next(same, None)
        if found is None:
            return None
        dims.append(found)
    return tuple(dims)
