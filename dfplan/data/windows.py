"""Training windows: batches as a pure function of (seed, step).

`sample_batch` cuts them from arrays on the device, and `dfplan.data.stream` from files. Both draw
with `dfplan.data.draw` and make tokens with `assemble`, so that their batches are the same arrays.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from dfplan.data.draw import (
    RowIndex,
    WindowDraw,
    WindowRows,
    action_rows,
    draw_batch,
    draw_gap,
    frame_offsets,
    locate_rows,
    token_rows,
)
from dfplan.data.minari_io import Trajectories
from dfplan.data.stitch import StitchGraph, draw_windows, fit_stitch_graph
from dfplan.data.training_data import TrainingData
from dfplan.representation.config import DataConfig
from dfplan.representation.normalizer import Normalizer
from dfplan.representation.tokens import TokenLayout
from dfplan.types import Array, UserError


class Rest(NamedTuple):
    """Zeros in SI units, normalized.

    Attributes:
        state: `[S]`.
        action: `[A]`.
    """

    state: Array
    action: Array

    @classmethod
    def encode(cls, states: Normalizer, actions: Normalizer) -> "Rest":
        """Return the zeros of these normalizers."""
        return cls(
            state=states.encode(jnp.zeros(states.mean.shape, jnp.float32)),
            action=actions.encode(jnp.zeros(actions.mean.shape, jnp.float32)),
        )


class WindowValues(NamedTuple):
    """Values of the rows of a batch, arrays of NumPy or JAX.

    Attributes:
        frames: `[B, T, F, S]`, states of each token.
        actions: `[B, T, stride, A]`, actions before each token; None if tokens hold none.
        state: `[B, S]`, state of the transition.
        action: `[B, A]`, action taken at it.
        next_state: `[B, S]`, the state after it.
        goal: `[B, S]`, the goal's state; `[B]`, quantile of the return, if plans are conditioned on
            rewards; or None.
    """

    frames: Any
    actions: Any
    state: Any
    action: Any
    next_state: Any
    goal: Any


class TrainingArrays(NamedTuple):
    """A normalized dataset on the device.

    Attributes:
        state: `[N, S]`, normalized.
        action: `[N, A]`, normalized.
        row_index: Rows of each row's episode, and rows at which a window may begin.
        rest: A zero state and a zero action, normalized.
        return_quantile: `[N]`, quantile of the return from each row, 0 to 1; None unless plans are
            conditioned on rewards.
        stitch: Graph from which windows are stitched; None unless `data.stitch`.
    """

    state: Array
    action: Array
    row_index: RowIndex
    rest: Rest
    return_quantile: Array | None = None
    stitch: StitchGraph | None = None

    def read(self, rows: WindowRows) -> WindowValues:
        """Return the values of these rows."""
        goal = None
        if rows.goal is not None:
            goal = self.state[rows.goal]
        elif self.return_quantile is not None:
            goal = self.return_quantile[rows.state]
        return WindowValues(
            frames=self.state[rows.frames],
            actions=None if rows.actions is None else self.action[rows.actions],
            state=self.state[rows.state],
            action=self.action[rows.state],
            next_state=self.state[rows.next_state],
            goal=goal,
        )


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


def fit_normalizers(data: TrainingData) -> tuple[Normalizer, Normalizer]:
    """Fit normalizers to the states, and to the actions of all steps."""
    return Normalizer.of(data.state_columns), Normalizer.of(data.action_columns)


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
    check_stride(data, config.stride)
    quantile = None if return_quantile is None else jnp.asarray(return_quantile, jnp.float32)
    return TrainingArrays(
        state=states.encode(data.state),
        action=actions.encode(data.action),
        row_index=RowIndex(
            first=jnp.asarray(first, jnp.int32),
            last=jnp.asarray(last, jnp.int32),
            begin=jnp.asarray(begin, jnp.int32),
        ),
        rest=Rest.encode(states, actions),
        return_quantile=quantile,
        stitch=_stitch_graph(data, config, last) if config.stitch else None,
    )


def check_stride(data: TrainingData, stride: int) -> None:
    """Check that some episode has at least as many steps as a token.

    Raises:
        UserError: If none has.
    """
    longest = int(data.length.max()) - 1
    if stride > longest:
        raise UserError(
            f"data.stride {stride} is longer than every episode of {data.dataset_id!r}; "
            f"valid: 1 to {longest}"
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
