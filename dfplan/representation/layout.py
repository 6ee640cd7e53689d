"""Layout: the mapping from Gymnasium observations and actions to state, action and goal vectors."""

import dataclasses
from types import ModuleType
from typing import Any

import numpy as np

from dfplan.representation.action_space import ActionBounds, Bounds, make_bounds
from dfplan.representation.flatten import Shape, flatten
from dfplan.types import UserError
from dfplan.util.from_json import from_json

GOAL_KEYS = ("observation", "achieved_goal", "desired_goal")


@dataclasses.dataclass(frozen=True)
class Layout:
    """Shapes of a task, and the position of the goal in its state.

    The state is the flattened observation. For a goal Dict it is the `observation` entry, followed
    by `achieved_goal` if the observation does not contain it already. Entries of a Dict are sorted
    by name.

    Attributes:
        observation_dim: Length of the flattened observation.
        action_dim: Length of the flattened action.
        goal_dims: State dimensions that a goal fixes; empty if the task has no goal.
        dict_observation: Whether observations are goal Dicts.
        append_achieved: Whether the state ends with `achieved_goal`.
        action_shape: Shape of the action before flattening; None for (action_dim,).
        action_low: Lower bounds of the action, None for a dimension without one; None if none has
            one.
        action_high: Upper bounds of the action, as `action_low`.
        action_dtype: NumPy name of the action's type.
        observation_shape: Shape of the observation before flattening; None for a vector.
        goal_shape: Shape of the goal before flattening; None for a vector.
        goal_from: Observation dimensions that hold the desired goal. The state holds zeros there,
            so that during training the hindsight goal is the only visible one.
        goal_value: The desired goal, if it is constant.
        origin: Offsets of the state dimensions whose offset is too large for float32, such as UTM
            coordinates, and 0 for all others; empty if there are none. Networks, costs and
            low-level controllers see local coordinates: states and goals minus these offsets.
            Everything else is in the dataset's coordinates.

    Raises:
        UserError: If a goal dimension is not in the state or named twice, or the goal has two
            sources, or its source and `goal_dims` differ in length, or `origin` has not one finite
            number per state dimension.
    """

    observation_dim: int
    action_dim: int
    goal_dims: tuple[int, ...] = ()
    dict_observation: bool = False
    append_achieved: bool = False
    action_shape: tuple[int, ...] | None = None
    action_low: Bounds | None = None
    action_high: Bounds | None = None
    action_dtype: str = "float32"
    observation_shape: Shape | None = None
    goal_shape: Shape | None = None
    goal_from: tuple[int, ...] = ()
    goal_value: tuple[float, ...] = ()
    origin: tuple[float, ...] = ()

    def __post_init__(self):
        for what, dims in (("goal", self.goal_dims), ("goal-from", self.goal_from)):
            bad = [d for d in dims if not 0 <= d < self.state_dim]
            if bad:
                valid = f"0 to {self.state_dim - 1}"
                raise UserError(f"{what} dimension {bad[0]} is not in the state; valid: {valid}")
        dims = self.goal_dims + self.goal_from
        if len(set(dims)) < len(dims):
            raise UserError(f"goal dimensions {dims} contain a duplicate; needed: different ones")
        self._check_source()
        if self.origin and len(self.origin) != self.state_dim:
            raise UserError(f"origin has {len(self.origin)} numbers; needed: {self.state_dim}")
        if not np.isfinite(self.origin).all():
            raise UserError(f"origin {self.origin} has a number that is not finite")

    def _check_source(self) -> None:
        """Check that the desired goal has at most one source, of the right length."""
        candidates = {"goal-from": self.goal_from, "goal-value": self.goal_value}
        sources = {name: value for name, value in candidates.items() if value}
        if self.dict_observation and sources:
            raise UserError(
                f"{' and '.join(sources)}: not valid here, as observations have a desired_goal"
            )
        if len(sources) > 1:
            raise UserError("use goal-from or goal-value, not both")
        for name, value in sources.items():
            if len(value) != self.goal_dim:
                raise UserError(f"{name} has {len(value)} numbers; goal-dims has {self.goal_dim}")
        if not np.isfinite(self.goal_value).all():
            raise UserError(f"goal-value {self.goal_value} has a number that is not finite")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Layout":
        """Create a layout from its `dataclasses.asdict`, also after JSON has made tuples lists.

        Raises:
            UserError: If an entry is unknown, missing or of another type.
        """
        shapes = {k: _as_tuple(v) for k, v in values.items() if k.endswith("_shape")}
        return from_json(cls, {**values, **shapes}, "layout")

    @property
    def state_dim(self) -> int:
        """Length of the state vector."""
        return self.observation_dim + (len(self.goal_dims) if self.append_achieved else 0)

    @property
    def goal_dim(self) -> int:
        """Length of the goal vector; 0 without goals."""
        return len(self.goal_dims)

    @property
    def gives_goal(self) -> bool:
        """Whether observations, or the layout itself, provide the desired goal."""
        return bool(self.dict_observation or self.goal_from or self.goal_value)

    @property
    def dtype(self) -> type[np.floating]:
        """Type of states and goals in the dataset's coordinates: float64 if there is an origin."""
        return np.float64 if self.origin else np.float32

    def state(self, observation, *, exact: bool = False) -> np.ndarray:
        """Return states `[..., S]` of one observation or a batch of them.

        Args:
            observation: Observation as the environment returns it.
            exact: Whether to return float64 where float32 does not hold the observation exactly,
                instead of `dtype`.

        Raises:
            UserError: If the observation differs in structure or shape from the layout.
        """
        dtype = None if exact else self.dtype
        if not self.dict_observation:
            state = self._observation(observation, dtype)
            state[..., list(self.goal_from)] = 0.0
            return state
        state = self._entry(observation, "observation", dtype)
        if not self.append_achieved:
            return state
        return np.concatenate([state, self._entry(observation, "achieved_goal", dtype)], axis=-1)

    def goal(self, observation, *, exact: bool = False) -> np.ndarray | None:
        """Return desired goals `[..., G]`; None if nothing provides them.

        Args:
            observation: Observation as the environment returns it.
            exact: See `state`.

        Raises:
            UserError: As `state`.
        """
        dtype = None if exact else self.dtype
        if self.dict_observation:
            return self._entry(observation, "desired_goal", dtype)
        if self.goal_from:
            return self._observation(observation, dtype)[..., list(self.goal_from)]
        if self.goal_value:
            batch = self._observation(observation, dtype).shape[:-1]
            return np.broadcast_to(np.array(self.goal_value, self.dtype), (*batch, self.goal_dim))
        return None

    def to_local(self, states: Any) -> np.ndarray:
        """Convert states `[..., S]` from the dataset's to local coordinates, float32."""
        if not self.origin:
            return np.asarray(states, np.float32)
        return (np.asarray(states, np.float64) - np.array(self.origin)).astype(np.float32)

    def to_global(self, states: Any) -> Any:
        """Convert states `[..., S]` from local to the dataset's coordinates; undo `to_local`."""
        return np.asarray(states, np.float64) + np.array(self.origin) if self.origin else states

    def local_state(self, observation) -> np.ndarray:
        """Return `state` in local coordinates."""
        return self.to_local(self.state(observation))

    def local_goal(self, observation) -> np.ndarray | None:
        """Return `goal` in local coordinates."""
        goal = self.goal(observation)
        return None if goal is None else self.goal_to_local(goal)

    def goal_to_local(self, goals: Any) -> np.ndarray:
        """Convert goals `[..., G]` as `to_local` converts states."""
        if not self.origin:
            return np.asarray(goals, np.float32)
        offset = np.array(self.origin)[list(self.goal_dims)]
        return (np.asarray(goals, np.float64) - offset).astype(np.float32)

    @property
    def action_bounds(self) -> ActionBounds:
        """Bounds of flattened actions `[A]`."""
        return make_bounds(self.action_low, self.action_high, self.action_dtype, self.action_dim)

    @property
    def is_action_bounded(self) -> bool:
        """Whether every dimension of the action has a lower and an upper bound."""
        sides = (self.action_low, self.action_high)
        return all(side is not None and None not in side for side in sides)

    def clip_action(self, action: Any, xp: ModuleType = np) -> Any:
        """Return the nearest actions `[..., A]` that the environment allows, in float32.

        Args:
            action: Finite actions `[..., A]`.
            xp: `numpy` or `jax.numpy`.
        """
        return self.action_bounds.clip(xp.asarray(action, dtype=np.float32), xp)

    def env_action(self, action: np.ndarray) -> np.ndarray:
        """Return the nearest actions in the environment's type, shape and bounds.

        Args:
            action: Finite actions `[..., A]`.
        """
        shape = (self.action_dim,) if self.action_shape is None else self.action_shape
        cast = self.action_bounds.cast(np.asarray(action))
        return cast.reshape((*action.shape[:-1], *shape))

    def _observation(self, observation, dtype: Any) -> np.ndarray:
        shape = _shape(self.observation_shape, self.observation_dim)
        return flatten(observation, shape, "observation", dtype)

    def _entry(self, observation, key: str, dtype: Any) -> np.ndarray:
        if not isinstance(observation, dict):
            kind = type(observation).__name__
            raise UserError(f"observation is a {kind}; needed: a dict with {', '.join(GOAL_KEYS)}")
        if key not in observation:
            names = ", ".join(observation) or "nothing"
            raise UserError(f"observation has {names} and no {key}; needed: {', '.join(GOAL_KEYS)}")
        if key == "observation":
            return self._observation(observation[key], dtype)
        return flatten(observation[key], _shape(self.goal_shape, self.goal_dim), key, dtype)


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list | tuple) else value


def _shape(shape: Shape | None, dim: int) -> Shape:
    return (dim,) if shape is None else shape
