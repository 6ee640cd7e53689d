"""Samples of the missing states of trajectories, given the states on both sides of each gap."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Key

from dfplan.diffusion.active_windows import all_tokens
from dfplan.diffusion.discrete_levels import snap_to_levels
from dfplan.diffusion.matrix import full_sequence
from dfplan.diffusion.sampler import sample, token_noise
from dfplan.forecast.blocks import sample_blocks
from dfplan.planner.diffusion_planner import DiffusionPlanner
from dfplan.planner.plan import Weights
from dfplan.types import Array, UserError


class Incomplete(NamedTuple):
    """Sequences of states of which some are known.

    Attributes:
        states: `[W, T, S]` states, SI units; any finite numbers where they are not known.
        known: `[W, T]` bool, which states are known.
        valid: `[W, T]` bool, which states exist; the others lie after the end of a trajectory.
    """

    states: Float[np.ndarray, "W T S"]
    known: Bool[np.ndarray, "W T"]
    valid: Bool[np.ndarray, "W T"]


def check_fill(planner: DiffusionPlanner) -> None:
    """Check that the network sees what follows a gap.

    Raises:
        UserError: If it is causal, or tokens do not hold exactly one whole state each.
    """
    layout = planner.model.layout
    if planner.model.net.causal:
        raise UserError(
            f"net.kind {planner.model.net.kind!r} does not see what follows a gap; train a run "
            "with --preset small --net.kind bidirectional --planner.sampling.matrix full_sequence"
        )
    if layout.actions or layout.frame_count > 1 or layout.plan_dims:
        raise UserError(
            "only tokens of one whole state each can be filled in; valid: a run trained without "
            "data.actions and data.plan_dims, and with data.frames last"
        )


def fill_gaps(
    planner: DiffusionPlanner,
    weights: Weights,
    incomplete: Incomplete,
    seed: int,
    advance: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Sample complete sequences that agree with the known states.

    Known tokens have the noise level `planner.history.level` (0 for an exact sensor), missing ones
    start as pure noise, and all are denoised together (Chen et al. 2024, section 3). Goals are
    hidden.

    Args:
        planner: Planner of a network that is not causal, with one candidate per sample,
            N = `planner.candidates`.
        weights: Weights of the planner.
        incomplete: Sequences of T states each.
        seed: PRNG seed; the samples of a sequence depend on it and the sequence's index alone.
        advance: Function that is called with the number of sequences done so far.

    Returns:
        Samples `[W, N, T, S]`, SI units. Known states are as given, or denoised if
        `planner.history.level` is above 0.

    Raises:
        UserError: As `check_fill`.
    """
    check_fill(planner)

    def fill(keys: Array, rows: np.ndarray) -> np.ndarray:
        return _fill(planner, weights, keys, *(jnp.asarray(array[rows]) for array in incomplete))

    return sample_blocks(
        fill, len(incomplete.states), planner.config.candidates, seed=seed, advance=advance
    )


@functools.partial(jax.jit, static_argnames=("planner",))
def _fill(
    planner: DiffusionPlanner,
    weights: Weights,
    keys: Key[Array, "W"],
    states: Float[Array, "W T S"],
    known: Bool[Array, "W T"],
    valid: Bool[Array, "W T"],
) -> Float[Array, "W N T S"]:
    config = planner.config
    model = planner.model
    layout = model.layout
    count = config.candidates
    windows, tokens, features = states.shape
    net = model.denoiser(weights.params)
    known_level = snap_to_levels(jnp.float32(config.history.level), model.diffusion.num_levels)
    alpha, _ = model.schedule.alpha_sigma(known_level)
    clean = jnp.repeat(weights.states.encode(states), count, axis=0)
    is_known = jnp.repeat(known & valid, count, axis=0)
    is_valid = jnp.repeat(valid, count, axis=0)
    start_keys, step_keys = _split(keys, count)
    noise = token_noise(start_keys, jnp.arange(tokens, dtype=jnp.int32), features)
    goal = int(layout.has_goal)

    def with_goal(array: Array, value: float | bool) -> Array:
        """Put the hidden goal before the tokens: a token of pure noise."""
        width = ((0, 0), (goal, 0), (0, 0))[: array.ndim]
        return jnp.pad(array, width, constant_values=value)

    def denoise(carry: None, x: Array, level: Array, start: Array) -> tuple[Array, None]:
        # A token after the end of a trajectory stays pure noise, as in training.
        x = jnp.where(is_valid[..., None], x, noise)
        x = jnp.where(is_known[..., None], alpha * clean, x)
        level = jnp.where(is_known, known_level, jnp.where(is_valid, level, 1.0))
        shown = with_goal(x, 0.0)
        shown_level = with_goal(level, 1.0)
        output = net(shown, shown_level, with_goal(is_valid, True))
        x0 = model.x0(shown, output, shown_level)[:, goal:]
        keeps = is_known[..., None] & (known_level == 0)
        return jnp.where(keeps, clean, x0), carry

    matrix = full_sequence(tokens, config.sampling.steps)
    result = sample(
        denoise,
        None,
        config.sampling.temperature * noise,
        planner.levels(matrix),
        schedule=model.schedule,
        solver=config.sampling.make_solver(),
        keys=step_keys,
        windows=(all_tokens(matrix),),
    )
    filled = jnp.where(is_known[..., None] & (known_level == 0), clean, result.tokens)
    return weights.states.decode(filled).reshape(windows, count, tokens, features)


def _split(keys: Key[Array, "W"], count: int) -> tuple[Array, Array]:
    """Return two keys for each sample of each sequence, `[W * N]`."""
    pairs = jax.vmap(lambda key: jax.random.split(key, (count, 2)))(keys)
    return pairs[:, :, 0].reshape(-1), pairs[:, :, 1].reshape(-1)
