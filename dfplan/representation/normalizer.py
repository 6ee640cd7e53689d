"""Normalizer: conversion between SI units and the network's unit-scale numbers."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.types import ArrayLike
from dfplan.util.rank import to_rank

MIN_STD = 1e-6


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Normalizer:
    """An affine map per feature, `(x - mean) / std`.

    Attributes:
        mean: `[D]`, SI units.
        std: `[D]`, SI units; 1 for constant features.
    """

    mean: jax.Array
    std: jax.Array

    @classmethod
    def fit(cls, data: np.ndarray) -> "Normalizer":
        """Fit mean and standard deviation to `data` `[N, D]`."""
        data = np.asarray(data, np.float64)
        std = data.std(axis=0)
        std = np.where(std < MIN_STD, 1.0, std)
        return cls(jnp.asarray(data.mean(axis=0), jnp.float32), jnp.asarray(std, jnp.float32))

    def encode(self, x: ArrayLike) -> jax.Array:
        """Convert `[..., D]` from SI units to normalized units."""
        x = jnp.asarray(x)
        return (x - to_rank(self.mean, x.ndim)) / to_rank(self.std, x.ndim)

    def decode(self, z: ArrayLike) -> jax.Array:
        """Convert `[..., D]` from normalized units to SI units."""
        z = jnp.asarray(z)
        return z * to_rank(self.std, z.ndim) + to_rank(self.mean, z.ndim)

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
