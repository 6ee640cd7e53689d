"""Multilayer perceptrons of OGBench's agents, their initialization and their losses."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp

from dfplan.types import Array

Layers = list[dict[str, Array]]
Networks = dict[str, Any]


def init_layers(key: Array, sizes: tuple[int, ...]) -> Layers:
    """Return layers of these sizes; biases are zero."""
    init = jax.nn.initializers.variance_scaling(1.0, "fan_avg", "uniform")
    keys = jax.random.split(key, len(sizes) - 1)
    return [
        {"kernel": init(k, (a, b), jnp.float32), "bias": jnp.zeros(b)}
        for k, (a, b) in zip(keys, itertools.pairwise(sizes), strict=True)
    ]


def mlp(layers: Layers, *inputs: Array, norm: bool) -> Array:
    """Return the output `[B, D]` for inputs side by side; values have layer normalization."""
    x = jnp.concatenate(inputs, axis=-1)
    for layer in layers[:-1]:
        x = jax.nn.gelu(x @ layer["kernel"] + layer["bias"])
        x = jax.nn.standardize(x, axis=-1, epsilon=1e-6) if norm else x
    return x @ layers[-1]["kernel"] + layers[-1]["bias"]


def expectile_weight(error: Array, expectile: float) -> Array:
    """Return the weights of squared errors in a regression to an expectile."""
    return jnp.where(error >= 0, expectile, 1 - expectile)


def negative_log_likelihood(mean: Array, action: Array) -> Array:
    """Return the values of each row, up to a constant, for Gaussian actions of deviation 1."""
    return 0.5 * jnp.sum((mean - action) ** 2, axis=-1)
