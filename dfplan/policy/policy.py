"""The low-level policy: a small network that steers from a state toward a target."""

import dataclasses
import io
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from dfplan.nets.mlp import LAYERS, apply_mlp, mlp_shapes
from dfplan.types import Array
from dfplan.util.rank import to_rank
from dfplan.util.readers import read_npz, reading

STATIC = {"static": True}

Network = dict[str, Array]
"""Parameters by name, see `dfplan.nets.mlp.mlp_shapes`."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class PolicyInputs:
    """The inputs of the networks, computed from a state and a target.

    Attributes:
        scale: `[G]` typical offset of a target, in normalized units.
        target_dims: State dimensions that a target fixes, G of them.
        state_dims: State dimensions that are inputs as they are.
        horizon: Maximum distance of a target, in control steps.
        timed: Whether the control steps until the target is due are an input of the policy.
    """

    scale: Array
    target_dims: tuple[int, ...] = dataclasses.field(metadata=STATIC)
    state_dims: tuple[int, ...] = dataclasses.field(metadata=STATIC)
    horizon: int = dataclasses.field(metadata=STATIC)
    timed: bool = dataclasses.field(metadata=STATIC)

    def features(
        self, state: Float[Array, "B S"], target: Float[Array, "B G"]
    ) -> Float[Array, "B F"]:
        """Return the inputs from normalized states, and the scaled offsets of their targets."""
        direct = state[:, np.array(self.state_dims, np.int32)]
        offset = target - state[:, np.array(self.target_dims, np.int32)]
        return jnp.concatenate([direct, offset / to_rank(self.scale, 2)], axis=-1)

    def timed_features(
        self,
        state: Float[Array, "B S"],
        target: Float[Array, "B G"],
        steps: Float[Array, "B"],
    ) -> Float[Array, "B F"]:
        """Return `features`, and the remaining share of the horizon if `timed`."""
        features = self.features(state, target)
        if not self.timed:
            return features
        share = jnp.clip(steps, 1, self.horizon) / self.horizon
        return jnp.concatenate([features, share[:, None]], axis=-1)

    @property
    def feature_count(self) -> int:
        """Length of `features`."""
        return len(self.state_dims) + len(self.target_dims)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Policy:
    """A low-level policy; states, targets and actions are normalized.

    Attributes:
        network: Parameters by name.
        inputs: Inputs of the network.
    """

    network: Network
    inputs: PolicyInputs

    def action(
        self,
        state: Float[Array, "B S"],
        target: Float[Array, "B G"],
        steps: Float[Array, "B"],
    ) -> Float[Array, "B A"]:
        """Return the actions that steer toward targets.

        Args:
            state: Present states.
            target: Values to reach in the target dimensions.
            steps: Control steps until the targets are due; ignored unless the policy is timed.
        """
        return apply_mlp(self.network, self.inputs.timed_features(state, target, steps))

    def to_bytes(self) -> bytes:
        """Return the contents of an NPZ file."""
        arrays: dict[str, Any] = {k: np.asarray(v) for k, v in self.network.items()}
        arrays |= {f"inputs/{k}": np.asarray(v) for k, v in vars(self.inputs).items()}
        file = io.BytesIO()
        np.savez(file, **arrays)
        return file.getvalue()

    @classmethod
    def load(cls, path: Path) -> "Policy":
        """Read a file with the bytes of `to_bytes`.

        Raises:
            UserError: If the file is missing or damaged.
        """
        arrays = dict(read_npz(path))
        with reading(path, "a policy"):
            inputs = PolicyInputs(
                scale=jnp.asarray(arrays.pop("inputs/scale")),
                target_dims=tuple(arrays.pop("inputs/target_dims").tolist()),
                state_dims=tuple(arrays.pop("inputs/state_dims").tolist()),
                horizon=int(arrays.pop("inputs/horizon")),
                timed=bool(arrays.pop("inputs/timed")),
            )
            return cls({k: jnp.asarray(v) for k, v in arrays.items()}, inputs)


def init_network(key: Array, inputs: int, width: int, outputs: int) -> Network:
    """Initialize a network whose output is zero at first.

    Args:
        key: PRNG key.
        inputs: Number of inputs.
        width: Width of the hidden layers.
        outputs: Number of outputs.
    """
    network = {}
    for name, shape in mlp_shapes(inputs, width, outputs).items():
        if name.endswith("bias"):
            network[name] = jnp.zeros(shape, jnp.float32)
            continue
        key, k = jax.random.split(key)
        gain = 0.0 if name == f"{LAYERS - 1}/kernel" else (2 / shape[0]) ** 0.5
        network[name] = gain * jax.random.normal(k, shape, jnp.float32)
    return network
