"""Normalizer: conversion between SI units and the network's unit-scale numbers."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.representation.columns import Columns
from dfplan.representation.spread import scales
from dfplan.types import ArrayLike
from dfplan.util.rank import to_rank

MAX_INPUT = 20.0
"""Largest normalized number that a network is shown.

By Chebyshev's inequality, at most 1 in 400 values of the data is larger; those of the pretrained
planners stay below 5. A network has not learned about states so far outside its data, and without a
bound its outputs would grow with them, up to infinity.
"""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Normalizer:
    """An affine map per feature, `(x - mean) / std`.

    Attributes:
        mean: `[D]`, SI units.
        std: `[D]` standard deviation, SI units, or the scale of nearly constant features, see
            `dfplan.representation.spread.scales`.
    """

    mean: jax.Array
    std: jax.Array

    @classmethod
    def fit(cls, data: np.ndarray, is_first: np.ndarray | None = None) -> "Normalizer":
        """Fit mean and standard deviation to `data` `[N, D]`.

        Args:
            data: Rows of one or more sequences, one after the other.
            is_first: `[N]` bool, first row of each sequence; None for a single sequence.
        """
        return cls.of(Columns.measure(data, is_first))

    @classmethod
    def of(cls, columns: Columns) -> "Normalizer":
        """Return the normalizer of columns with these statistics."""
        std = scales(columns.spread)
        return cls(jnp.asarray(columns.mean, jnp.float32), jnp.asarray(std, jnp.float32))

    def encode(self, x: ArrayLike) -> jax.Array:
        """Convert `[..., D]` from SI units to normalized units."""
        x = jnp.asarray(x)
        return (x - to_rank(self.mean, x.ndim)) / to_rank(self.std, x.ndim)

    def decode(self, z: ArrayLike) -> jax.Array:
        """Convert `[..., D]` from normalized units to SI units."""
        z = jnp.asarray(z)
        return z * to_rank(self.std, z.ndim) + to_rank(self.mean, z.ndim)

    def encode_input(self, x: ArrayLike) -> jax.Array:
        """Convert observed values to normalized units, bounded by `MAX_INPUT`."""
        return bound_input(self.encode(x))

    def take(self, dims: tuple[int, ...]) -> "Normalizer":
        """Return the normalizer of a subset of features."""
        index = jnp.asarray(dims, jnp.int32)
        return Normalizer(self.mean[index], self.std[index])

    def to_dict(self) -> dict[str, list[float]]:
        """Return the JSON form; float32 values survive the round trip exactly."""
        return {"mean": np.asarray(self.mean).tolist(), "std": np.asarray(self.std).tolist()}

    @classmethod
    def from_dict(cls, values: dict[str, list[float]]) -> "Normalizer":
        """Create a normalizer from the output of `to_dict`."""
        mean = jnp.asarray(values["mean"], jnp.float32)
        std = jnp.asarray(values["std"], jnp.float32)
        return cls(mean, std)


def bound_input(z: ArrayLike) -> jax.Array:
    """Bound observed values in normalized units, before a network sees them."""
    return jnp.clip(z, -MAX_INPUT, MAX_INPUT)
