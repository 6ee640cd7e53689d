"""Training windows: batches as a pure function of (seed, step).

`sample_batch` cuts them from arrays on the device, and `dfplan.data.stream` from files. Both draw
with `dfplan.data.draw` and make tokens with `assemble`, so that their batches are the same arrays.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float

from dfplan.data.draw import (
    WindowDraw,
    action_rows,
    draw_batch,
    draw_gap,
    frame_offsets,
    locate_rows,
    token_rows,
)
from dfplan.data.stitch import draw_windows
from dfplan.data.training_arrays import Rest, TrainingArrays, WindowValues
from dfplan.representation.config import DataConfig
from dfplan.representation.tokens import TokenLayout
from dfplan.types import Array


class Batch(NamedTuple):
    """Clean training tokens.

    Attributes:
        tokens: `[B, T, D]`, normalized; the goal token comes first if there is one.
        valid: `[B, T]` bool, false on padding before the start and past the end of an episode.
        state: `[B, S]`, normalized; with the next three, one transition per sequence for training
            the inverse dynamics.
        next_state: `[B, S]`, normalized, `gap` control steps after `state`.
        gap: `[B]` float, control steps of the transition.
        action: `[B, A]`, normalized, the action taken at `state`.
    """

    tokens: Float[Array, "B T D"]
    valid: Bool[Array, "B T"]
    state: Float[Array, "B S"]
    next_state: Float[Array, "B S"]
    gap: Float[Array, "B"]
    action: Float[Array, "B A"]


def sample_batch(
    key: Array, training_arrays: TrainingArrays, layout: TokenLayout, config: DataConfig, batch: int
) -> Batch:
    """Draw `batch` windows; the same key gives the same batch.

    A window starts at a uniformly drawn row. A share of `start_fraction` starts at the first row of
    its episode instead or, with `before_start`, earlier by up to that many tokens, drawn in control
    steps. The goal token holds a state reached later in the same episode (hindsight), at a
    truncated-exponential distance of at least one step; or the quantile of the return from there.

    Args:
        key: PRNG key.
        training_arrays: Dataset on the device.
        layout: Token layout.
        config: Data settings.
        batch: Number of windows.
    """
    if training_arrays.stitch is not None:
        return _stitched_batch(key, training_arrays, layout, config, batch=batch)
    draw = draw_batch(key, training_arrays.row_index, layout, config=config, batch=batch)
    values = training_arrays.read(locate_rows(draw, layout, config))
    return assemble(draw, values, training_arrays.rest, layout=layout, config=config)


def assemble(
    draw: WindowDraw, values: WindowValues, rest: Rest, *, layout: TokenLayout, config: DataConfig
) -> Batch:
    """Make the tokens of windows.

    Args:
        draw: Windows.
        values: Values of their rows, normalized.
        rest: Zeros of the dataset.
        layout: Token layout.
        config: Data settings.
    """
    rows = token_rows(draw, config)
    first = draw.first[:, None]
    after_start = rows >= first
    valid = after_start & (rows <= draw.last[:, None])
    frames = values.frames
    actions = None
    if values.actions is not None:
        before_start = (action_rows(rows, config) < first[..., None])[..., None]
        actions = jnp.where(before_start, rest.action, values.actions)
    gap = draw.gap.astype(jnp.float32)
    transition = (values.state, values.next_state, gap, values.action)
    if layout.reward_conditioned:
        goal = layout.return_quantile_token(values.goal)[:, None]
        tokens = layout.encode(frames, actions)
        return _with_goal(goal, tokens, valid, transition=transition)
    if not layout.has_goal:
        return Batch(layout.encode(frames, actions), valid, *transition)
    goal_row = draw.goal[:, None]
    if config.actions:
        valid &= rows < goal_row + config.stride
    else:
        reached = rows[..., None] + frame_offsets(layout) >= goal_row[..., None]
        at_goal = _at_rest(values.goal, rest, config)
        frames = jnp.where(reached[..., None], at_goal, frames)
        valid = after_start  # data up to the goal, at rest from there on
    goal = layout.place_goal(values.goal[:, jnp.asarray(layout.goal_dims, jnp.int32)])[:, None]
    tokens = layout.encode(frames, actions)
    return _with_goal(goal, tokens, valid, transition=transition)


def _stitched_batch(
    key: Array, training_arrays: TrainingArrays, layout: TokenLayout, config: DataConfig, batch: int
) -> Batch:
    """Draw windows that pass from episode to episode, and rest once they have reached the goal."""
    assert training_arrays.stitch is not None
    k_route, k_gap = jax.random.split(key)
    windows = draw_windows(
        k_route, training_arrays.stitch, batch, tokens=config.tokens, stride=config.stride
    )
    goal = training_arrays.state[windows.goal_row]
    frames = training_arrays.state[windows.rows][:, :, None]
    at_goal = _at_rest(goal, training_arrays.rest, config)
    frames = jnp.where(windows.reached[..., None, None], at_goal, frames)
    goal = layout.place_goal(goal[:, jnp.asarray(layout.goal_dims, jnp.int32)])[:, None]
    return _with_goal(
        goal,
        layout.encode(frames, None),
        windows.valid,
        transition=_transition(k_gap, training_arrays, config, begin=windows.rows[:, 0]),
    )


def _with_goal(goal: Array, tokens: Array, valid: Array, transition: tuple) -> Batch:
    tokens = jnp.concatenate([goal, tokens], axis=1)
    return Batch(tokens, jnp.pad(valid, ((0, 0), (1, 0)), constant_values=True), *transition)


def _transition(key: Array, training_arrays: TrainingArrays, config: DataConfig, begin: Array):
    # A window starts at least a stride before its episode ends, so the next state exists.
    gap = draw_gap(key, config, begin.shape[0])
    return (
        training_arrays.state[begin],
        training_arrays.state[begin + gap],
        gap.astype(jnp.float32),
        training_arrays.action[begin],
    )


def _at_rest(state: Float[Array, "B S"], rest: Rest, config: DataConfig) -> Float[Array, "B 1 1 S"]:
    """Return states with the rest dimensions set to zero (in SI units)."""
    dims = jnp.asarray(config.rest_dims, jnp.int32)
    return state.at[:, dims].set(rest.state[dims])[:, None, None]


def batch_key(seed: int, step: Array | int) -> Array:
    """Return the PRNG key for the batch of a training step."""
    return jax.random.fold_in(jax.random.key(seed), step)


def step_keys(seed: int, step: Array | int) -> tuple[Array, Array]:
    """Return the keys of a training step: for its windows, and for noise."""
    k_data, k_noise = jax.random.split(batch_key(seed, step))
    return k_data, k_noise
