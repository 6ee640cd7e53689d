"""Tokens: the contents of one position of the sequence, encoded and decoded.

State token j of a window represents control step `j * stride`. It holds the state at that step
(with stacked frames, the `stride` states up to it) and, if plans contain actions, the `stride`
actions before it. The token of the present therefore depends on the past alone. Before an episode
begins, its first state is repeated and actions are zero (SI units).
"""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Float

from dfplan.representation.config import DataConfig
from dfplan.representation.layout import Layout
from dfplan.representation.normalizer import Normalizer
from dfplan.types import Array, UserError


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
    rest_dims: tuple[int, ...] = ()
    reward_conditioned: bool = False

    @classmethod
    def create(cls, layout: Layout, config: DataConfig) -> "TokenLayout":
        """Return the token layout of a task.

        Args:
            layout: Layout of the task.
            config: Data settings.

        Raises:
            UserError: If `rest_dims` contains a dimension that is not in the state, or that never
                comes close to zero.
        """
        bad = [d for d in config.rest_dims if not 0 <= d < layout.state_dim]
        if bad:
            valid = f"0 to {layout.state_dim - 1}"
            raise UserError(f"data.rest_dims {bad[0]} is not in the state; valid: {valid}")
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
    def features(self) -> int:
        """Length D of a token."""
        return self.state_dim * self.frame_count + self.action_dim * self.stride * self.actions

    def encode(
        self, states: Float[Array, "*b F S"], actions: Float[Array, "*b stride A"] | None
    ) -> Float[Array, "*b D"]:
        """Encode normalized frames, and actions if tokens hold them, as tokens."""
        token = states.reshape(*states.shape[:-2], -1)
        if not self.actions:
            return token
        assert actions is not None
        return jnp.concatenate([token, actions.reshape(*actions.shape[:-2], -1)], axis=-1)

    def states(self, token: Float[Array, "*b D"]) -> Float[Array, "*b F S"]:
        """Return the frames of tokens, oldest first."""
        end = self.state_dim * self.frame_count
        return token[..., :end].reshape(*token.shape[:-1], self.frame_count, self.state_dim)

    def action_chunk(self, token: Float[Array, "*b D"]) -> Float[Array, "*b stride A"]:
        """Return the actions of tokens."""
        end = self.state_dim * self.frame_count
        return token[..., end:].reshape(*token.shape[:-1], self.stride, self.action_dim)

    def goal_token(self, goal: Float[Array, "*b G"], states: Normalizer) -> Float[Array, "*b D"]:
        """Encode goals (SI units) as tokens: their values at `goal_dims`, zero elsewhere."""
        return self.place_goal(states.take(self.goal_dims).encode(goal))

    def place_goal(self, goal: Float[Array, "*b G"]) -> Float[Array, "*b D"]:
        """Encode normalized goals as tokens; see `goal_token`."""
        dims = jnp.asarray(self.goal_dims, jnp.int32)
        return jnp.zeros((*goal.shape[:-1], self.features), jnp.float32).at[..., dims].set(goal)

    def return_quantile_token(self, quantile: Float[Array, "*b"]) -> Float[Array, "*b D"]:
        """Encode return quantiles, 0 to 1, as tokens: one number followed by zeros.

        The number is the quantile of the return given the state, scaled to mean 0 and variance 1. A
        high quantile thus asks for the best that the data achieved from similar states, while a
        return itself (Chen et al. 2021, Ajay et al. 2022) might be out of reach from the state.
        """
        token = jnp.zeros((*jnp.shape(quantile), self.features), jnp.float32)
        return token.at[..., 0].set((2 * quantile - 1) * 3**0.5)
