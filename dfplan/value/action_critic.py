"""ActionCritic: the value of an action in a state, from an ensemble of small networks."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
from jaxtyping import Float

from dfplan.nets.mlp import apply_mlp, mlp_shapes
from dfplan.types import Array
from dfplan.value import arrays

PREFIX = "action/"


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class ActionCritic:
    """An ensemble of K networks that predict the return after an action: action values, or Q.

    Attributes:
        nets: Parameters by name, with a leading axis of K.
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
        members, width = arrays.members_and_width(self, f"{PREFIX}0/bias")
        arrays.check_arrays(self, member_shapes(state_dim + action_dim, width), members)

    @classmethod
    def load(cls, path: Path) -> "ActionCritic":
        """Read a file with the bytes of `to_bytes`.

        Raises:
            UserError: If the file is missing or damaged.
        """
        return arrays.load(cls, path)


def member_shapes(inputs: int, width: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of one network's parameters by name."""
    return {PREFIX + name: shape for name, shape in mlp_shapes(inputs, width, 1).items()}


def scaled_values(
    nets: dict[str, Array], state: Float[Array, "*b S"], action: Float[Array, "*b A"]
) -> Float[Array, "K *b"]:
    """Return the outputs of all networks, in units of the returns' standard deviation."""
    pair = jnp.concatenate([state, action], axis=-1)
    return jax.vmap(lambda net: apply_mlp(net, pair, prefix=PREFIX)[..., 0])(nets)


def pessimistic(values: Float[Array, "K *b"], pessimism: float) -> Float[Array, "*b"]:
    """Return the mean of an ensemble minus a number of its standard deviations."""
    if not pessimism:
        return values.mean(axis=0)
    return values.mean(axis=0) - pessimism * values.std(axis=0)
