"""Tokens: the contents of one position of the sequence, encoded and decoded.

State token j of a window represents control step `j * stride`. It holds the state at that step
(with stacked frames, the `stride` states up to it) and, if plans contain actions, the `stride`
actions before it. The token of the present therefore depends on the past alone. Before an episode
begins, its first state is repeated and actions are zero (SI units).
"""

import dataclasses

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from dfplan.representation.config import DataConfig
from dfplan.representation.layout import Layout
from dfplan.representation.normalizer import Normalizer
from dfplan.types import Array, UserError, XpArray


@dataclasses.dataclass(frozen=True)
class TokenLayout:
    """Features of a token: the states of its frames, then the actions of its steps.

    Attributes:
        state_dim: Length of the state.
        action_dim: Length of the action.
        goal_dims: State dimensions that a goal fixes; empty if the goal is not a state.
        stride: Control steps per token.
        frames: "last" or "stack"; see `DataConfig`.
        actions: Whether tokens hold actions.
        plan_dims: State dimensions that tokens hold; empty for all.
        rest_dims: State dimensions that are zero at rest.
        reward_conditioned: Whether the goal token holds a return quantile; `goal_dims` is empty
            then.
    """

    state_dim: int
    action_dim: int
    goal_dims: tuple[int, ...]
    stride: int
    frames: str
    actions: bool
    plan_dims: tuple[int, ...] = ()
    rest_dims: tuple[int, ...] = ()
    reward_conditioned: bool = False

    @classmethod
    def create(cls, layout: Layout, config: DataConfig) -> "TokenLayout":
        """Return the token layout of a task.

        Args:
            layout: Layout of the task.
            config: Data settings.

        Raises:
            UserError: If `plan_dims` or `rest_dims` contains a dimension that is not in the state,
                `plan_dims` names one twice or lacks one of the goal or of `rest_dims`, or
                `rest_dims` contains one that never comes close to zero, or all planned ones.
        """
        for name in ("plan_dims", "rest_dims"):
            bad = [d for d in getattr(config, name) if not 0 <= d < layout.state_dim]
            if bad:
                valid = f"0 to {layout.state_dim - 1}"
                raise UserError(f"data.{name} {bad[0]} is not in the state; valid: {valid}")
        _check_plan_dims(config.plan_dims, {"goal": layout.goal_dims, "rest": config.rest_dims})
        planned = config.plan_dims or range(layout.state_dim)
        if not set(planned) - set(config.rest_dims):
            raise UserError(
                f"data.rest_dims {list(config.rest_dims)} are all dimensions of plans, so that a "
                "robot's progress cannot be seen; needed: at least one that differs"
            )
        for d in config.rest_dims if layout.origin else ():
            if layout.origin[d]:
                raise UserError(
                    f"data.rest_dims {d} is never zero in the data, but about {layout.origin[d]:g}"
                )
        return cls(
            state_dim=layout.state_dim,
            action_dim=layout.action_dim,
            goal_dims=layout.goal_dims,
            stride=config.stride,
            frames=config.frames,
            actions=config.actions,
            plan_dims=config.plan_dims,
            rest_dims=config.rest_dims,
            reward_conditioned=config.goal == "reward",
        )

    @property
    def has_goal(self) -> bool:
        """Whether sequences begin with a goal token, which holds a state or a return quantile."""
        return bool(self.goal_dims) or self.reward_conditioned

    @property
    def frame_count(self) -> int:
        """States per token."""
        return self.stride if self.frames == "stack" else 1

    @property
    def planned_dims(self) -> tuple[int, ...]:
        """State dimensions that tokens hold, in order."""
        return self.plan_dims or tuple(range(self.state_dim))

    @property
    def features(self) -> int:
        """Length D of a token."""
        return self._state_features + self.action_dim * self.stride * self.actions

    @property
    def _state_features(self) -> int:
        return len(self.planned_dims) * self.frame_count

    def planned(self, states: Float[XpArray, "*b S"]) -> Float[XpArray, "*b P"]:
        """Return the planned dimensions of states."""
        return states[..., np.array(self.plan_dims)] if self.plan_dims else states

    def encode(
        self, states: Float[Array, "*b F S"], actions: Float[Array, "*b stride A"] | None
    ) -> Float[Array, "*b D"]:
        """Encode normalized frames, and actions if tokens hold them, as tokens."""
        states = self.planned(states)
        token = states.reshape(*states.shape[:-2], -1)
        if not self.actions:
            return token
        assert actions is not None
        return jnp.concatenate([token, actions.reshape(*actions.shape[:-2], -1)], axis=-1)

    def states(self, token: Float[Array, "*b D"]) -> Float[Array, "*b F S"]:
        """Return the frames of tokens, oldest first; NaN in dimensions that are not planned."""
        planned = token[..., : self._state_features]
        shape = (*token.shape[:-1], self.frame_count, len(self.planned_dims))
        planned = planned.reshape(shape)
        if not self.plan_dims:
            return planned
        states = jnp.full((*shape[:-1], self.state_dim), jnp.nan, jnp.float32)
        return states.at[..., np.array(self.plan_dims)].set(planned)

    def action_chunk(self, token: Float[Array, "*b D"]) -> Float[Array, "*b stride A"]:
        """Return the actions of tokens."""
        actions = token[..., self._state_features :]
        return actions.reshape(*token.shape[:-1], self.stride, self.action_dim)

    def goal_token(self, goal: Float[Array, "*b G"], states: Normalizer) -> Float[Array, "*b D"]:
        """Encode goals (SI units) as tokens: their values at `goal_dims`, zero elsewhere."""
        return self.place_goal(states.take(self.goal_dims).encode(goal))

    def place_goal(self, goal: Float[Array, "*b G"]) -> Float[Array, "*b D"]:
        """Encode normalized goals as tokens; see `goal_token`."""
        places = [self.planned_dims.index(d) for d in self.goal_dims]
        dims = jnp.asarray(places, jnp.int32)
        return jnp.zeros((*goal.shape[:-1], self.features), jnp.float32).at[..., dims].set(goal)

    def return_quantile_token(self, quantile: Float[Array, "*b"]) -> Float[Array, "*b D"]:
        """Encode return quantiles, 0 to 1, as tokens: one number followed by zeros.

        The number is the quantile of the return given the state, scaled to mean 0 and variance 1. A
        high quantile thus asks for the best that the data achieved from similar states, while a
        return itself (Chen et al. 2021, Ajay et al. 2022) might be out of reach from the state.
        """
        token = jnp.zeros((*jnp.shape(quantile), self.features), jnp.float32)
        return token.at[..., 0].set((2 * quantile - 1) * 3**0.5)


def _check_plan_dims(plan_dims: tuple[int, ...], needed: dict[str, tuple[int, ...]]) -> None:
    """Check that planned dimensions are distinct, and include those of goals and of rest."""
    if len(set(plan_dims)) < len(plan_dims):
        raise UserError(f"data.plan_dims {list(plan_dims)} contains a duplicate")
    for use, dims in needed.items():
        missing = [d for d in dims if d not in plan_dims]
        if plan_dims and missing:
            raise UserError(
                f"data.plan_dims {list(plan_dims)} lacks {missing[0]}, a {use} dimension; needed: "
                f"at least {', '.join(map(str, dims))}"
            )
