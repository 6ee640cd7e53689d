"""ActionCritic: values of actions, from an ensemble of small networks, and of states."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
from jaxtyping import Float

from dfplan.nets.mlp import apply_mlp, mlp_shapes
from dfplan.types import Array
from dfplan.value import arrays
from dfplan.value.critic import pessimistic

ACTION = "action/"
STATE = "state/"
"""Prefixes of the networks' names."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class ActionCritic:
    """Expected returns: of actions (Q), by an ensemble of K networks, and of states.

    Attributes:
        nets: Parameters by name; those of the action values have a leading axis of K.
        base: Mean of the data's returns.
        scale: Standard deviation of the data's returns.
    """

    nets: dict[str, Array]
    base: Array
    scale: Array

    def value(
        self,
        state: Float[Array, "*b S"],
        action: Float[Array, "*b A"],
        pessimism: float = 1.0,
    ) -> Float[Array, "*b"]:
        """Return the expected discounted rewards after an action, in the data's units.

        Args:
            state: Normalized states.
            action: Normalized actions.
            pessimism: Standard deviations over the networks that are subtracted from their mean.
        """
        values = scaled_values(self.nets, state, action)
        return self.base + self.scale * pessimistic(values, pessimism)

    def advantage(
        self, state: Float[Array, "*b S"], action: Float[Array, "*b A"], pessimism: float = 1.0
    ) -> Float[Array, "*b"]:
        """Return the value of an action minus that of the state, in the data's units.

        Args:
            state: Normalized states.
            action: Normalized actions.
            pessimism: See `value`.
        """
        state_value = self.base + self.scale * scaled_state_value(self.nets, state)
        return self.value(state, action, pessimism) - state_value

    def to_bytes(self) -> bytes:
        """Return the contents of an NPZ file."""
        return arrays.to_bytes(self)

    def check_fits(self, state_dim: int, action_dim: int) -> None:
        """Check that the arrays form an ensemble for these states and actions.

        Args:
            state_dim: Length of a state.
            action_dim: Length of an action.

        Raises:
            UserError: If an array is missing, of another shape or type, or not finite.
        """
        members, width = arrays.members_and_width(self, f"{ACTION}0/bias")
        arrays.check_arrays(self, net_shapes(state_dim, action_dim, width=width, members=members))

    @classmethod
    def load(cls, path: Path) -> "ActionCritic":
        """Read a file with the bytes of `to_bytes`.

        Raises:
            UserError: If the file is missing or damaged.
        """
        return arrays.load(cls, path)


def net_shapes(
    state_dim: int, action_dim: int, *, width: int, members: int
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all networks' parameters by name.

    Args:
        state_dim: Length of a state.
        action_dim: Length of an action.
        width: Width of the hidden layers.
        members: Number of networks of the action values, K.
    """
    action_shapes = mlp_shapes(state_dim + action_dim, width, 1)
    shapes = {ACTION + name: (members, *shape) for name, shape in action_shapes.items()}
    return shapes | {STATE + name: s for name, s in mlp_shapes(state_dim, width, 1).items()}


def scaled_values(
    nets: dict[str, Array], state: Float[Array, "*b S"], action: Float[Array, "*b A"]
) -> Float[Array, "K *b"]:
    """Return the action values of all networks, in units of the returns' standard deviation."""
    pair = jnp.concatenate([state, action], axis=-1)
    members = {name: net for name, net in nets.items() if name.startswith(ACTION)}
    return jax.vmap(lambda net: apply_mlp(net, pair, prefix=ACTION)[..., 0])(members)


def scaled_state_value(nets: dict[str, Array], state: Float[Array, "*b S"]) -> Float[Array, "*b"]:
    """Return the value of states, in units of the returns' standard deviation."""
    return apply_mlp(nets, state, prefix=STATE)[..., 0]
