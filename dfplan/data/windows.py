"""Training windows: batches as a pure function of (seed, step), cut from arrays on the device."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from dfplan.data.minari_io import Trajectories
from dfplan.data.stitch import StitchGraph, draw_windows, fit_stitch_graph
from dfplan.representation.config import DataConfig
from dfplan.representation.normalizer import Normalizer
from dfplan.representation.tokens import TokenLayout
from dfplan.types import Array, UserError


class TrainingArrays(NamedTuple):
    """A normalized dataset on the device.

    Attributes:
        state: `[N, S]`, normalized.
        action: `[N, A]`, normalized.
        first: `[N]` int32, first row of each row's episode.
        last: `[N]` int32, last row of each row's episode.
        begin: `[M]` int32, rows at which a window may start.
        rest: `[S]`, a zero state, normalized.
        idle: `[A]`, a zero action, normalized.
        return_quantile: `[N]`, quantile of the return from each row, 0 to 1; None unless plans are
            conditioned on rewards.
        stitch: Graph from which windows are stitched; None unless `data.stitch`.
    """

    state: Array
    action: Array
    first: Array
    last: Array
    begin: Array
    rest: Array
    idle: Array
    return_quantile: Array | None = None
    stitch: StitchGraph | None = None


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


def fit_normalizers(data: Trajectories) -> tuple[Normalizer, Normalizer]:
    """Fit normalizers to the states, and to the actions of all steps."""
    has_action = np.ones(len(data.action), bool)
    has_action[data.start + data.length - 1] = False
    is_first = np.zeros(len(data.action), bool)
    is_first[data.start] = True
    states = Normalizer.fit(data.state, is_first)
    return states, Normalizer.fit(data.action[has_action], is_first[has_action])


def make_training_arrays(
    data: Trajectories,
    config: DataConfig,
    states: Normalizer,
    actions: Normalizer,
    return_quantile: np.ndarray | None = None,
) -> TrainingArrays:
    """Normalize a dataset and move it to the device.

    Args:
        data: Dataset.
        config: Data settings.
        states: Normalizer of states.
        actions: Normalizer of actions.
        return_quantile: `[N]`, see `TrainingArrays`.

    Raises:
        UserError: If every episode has fewer steps than a token.
    """
    first = np.repeat(data.start, data.length)
    last = data.last_row
    rows = np.arange(len(data.state))
    begin = rows[last - rows >= config.stride]
    if not len(begin):
        raise UserError(
            f"data.stride {config.stride} is longer than every episode of {data.dataset_id!r}; "
            f"valid: 1 to {int(data.length.max()) - 1}"
        )
    quantile = None if return_quantile is None else jnp.asarray(return_quantile, jnp.float32)
    return TrainingArrays(
        state=states.encode(data.state),
        action=actions.encode(data.action),
        first=jnp.asarray(first, jnp.int32),
        last=jnp.asarray(last, jnp.int32),
        begin=jnp.asarray(begin, jnp.int32),
        rest=states.encode(jnp.zeros(data.state.shape[1], jnp.float32)),
        idle=actions.encode(jnp.zeros(data.action.shape[1], jnp.float32)),
        return_quantile=quantile,
        stitch=_stitch_graph(data, config, last) if config.stitch else None,
    )


def _stitch_graph(data: Trajectories, config: DataConfig, last: np.ndarray) -> StitchGraph:
    dims = list(data.layout.goal_dims)
    if not dims:
        raise UserError(
            "data.stitch needs goals that are states, and this task has none; valid here: false"
        )
    return fit_stitch_graph(data.state[:, dims], last, stride=config.stride)


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
    k_begin, k_goal, k_gap, k_start = jax.random.split(key, 4)
    begin = training_arrays.begin[
        jax.random.randint(k_begin, (batch,), 0, training_arrays.begin.shape[0], dtype=jnp.int32)
    ]
    at_start = jax.random.uniform(k_start, (batch,), jnp.float32) < config.start_fraction
    begin = jnp.where(at_start, training_arrays.first[begin], begin)
    first = training_arrays.first[begin]
    last = training_arrays.last[begin]
    origin = begin
    if config.before_start:
        max_steps = config.before_start * config.stride
        steps_before = jax.random.randint(
            jax.random.fold_in(k_start, 1), (batch,), 0, max_steps + 1, dtype=jnp.int32
        )
        origin = begin - jnp.where(at_start, steps_before, 0)
    rows = origin[:, None] + config.stride * jnp.arange(config.tokens, dtype=jnp.int32)[None]
    frame_offsets = jnp.arange(1 - layout.frame_count, 1, dtype=jnp.int32)[None, None]
    frames = training_arrays.state[_within(rows[..., None] + frame_offsets, first, last)]
    after_start = rows >= first[:, None]
    valid = after_start & (rows <= last[:, None])
    actions = None
    if config.actions:
        actions = _actions_before(training_arrays, config, rows, first=first, last=last)
    transition = _transition(k_gap, training_arrays, config, begin=begin)
    if layout.reward_conditioned:
        assert training_arrays.return_quantile is not None
        goal = layout.return_quantile_token(training_arrays.return_quantile[begin])[:, None]
        tokens = layout.encode(frames, actions)
        return _with_goal(goal, tokens, valid, transition=transition)
    if not layout.has_goal:
        return Batch(layout.encode(frames, actions), valid, *transition)
    goal_row = begin + _goal_distance(k_goal, last - begin, config)
    goal = training_arrays.state[goal_row]
    if config.actions:
        valid &= rows < goal_row[:, None] + config.stride
    else:
        reached = rows[..., None] + frame_offsets >= goal_row[:, None, None]
        frames = jnp.where(reached[..., None], _at_rest(goal, training_arrays, config), frames)
        valid = after_start  # data up to the goal, at rest from there on
    goal = layout.place_goal(goal[:, jnp.asarray(layout.goal_dims, jnp.int32)])[:, None]
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
    at_goal = _at_rest(goal, training_arrays, config)
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


def _within(rows: Int[Array, "B T K"], first: Array, last: Array) -> Int[Array, "B T K"]:
    """Clip rows to the window's own episode."""
    return jnp.clip(rows, first[:, None, None], last[:, None, None])


