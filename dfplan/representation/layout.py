"""Layout: which numbers of a Gymnasium observation make a state, an action and a goal."""

import dataclasses
from types import ModuleType
from typing import Any

import numpy as np

from dfplan.representation.flatten import Shape, flatten, length, shape_of
from dfplan.types import UserError

GOAL_KEYS = ("observation", "achieved_goal", "desired_goal")


@dataclasses.dataclass(frozen=True)
class Layout:
    """Shapes of a task and the place of the goal in its state.

    The state is the flattened observation; of a goal Dict, its `observation` entry, to which
    `achieved_goal` is appended where the observation does not already contain it. Entries of a Dict
    follow each other in the alphabetical order of their names.

    Attributes:
        observation_dim: length of the flattened observation.
        action_dim: length of the flattened action.
        goal_dims: places in the state that a goal fixes; empty when the task has no goal.
        dict_observation: observations are goal Dicts.
        append_achieved: the state ends with `achieved_goal`.
        action_shape: of the action before it was flattened; empty for (action_dim,).
        action_low, action_high: bounds of the action, for clipping; None when unbounded.
        observation_shape, goal_shape: before they were flattened; None for vectors.
        goal_from: places in the observation where the goal to reach stands. The state holds zeros
            there, so that a goal which hindsight put in its place is the only one to be seen.
        goal_value: the goal to reach, where it is always the same.

    Raises:
        UserError: when goal dimensions are not in the state, named twice, or not as many as the
            places or the values of the goal.
    """

    observation_dim: int
    action_dim: int
    goal_dims: tuple[int, ...] = ()
    dict_observation: bool = False
    append_achieved: bool = False
    action_shape: tuple[int, ...] = ()
    action_low: tuple[float, ...] | None = None
    action_high: tuple[float, ...] | None = None
    observation_shape: Shape | None = None
    goal_shape: Shape | None = None
    goal_from: tuple[int, ...] = ()
    goal_value: tuple[float, ...] = ()

    def __post_init__(self):
        for what, dims in (("goal", self.goal_dims), ("goal-from", self.goal_from)):
            bad = [d for d in dims if not 0 <= d < self.state_dim]
            if bad:
                valid = f"0 to {self.state_dim - 1}"
                raise UserError(f"{what} dimension {bad[0]} is not in the state; valid: {valid}")
        both = self.goal_dims + self.goal_from
        if len(set(both)) < len(both):
            raise UserError(f"goal dimensions {both} name one of them twice")
        self._check_source()

    def _check_source(self) -> None:
        """Check that at most one thing says where the goal is read from, and that it fits."""
        given = {"goal-from": self.goal_from, "goal-value": self.goal_value}
        given = {name: value for name, value in given.items() if value}
        if self.dict_observation and given:
            raise UserError(f"{' and '.join(given)}: these observations bring a desired_goal")
        if len(given) > 1:
            raise UserError("give goal-from or goal-value, not both")
        for name, value in given.items():
            if len(value) != self.goal_dim:
                raise UserError(f"{name} has {len(value)} numbers; goal-dims has {self.goal_dim}")
        if not np.isfinite(self.goal_value).all():
            raise UserError(f"goal-value {self.goal_value} has a number that is not finite")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Layout":
        """Inverse of `dataclasses.asdict`, also after JSON, which has lists for tuples."""
        return cls(**{name: _as_tuple(value) for name, value in values.items()})

    @property
    def state_dim(self) -> int:
        """Length of the state vector."""
        return self.observation_dim + (len(self.goal_dims) if self.append_achieved else 0)

    @property
    def goal_dim(self) -> int:
        """Length of the goal vector, 0 without one."""
        return len(self.goal_dims)

    @property
    def gives_goal(self) -> bool:
        """Whether an observation, or the layout itself, says which goal to reach."""
        return bool(self.dict_observation or self.goal_from or self.goal_value)

    def state(self, observation) -> np.ndarray:
        """State(s) `[..., S]`, float32, of one observation or of a batch of them.

        Raises:
            UserError: when the observation has another structure or shape than the data had.
        """
        if not self.dict_observation:
            state = self._observation(observation)
            state[..., list(self.goal_from)] = 0.0
            return state
        state = self._entry(observation, "observation")
        if not self.append_achieved:
            return state
        return np.concatenate([state, self._entry(observation, "achieved_goal")], axis=-1)

    def goal(self, observation) -> np.ndarray | None:
        """Goal(s) `[..., G]`, float32, to reach from an observation; None where nothing says so.

        Raises:
            UserError: as `state`.
        """
        if self.dict_observation:
            return self._entry(observation, "desired_goal")
        if self.goal_from:
            return self._observation(observation)[..., list(self.goal_from)]
        if self.goal_value:
            batch = self._observation(observation).shape[:-1]
            return np.broadcast_to(np.array(self.goal_value, np.float32), (*batch, self.goal_dim))
        return None

    def clip_action(self, action: Any, xp: ModuleType = np) -> Any:
        """Action(s) `[..., A]` within the environment's bounds; arrays of `xp`."""
        if self.action_low is None or self.action_high is None:
            return action
        return xp.clip(action, *np.array([self.action_low, self.action_high], np.float32))

    def shape_action(self, action: np.ndarray) -> np.ndarray:
        """Action(s) `[..., A]` in the shape that the environment takes."""
        return action.reshape(*action.shape[:-1], *(self.action_shape or (self.action_dim,)))

    def _observation(self, observation) -> np.ndarray:
        return flatten(
            observation, _shape(self.observation_shape, self.observation_dim), "observation"
        )

    def _entry(self, observation, key: str) -> np.ndarray:
        if not isinstance(observation, dict):
            what = type(observation).__name__
            raise UserError(f"observation is a {what}; needed: a dict with {', '.join(GOAL_KEYS)}")
        if key not in observation:
            found = ", ".join(observation) or "nothing"
            raise UserError(f"observation has {found} and no {key}; needed: {', '.join(GOAL_KEYS)}")
        if key == "observation":
            return self._observation(observation[key])
        return flatten(observation[key], _shape(self.goal_shape, self.goal_dim), key)


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list | tuple) else value


