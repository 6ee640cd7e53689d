"""Windows: training batches as a pure function of (seed, step), cut from arrays on the device."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from dfplan.data.minari_io import Trajectories
from dfplan.representation.config import DataConfig
from dfplan.representation.normalizer import Normalizer
from dfplan.representation.tokens import TokenLayout
from dfplan.types import Array, UserError


class TrainingArrays(NamedTuple):
    """A normalised dataset on the device.

    Attributes:
        state: `[N, S]`, normalised. action: `[N, A]`, normalised.
        first, last: `[N]` int32, first and last row of each row's episode.
        begin: `[M]` int32, rows at which a window may start.
        rest: `[S]` and idle: `[A]`, the normalised values of a zero state and a zero action.
        rank: `[N]`, how good the return from each row is, 0 to 1; None where rewards are no goal.
    """

    state: Array
    action: Array
    first: Array
    last: Array
    begin: Array
    rest: Array
    idle: Array
    rank: Array | None = None


class Batch(NamedTuple):
    """Clean training tokens.

    Attributes:
        tokens: `[B, T, D]`, normalised; the goal first where the task has one.
        valid: `[B, T]` bool, False on padding past the end of an episode and before its start.
        state, next_state: `[B, S]` normalised; `gap`: `[B]` float; `action`: `[B, A]` normalised:
            one transition over `gap` control steps per sequence, for the inverse dynamics.
    """

    tokens: Float[Array, "B T D"]
    valid: Bool[Array, "B T"]
    state: Float[Array, "B S"]
    next_state: Float[Array, "B S"]
    gap: Float[Array, "B"]
    action: Float[Array, "B A"]


def fit_normalizers(data: Trajectories) -> tuple[Normalizer, Normalizer]:
    """Normalisers of the states and of the actions that were taken."""
    taken = np.ones(len(data.action), bool)
    taken[data.start + data.length - 1] = False
    return Normalizer.fit(data.state), Normalizer.fit(data.action[taken])


def make_training_arrays(
    data: Trajectories,
    config: DataConfig,
    states: Normalizer,
    actions: Normalizer,
    rank: np.ndarray | None = None,
) -> TrainingArrays:
    """Normalise a dataset and put it on the device, with the ranks of its returns if there are any.

    Raises:
        UserError: when no episode has as many steps as a token.
    """
    first = np.repeat(data.start, data.length)
    last = np.repeat(data.start + data.length - 1, data.length)
    rows = np.arange(len(data.state))
    begin = rows[last - rows >= config.stride]
    if not len(begin):
        raise UserError(
            f"data.stride {config.stride} is longer than every episode of {data.dataset_id!r}; "
            f"valid: 1 to {int(data.length.max()) - 1}"
        )
    return TrainingArrays(
        states.encode(data.state),
        actions.encode(data.action),
        jnp.asarray(first, jnp.int32),
        jnp.asarray(last, jnp.int32),
        jnp.asarray(begin, jnp.int32),
        states.encode(jnp.zeros(data.state.shape[1])),
        actions.encode(jnp.zeros(data.action.shape[1])),
        None if rank is None else jnp.asarray(rank, jnp.float32),
    )


def sample_batch(
    key: Array, training_arrays: TrainingArrays, layout: TokenLayout, config: DataConfig, batch: int
) -> Batch:
    """Draw `batch` windows; the same key gives the same batch.

    A window starts at a uniformly drawn row, or at the first of its episode (`start_fraction`) or
    up to `before_start` tokens before that, by any number of control steps.
    With a goal token, the goal is a state reached later in the same episode (hindsight), at a
    truncated-exponential distance of at least one step; or how good the return from there was.
    """
    k_begin, k_goal, k_gap, k_start = jax.random.split(key, 4)
    begin = training_arrays.begin[
        jax.random.randint(k_begin, (batch,), 0, training_arrays.begin.shape[0])
    ]
    at_start = jax.random.uniform(k_start, (batch,)) < config.start_fraction
    begin = jnp.where(at_start, training_arrays.first[begin], begin)
    first, last = training_arrays.first[begin], training_arrays.last[begin]
    origin = begin
    if config.before_start:
        most = config.before_start * config.stride
        early = jax.random.randint(jax.random.fold_in(k_start, 1), (batch,), 0, most + 1)
        origin = begin - jnp.where(at_start, early, 0)
    here = origin[:, None] + config.stride * jnp.arange(config.tokens)
    back = jnp.arange(1 - layout.frame_count, 1)
    frames = training_arrays.state[_within(here[..., None] + back, first, last)]
    begun = here >= first[:, None]
    valid = begun & (here <= last[:, None])
    actions = (
        _actions_before(training_arrays, config, here, first, last) if config.actions else None
    )
    transition = _transition(k_gap, training_arrays, config, begin)
    if layout.reward_conditioned:
        assert training_arrays.rank is not None
        goal = layout.return_quantile_token(training_arrays.rank[begin])[:, None]
        return _with_goal(goal, layout.encode(frames, actions), valid, transition)
    if not layout.has_goal:
        return Batch(layout.encode(frames, actions), valid, *transition)
    goal_row = begin + _goal_distance(k_goal, last - begin, config)
    goal = training_arrays.state[goal_row]
    if config.actions:
        valid &= here < goal_row[:, None] + config.stride
    else:
        reached = here[..., None] + back >= goal_row[:, None, None]
        frames = jnp.where(reached[..., None], _at_rest(goal, training_arrays, config), frames)
        valid = begun  # up to the goal it is data, from there on at rest
    goal = layout.place_goal(goal[:, jnp.asarray(layout.goal_dims)])[:, None]
    return _with_goal(goal, layout.encode(frames, actions), valid, transition)


def _with_goal(goal: Array, tokens: Array, valid: Array, transition: tuple) -> Batch:
    tokens = jnp.concatenate([goal, tokens], axis=1)
    return Batch(tokens, jnp.pad(valid, ((0, 0), (1, 0)), constant_values=True), *transition)


def _within(rows: Int[Array, "B T K"], first: Array, last: Array) -> Int[Array, "B T K"]:
    """Rows of the window's own episode; its first and last row stand in for those outside."""
    return jnp.clip(rows, first[:, None, None], last[:, None, None])


