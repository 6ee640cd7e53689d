"""Critic: what states and plans are worth, as an ensemble of small networks."""

import dataclasses
import itertools
import zipfile
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from dfplan.types import Array, PyTree

LAYERS = 3
SPREAD = (-6.0, 3.0)
"""Bounds of a spread's logarithm, in the returns' own spread."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Critic:
    """K members; each tells a state's value and what a step to a later state brings.

    States are normalised; rewards, and all that is returned, have the data's unit.

    Attributes:
        nets: parameters by name, a leading axis of K.
        base, scale: mean and spread of the data's returns. reward_base, reward_scale: of the
            rewards over a token.
        discount: of a token.
        explained: share of the returns' variance that members explain in episodes they were not
            trained on, 1 at best.
    """

    nets: dict[str, Array]
    base: Array
    scale: Array
    reward_base: Array
    reward_scale: Array
    discount: Array
    explained: Array

    def value(self, state: Float[Array, "*b S"]) -> Float[Array, "K *b"]:
        """The discounted rewards that the data's behaviour goes on to from there."""
        return self.base + self.scale * self._of_members("value", state)[..., 0]

    def spread(self, state: Float[Array, "*b S"]) -> Float[Array, "K *b"]:
        """By how much returns from there differ from the value, mean of the absolute."""
        log = self._of_members("value", state)[..., 1]
        return self.scale * jnp.exp(jnp.clip(log, *SPREAD))

    def expected_return(self, states: Float[Array, "*b T S"]) -> Float[Array, "*b"]:
        """What plans are worth: their own discounted rewards, and the value of where they end.

        Nothing counts that comes after a step which probably ends the episode. Mean over members.
        """
        pair = jnp.concatenate([states[..., :-1, :], states[..., 1:, :]], axis=-1)
        found = self._of_members("step", pair)
        reward = self.reward_base + self.reward_scale * found[..., 0]
        goes_on = self.discount * jax.nn.sigmoid(-found[..., 1])
        total = self.value(states[..., -1, :])
        for j in reversed(range(pair.shape[-2])):
            total = reward[..., j] + goes_on[..., j] * total
        return total.mean(axis=0)

    def _of_members(self, name: str, x: Array) -> Array:
        return jax.vmap(lambda nets: evaluate(nets, name, x))(self.nets)

    def save(self, path: Path) -> None:
        """Write a .npz file."""
        numbers = {k: v for k, v in vars(self).items() if k != "nets"}
        numbers |= {f"nets/{k}": v for k, v in self.nets.items()}
        arrays: dict[str, Any] = {k: np.asarray(v) for k, v in numbers.items()}
        np.savez(path, **arrays)

    @classmethod
    def load(cls, path: Path) -> "Critic":
        """Read what `save` wrote.

        Raises:
            OSError, ValueError: when there is none, or it is damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {k: jnp.asarray(file[k]) for k in file.files}
        except (zipfile.BadZipFile, ValueError) as error:
            raise ValueError(f"{path.name}: {error}") from error
        nets = {k.removeprefix("nets/"): v for k, v in arrays.items() if k.startswith("nets/")}
        return cls(nets, **{k: v for k, v in arrays.items() if not k.startswith("nets/")})


def init_member(key: Array, state_dim: int, width: int) -> dict[str, Array]:
    """Parameters of one member, as of `nets` without its leading axis."""
    nets = {}
    for name, inputs in (("value", state_dim), ("step", 2 * state_dim)):
        sizes = (inputs, width, width, 2)
        for i, (a, b) in enumerate(itertools.pairwise(sizes)):
            key, k = jax.random.split(key)
            nets[f"{name}/{i}/kernel"] = jax.random.normal(k, (a, b)) / a**0.5
            nets[f"{name}/{i}/bias"] = jnp.zeros(b)
    return nets


def evaluate(nets: PyTree, name: str, x: Float[Array, "*b I"]) -> Float[Array, "*b 2"]:
    """One member's network of that name, "value" or "step"; two hidden layers."""
    for i in range(LAYERS):
        x = x @ nets[f"{name}/{i}/kernel"] + nets[f"{name}/{i}/bias"]
        if i + 1 < LAYERS:
            x = jax.nn.silu(x)
    return x
