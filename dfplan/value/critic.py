"""Critic: values of states and expected returns of plans, from an ensemble of small networks."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
from jaxtyping import Float

from dfplan.nets.mlp import apply_mlp, mlp_shapes
from dfplan.types import Array
from dfplan.value import arrays

LOG_SPREAD_BOUNDS = (-6.0, 3.0)
"""Bounds of the logarithm of a spread, in units of the returns' standard deviation."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Critic:
    """An ensemble of K members that predict values of states and outcomes of steps between states.

    States are normalized; rewards and all results are in the data's units.

    Attributes:
        nets: Parameters by name, with a leading axis of K.
        base: Mean of the data's returns.
        scale: Standard deviation of the data's returns.
        reward_base: Mean of the rewards per token.
        reward_scale: Standard deviation of the rewards per token.
        discount: Discount per token.
        explained: Share of the returns' variance that members explain in episodes they were not
            trained on; at most 1.
    """

    nets: dict[str, Array]
    base: Array
    scale: Array
    reward_base: Array
    reward_scale: Array
    discount: Array
    explained: Array

    def value(self, state: Float[Array, "*b S"]) -> Float[Array, "K *b"]:
        """Return the expected discounted rewards of the data's behavior from a state."""
        return self.base + self.scale * self._evaluate_members("value", state)[..., 0]

    def spread(self, state: Float[Array, "*b S"]) -> Float[Array, "K *b"]:
        """Return the mean absolute deviation of returns from the value of a state."""
        log = self._evaluate_members("value", state)[..., 1]
        return self.scale * jnp.exp(jnp.clip(log, *LOG_SPREAD_BOUNDS))

    def expected_return(
        self, states: Float[Array, "*b T S"], pessimism: float = 0.0
    ) -> Float[Array, "*b"]:
        """Return the expected return of plans: discounted rewards plus the value of the last state.

        Rewards after a step are weighted by the probability that it does not terminate the episode.

        Args:
            states: Plans.
            pessimism: Standard deviations over the members that are subtracted from their mean.
        """
        steps = jnp.concatenate([states[..., :-1, :], states[..., 1:, :]], axis=-1)
        outputs = self._evaluate_members("step", steps)
        reward = self.reward_base + self.reward_scale * outputs[..., 0]
        continuation = self.discount * jax.nn.sigmoid(-outputs[..., 1])
        total = self.value(states[..., -1, :])
        for j in reversed(range(steps.shape[-2])):
            total = reward[..., j] + continuation[..., j] * total
        return pessimistic(total, pessimism)

    def _evaluate_members(self, name: str, x: Array) -> Array:
        return jax.vmap(lambda nets: apply_mlp(nets, x, prefix=f"{name}/"))(self.nets)

    def to_bytes(self) -> bytes:
        """Return the contents of an NPZ file."""
        return arrays.to_bytes(self)

    def check_fits(self, state_dim: int) -> None:
        """Check that the arrays form an ensemble for states of that many dimensions.

        Args:
            state_dim: Length of a state.

        Raises:
            UserError: If an array is missing, of another shape or type, or not finite.
        """
        members, width = arrays.members_and_width(self, "value/0/bias")
        shapes = _member_shapes(state_dim, width)
        arrays.check_arrays(self, {name: (members, *shape) for name, shape in shapes.items()})

    @classmethod
    def load(cls, path: Path) -> "Critic":
        """Read a file with the bytes of `to_bytes`.

        Raises:
            UserError: If the file is missing or damaged.
        """
        return arrays.load(cls, path)


def pessimistic(values: Float[Array, "K *b"], pessimism: float) -> Float[Array, "*b"]:
    """Return the mean of an ensemble minus a number of its standard deviations."""
    if not pessimism:
        return values.mean(axis=0)
    return values.mean(axis=0) - pessimism * values.std(axis=0)


def init_member(key: Array, state_dim: int, width: int) -> dict[str, Array]:
    """Initialize the parameters of one member: `Critic.nets` without the leading axis."""
    nets = {}
    for name, shape in _member_shapes(state_dim, width).items():
        if name.endswith("kernel"):
            key, k = jax.random.split(key)
            nets[name] = jax.random.normal(k, shape, jnp.float32) / shape[0] ** 0.5
        else:
            nets[name] = jnp.zeros(shape, jnp.float32)
    return nets


def _member_shapes(state_dim: int, width: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of one member's parameters by name."""
    shapes = {}
    for name, inputs in (("value", state_dim), ("step", 2 * state_dim)):
        shapes |= {f"{name}/{k}": shape for k, shape in mlp_shapes(inputs, width, 2).items()}
    return shapes
