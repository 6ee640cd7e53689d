"""Tokens: what one place of the sequence holds, and how it is made and read back.

State token j of a window stands for control step `j * stride`. It holds the state there (with
stacked frames, the `stride` states up to there) and, where plans hold actions, the `stride`
actions that led there. The token of the present is so made of what has been observed alone. Before
an episode begins its first state stands still and the actions are zero (SI units).
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
    """Features of a token: states of its frames, then actions of its steps.

    Attributes:
        state_dim, action_dim: of the task.
        goal_dims: places of the goal in the state; empty without a goal token.
        stride, frames, actions, rest_dims: see `DataConfig`.
        rewarded: the goal is reward; `goal_dims` is empty then.
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
        """Token layout of a task under a data config.

        Raises:
            UserError: when `rest_dims` names a dimension that the state does not have.
        """
        bad = [d for d in config.rest_dims if not 0 <= d < layout.state_dim]
        if bad:
            valid = f"0 to {layout.state_dim - 1}"
            raise UserError(f"data.rest_dims {bad[0]} is not in the state; valid: {valid}")
        return cls(
            layout.state_dim,
            layout.action_dim,
            layout.goal_dims,
            config.stride,
            config.frames,
            config.actions,
            config.rest_dims,
            config.goal == "reward",
        )

    @property
    def has_goal(self) -> bool:
        """Sequences begin with a goal token: a state's, or a return's."""
        return bool(self.goal_dims) or self.reward_conditioned

    @property
    def frame_count(self) -> int:
        """States per token."""
        return self.stride if self.frames == "stack" else 1

    @property
    def features(self) -> int:
        """D, length of a token."""
        return self.state_dim * self.frame_count + self.action_dim * self.stride * self.actions

    def encode(
        self, states: Float[Array, "*b F S"], actions: Float[Array, "*b stride A"] | None
    ) -> Float[Array, "*b D"]:
        """A token from its (normalised) frames and, when it holds them, actions."""
        token = states.reshape(*states.shape[:-2], -1)
        if not self.actions:
            return token
        assert actions is not None
        return jnp.concatenate([token, actions.reshape(*actions.shape[:-2], -1)], axis=-1)

    def states(self, token: Float[Array, "*b D"]) -> Float[Array, "*b F S"]:
        """The frames of a token, oldest first."""
        end = self.state_dim * self.frame_count
        return token[..., :end].reshape(*token.shape[:-1], self.frame_count, self.state_dim)

    def action_chunk(self, token: Float[Array, "*b D"]) -> Float[Array, "*b stride A"]:
        """The actions of a token."""
        end = self.state_dim * self.frame_count
        return token[..., end:].reshape(*token.shape[:-1], self.stride, self.action_dim)

    def goal_token(self, goal: Float[Array, "*b G"], states: Normalizer) -> Float[Array, "*b D"]:
        """A goal (SI units) as a token: its dimensions where the state has them, zero elsewhere."""
        return self.place_goal(states.take(self.goal_dims).encode(goal))

    def place_goal(self, goal: Float[Array, "*b G"]) -> Float[Array, "*b D"]:
        """A normalised goal as a token; see `goal_token`."""
        dims = jnp.asarray(self.goal_dims, jnp.int32)
        return jnp.zeros((*goal.shape[:-1], self.features)).at[..., dims].set(goal)

    def return_quantile_token(self, rank: Float[Array, "*b"]) -> Float[Array, "*b D"]:
        """How good a return is as a token: one number, zeros beside it.

        The number is the return's quantile among those that the data had from such states, 0 to 1,
        stretched to mean 0 and variance 1. So asking for much asks for what the data could do from
        where the robot is, where a return itself (Chen et al. 2021, Ajay et al. 2022) would have to
        be in reach from there.
        """
        token = jnp.zeros((*jnp.shape(rank), self.features))
        return token.at[..., 0].set((2 * rank - 1) * 3**0.5)