def _shape(shape: Shape | None, dim: int) -> Shape:
    return (dim,) if shape is None else shape


def layout_from_spaces(
    observation_space,
    action_space,
    goal_dims: tuple[int, ...] | None,
    goal_from: tuple[int, ...] = (),
    goal_value: tuple[float, ...] = (),
) -> Layout:
    """Layout of a Gymnasium environment or a Minari dataset.

    Args:
        observation_space: Box of any shape or Dict of them, flattened. A Dict with observation,
            achieved_goal and desired_goal brings its goals.
        action_space: Box of any shape; the action is its flattened form.
        goal_dims: where in the state the goal stands. For a goal Dict, None appends the achieved
            goal to the state (`find_goal_dims` finds better where there is data), and an empty
            tuple takes it for a Dict like any other, without goals.
        goal_from, goal_value: see `Layout`.

    Raises:
        UserError: for any other space, saying which are supported.
    """
    from gymnasium import spaces

    fields = _action_fields(action_space) | {"goal_from": goal_from, "goal_value": goal_value}
    is_dict = isinstance(observation_space, spaces.Dict)
    if not is_dict or set(GOAL_KEYS) - set(observation_space) or goal_dims == ():
        dim, shape = _flat(observation_space)
        return Layout(dim, goal_dims=tuple(goal_dims or ()), observation_shape=shape, **fields)
    flats = [_flat(observation_space[key]) for key in GOAL_KEYS]
    (dim, shape), _, (goal, goal_shape) = flats
    if flats[1] != flats[2]:
        both = " and ".join(" ".join(str(observation_space[k]).split()) for k in GOAL_KEYS[1:])
        raise UserError(f"achieved_goal and desired_goal are {both}; needed: the same shape")
    dims = tuple(range(dim, dim + goal) if goal_dims is None else goal_dims)
    if len(dims) != goal:
        raise UserError(f"goal dimensions {dims} are {len(dims)}; the goal has {goal}")
    fields |= {"observation_shape": shape, "goal_shape": goal_shape}
    append = goal_dims is None
    return Layout(dim, goal_dims=dims, dict_observation=True, append_achieved=append, **fields)


def _flat(space) -> tuple[int, Shape | None]:
    """Length of a flattened observation, and its shape where it is no vector already."""
    shape = shape_of(space)
    dim = length(shape)
    return dim, None if shape == (dim,) else shape


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
