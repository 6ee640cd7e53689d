"""Blur: a history that is known less well, with noise added to what was observed."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Key

from dfplan.diffusion.schedules import Schedule
from dfplan.model import Model
from dfplan.planner.config import PlannerConfig
from dfplan.planner.plan import History, Weights
from dfplan.representation.normalizer import Normalizer
from dfplan.types import Array


def noised_histories(
    model: Model, config: PlannerConfig, weights: Weights, keys: Key[Array, "B"], history: History
) -> list[History]:
    """The history at each of the levels that guide, all with the same noise."""
    grid, found = model.diffusion.num_levels, []
    k_states, k_actions = (jax.vmap(jax.random.fold_in, (0, None))(keys, i) for i in (1, 2))
    for to in config.history.guidance_levels:
        to = np.clip(np.round(to * grid), 1, grid) / grid if grid else to
        raised = raise_level(history.level, to, config.history.guidance_keep)
        blur = functools.partial(add_noise, model.schedule)
        frames = blur(k_states, history.level, raised, history.frames, weights.states)
        actions = blur(k_actions, history.level, raised, history.actions, weights.actions)
        found.append(History(frames, actions, raised))
    return found


def raise_level(level: Float[Array, "B H"], to: float, keep: int) -> Float[Array, "B H"]:
    """The levels, but at least `to` for all tokens except the latest `keep`."""
    older = jnp.arange(level.shape[1]) < level.shape[1] - keep
    return jnp.where(older, jnp.maximum(level, to), level)


def add_noise(
    schedule: Schedule,
    keys: Key[Array, "B"],
    level: Float[Array, "B H"],
    raised: Float[Array, "B H"],
    values: Float[Array, "B H N D"],
    normalizer: Normalizer,
) -> Float[Array, "B H N D"]:
    """Observed values, SI units, with as much noise as takes them from one level to another.

    A value that is declared to be at a level carries noise of sigma / alpha, normalised units; the
    difference of the variances is added. At level 1 the planner puts pure noise there itself.

    Args:
        schedule: of the noise.
        keys: one per robot.
        level: declared so far. raised: wanted, nowhere lower.
        values: observed.
        normalizer: theirs.
    """

    def variance(level: Array) -> Array:
        alpha, sigma = schedule.alpha_sigma(level)
        return jnp.where(level < 1, (sigma / jnp.where(level < 1, alpha, 1.0)) ** 2, 0.0)

    deviation = jnp.sqrt(jnp.maximum(variance(raised) - variance(level), 0.0))
    noise = jax.vmap(lambda key: jax.random.normal(key, values.shape[1:]))(keys)
    return values + deviation[..., None, None] * normalizer.std * noise