def _actions_before(
    training_arrays: TrainingArrays, config: DataConfig, rows: Array, first: Array, last: Array
) -> Float[Array, "B T stride A"]:
    """Return the `stride` actions that led to each row; zero actions before the episode."""
    action_rows = rows[..., None] + jnp.arange(-config.stride, 0, dtype=jnp.int32)[None, None]
    actions = training_arrays.action[_within(action_rows, first, last)]
    before_start = (action_rows < first[:, None, None])[..., None]
    return jnp.where(before_start, training_arrays.idle, actions)


def _transition(key: Array, training_arrays: TrainingArrays, config: DataConfig, begin: Array):
    # A window starts at least a stride before its episode ends, so the next state exists.
    gap = jax.random.randint(key, begin.shape, 1, config.stride + 1, dtype=jnp.int32)
    return (
        training_arrays.state[begin],
        training_arrays.state[begin + gap],
        gap.astype(jnp.float32),
        training_arrays.action[begin],
    )


def _goal_distance(key: Array, available: Int[Array, "B"], config: DataConfig) -> Int[Array, "B"]:
    """Draw control steps d to the goal with weight exp(-decay * d / horizon).

    From 1 to min(available, horizon), where `available` steps are left in the episode.
    """
    horizon = (config.goal_horizon or config.tokens) * config.stride
    max_steps = jnp.minimum(available, horizon)
    u = jax.random.uniform(key, max_steps.shape, jnp.float32)
    fraction = u * max_steps / horizon
    if config.goal_decay > 0:
        mass = -jnp.expm1(-config.goal_decay * max_steps.astype(jnp.float32) / horizon)
        fraction = -jnp.log1p(-u * mass) / config.goal_decay
    # Rounding up keeps the exponential weights: each step has the same ratio to the one before.
    return jnp.clip(jnp.ceil(fraction * horizon).astype(jnp.int32), 1, max_steps)


def _at_rest(
    state: Float[Array, "B S"], training_arrays: TrainingArrays, config: DataConfig
) -> Float[Array, "B 1 1 S"]:
    """Return states with the rest dimensions set to zero (in SI units)."""
    dims = jnp.asarray(config.rest_dims, jnp.int32)
    return state.at[:, dims].set(training_arrays.rest[dims])[:, None, None]


def batch_key(seed: int, step: Array | int) -> Array:
    """Return the PRNG key for the batch of a training step."""
    return jax.random.fold_in(jax.random.key(seed), step)
