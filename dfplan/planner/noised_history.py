"""Noised histories: observations with more noise added, for history guidance."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Key

from dfplan.diffusion.discrete_levels import snap_to_levels
from dfplan.diffusion.schedules import Schedule
from dfplan.model import Model
from dfplan.planner.config import PlannerConfig
from dfplan.planner.plan import History, Weights
from dfplan.representation.normalizer import Normalizer
from dfplan.types import Array
from dfplan.util.rank import to_rank


def noised_histories(
    model: Model, config: PlannerConfig, weights: Weights, keys: Key[Array, "B"], history: History
) -> list[History]:
    """Return the history at each guidance level, all with the same noise.

    Args:
        model: Networks, token layout and noise schedule.
        config: Planner settings.
        weights: Trained weights.
        keys: PRNG keys, one per robot.
        history: Observed tokens.
    """
    grid = model.diffusion.num_levels
    state_keys = jax.vmap(jax.random.fold_in, (0, None))(keys, 1)
    action_keys = jax.vmap(jax.random.fold_in, (0, None))(keys, 2)
    histories = []
    for level in config.history.guidance_levels:
        level = float(snap_to_levels(level, grid, lowest=1, xp=np))
        level_to = raise_level(history.level, level, config.history.guidance_keep)
        noise = functools.partial(
            add_noise, model.schedule, level_from=history.level, level_to=level_to
        )
        frames = noise(state_keys, values=history.frames, normalizer=weights.states)
        actions = noise(action_keys, values=history.actions, normalizer=weights.actions)
        histories.append(History(frames=frames, actions=actions, level=level_to))
    return histories


def raise_level(level: Float[Array, "B H"], minimum: float, keep: int) -> Float[Array, "B H"]:
    """Return noise levels of at least `minimum`, except for the latest `keep` tokens."""
    is_older = jnp.arange(level.shape[1], dtype=jnp.int32) < level.shape[1] - keep
    return jnp.where(is_older, jnp.maximum(level, minimum), level)


def add_noise(
    schedule: Schedule,
    keys: Key[Array, "B"],
    level_from: Float[Array, "B H"],
    level_to: Float[Array, "B H"],
    values: Float[Array, "B H N D"],
    normalizer: Normalizer,
) -> Float[Array, "B H N D"]:
    """Add the noise that raises observed values, in SI units, from one noise level to another.

    A value declared to be at a level carries noise of standard deviation sigma / alpha, in
    normalized units; the difference of the variances is added. Nothing is added at level 1, where
    the planner replaces the token by pure noise.

    Args:
        schedule: Noise schedule.
        keys: PRNG keys, one per robot.
        level_from: Noise levels that the values are declared to have.
        level_to: Noise levels to reach; nowhere lower than `level_from`.
        values: Observed values.
        normalizer: Normalizer of the values.
    """

    def variance(level: Array) -> Array:
        alpha, sigma = schedule.alpha_sigma(level)
        return jnp.where(level < 1, (sigma / jnp.where(level < 1, alpha, 1.0)) ** 2, 0.0)

    deviation = jnp.sqrt(jnp.maximum(variance(level_to) - variance(level_from), 0.0))
    noise = jax.vmap(lambda key: jax.random.normal(key, values.shape[1:], jnp.float32))(keys)
    return values + deviation[..., None, None] * to_rank(normalizer.std, values.ndim) * noise