def _actions_before(
    training_arrays: TrainingArrays, config: DataConfig, here: Array, first: Array, last: Array
) -> Float[Array, "B T stride A"]:
    """The `stride` actions that led to each row; idle before the episode."""
    rows = here[..., None] + jnp.arange(-config.stride, 0)
    actions = training_arrays.action[_within(rows, first, last)]
    return jnp.where((rows < first[:, None, None])[..., None], training_arrays.idle, actions)


def _transition(key: Array, training_arrays: TrainingArrays, config: DataConfig, begin: Array):
    # A window starts at least a stride before its episode ends, so the later state is in it.
    gap = jax.random.randint(key, begin.shape, 1, config.stride + 1)
    later = training_arrays.state[begin + gap]
    return (
        training_arrays.state[begin],
        later,
        gap.astype(jnp.float32),
        training_arrays.action[begin],
    )


def _goal_distance(key: Array, room: Int[Array, "B"], config: DataConfig) -> Int[Array, "B"]:
    """Control steps d to the goal, 1 to min(room, horizon), weight exp(-decay * d / horizon)."""
    horizon = (config.goal_horizon or config.tokens) * config.stride
    room = jnp.minimum(room, horizon)
    u = jax.random.uniform(key, room.shape)
    fraction = u * room / horizon
    if config.goal_decay > 0:
        mass = -jnp.expm1(-config.goal_decay * room / horizon)
        fraction = -jnp.log1p(-u * mass) / config.goal_decay
    # Rounded up, steps keep the density's weights: each takes the same share of the one before.
    return jnp.clip(jnp.ceil(fraction * horizon).astype(jnp.int32), 1, room)


def _at_rest(
    state: Float[Array, "B S"], training_arrays: TrainingArrays, config: DataConfig
) -> Float[Array, "B 1 1 S"]:
    dims = jnp.asarray(config.rest_dims, jnp.int32)
    return state.at[:, dims].set(training_arrays.rest[dims])[:, None, None]


def batch_key(seed: int, step: Array | int) -> Array:
    """The key of the batch of training step `step`."""
    return jax.random.fold_in(jax.random.key(seed), step)
