"""Fitting the critic to a dataset, and ranking the data's returns by it."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float

from dfplan.types import Array
from dfplan.value.config import ValueConfig
from dfplan.value.critic import SPREAD, Critic, evaluate, init_member
from dfplan.value.returns import Returns

AVERAGE = 0.98
"""Of the weights, by which the value after a truncated episode is told, and which are kept."""
DECAY = 1e-2
MIN_SCALE = 1e-6


class Rows(NamedTuple):
    """What members learn from; rows of the dataset, rewards in the critic's units.

    Attributes:
        state: `[N, S]`. last, later: `[N]` rows. gain, tail, known, reward, ended, whole: `[N]`,
            as of `Returns`, scaled.
    """

    state: Array
    last: Array
    later: Array
    gain: Array
    tail: Array
    known: Array
    reward: Array
    ended: Array
    whole: Array


def folds(start: np.ndarray, length: np.ndarray, members: int) -> np.ndarray:
    """The member `[N]` that each row is kept from: whole episodes, or parts of very few."""
    if len(start) >= members:
        return np.repeat(np.arange(len(start)) % members, length)
    rows = int(length.sum())
    return np.arange(rows) * members // rows


def fit_critic(
    state: Float[np.ndarray, "N S"],
    found: Returns,
    fold: np.ndarray,
    config: ValueConfig,
    *,
    stride: int,
    seed: int,
) -> Critic:
    """The critic of a dataset.

    The value of a state is the mean of the returns from it, by least squares; a truncated episode
    goes on with the value of its last state, as an average of the weights sees it.

    Args:
        state: normalised.
        found: the data's returns.
        fold: the member that each row is kept from.
        config: sizes and steps.
        stride: control steps of a token.
        seed: of initialisation and batches.
    """
    whole, known = found.reward[found.whole], found.known
    # What would follow a truncated episode, if all steps brought the mean: settles the units only.
    beyond = whole.mean() / (1 - config.discount**stride)
    rough = (found.gain + found.tail * beyond)[known]
    base, scale = rough.mean(), max(rough.std(), MIN_SCALE)
    reward_base, reward_scale = whole.mean(), max(whole.std(), MIN_SCALE)
    rows = Rows(
        *(jnp.asarray(a) for a in (state, found.last, found.later)),
        gain=_float((found.gain + found.tail * base - base) / scale),
        tail=_float(found.tail),
        known=jnp.asarray(known),
        reward=_float((found.reward - reward_base) / reward_scale),
        ended=_float(found.ended),
        whole=jnp.asarray(found.whole),
    )
    nets = _train(rows, jnp.asarray(fold), config, jax.random.key(seed))
    units = base, scale, reward_base, reward_scale, config.discount**stride
    critic = Critic(nets, *map(_float, units), explained=jnp.float32(0))
    value, _, target = expected(critic, state, found, fold)
    error, around = (np.square(a[known]).mean() for a in (target - value, target - base))
    return Critic(nets, *map(_float, units), explained=_float(1 - error / max(around, MIN_SCALE)))


def expected(
    critic: Critic, state: Float[np.ndarray, "N S"], found: Returns, fold: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Value and spread of each row by the member that was kept from it, and its return; all `[N]`.

    A truncated episode's return goes on with the value of its last state, mean over members.
    """
    value, spread = (np.asarray(f(jnp.asarray(state))) for f in (critic.value, critic.spread))
    target = found.gain + found.tail * value.mean(axis=0)[found.last]
    row = np.arange(len(fold))
    return value[fold, row], spread[fold, row], target


def rank(
    critic: Critic, state: Float[np.ndarray, "N S"], found: Returns, fold: np.ndarray
) -> Float[np.ndarray, "N"]:
    """Each return's place among what the data had from such states, 0 (worst) to 1 (best).

    That is the place, among all rows, of its distance from the value in units of the spread: the
    return's quantile, given the state.
    """
    value, spread, target = expected(critic, state, found, fold)
    score = (target - value) / spread
    known = np.sort(score[found.known])
    return np.searchsorted(known, score) / max(len(known) - 1, 1)


def _float(x: Any) -> Array:
    return jnp.asarray(x, jnp.float32)


def _loss(nets: Any, old: Any, rows: Rows, here: Array, use: Array) -> Array:
    """Of one member, over the rows `here` where `use`."""
    state = rows.state[here]
    out = evaluate(nets, "value", state)
    beyond = evaluate(old, "value", rows.state[rows.last[here]])[..., 0]
    off = rows.gain[here] + rows.tail[here] * jax.lax.stop_gradient(beyond) - out[..., 0]
    log = jnp.clip(out[..., 1], *SPREAD)
    # The spread is the scale of a Laplace distribution around the value, which is held for that.
    spread = jnp.abs(jax.lax.stop_gradient(off)) * jnp.exp(-log) + log
    pair = jnp.concatenate([state, rows.state[rows.later[here]]], axis=-1)
    step = evaluate(nets, "step", pair)
    missed = (rows.reward[here] - step[..., 0]) ** 2
    ends = optax.sigmoid_binary_cross_entropy(step[..., 1], rows.ended[here])
    known, whole = use * rows.known[here], use * rows.whole[here]
    return _mean(off**2 + spread, known) + _mean(missed + ends, whole)


def _mean(x: Array, weight: Array) -> Array:
    return (x * weight).sum() / jnp.maximum(weight.sum(), 1)


@functools.partial(jax.jit, static_argnames="config")
def _train(rows: Rows, fold: Array, config: ValueConfig, key: Array) -> dict[str, Array]:
    """All members' weights, each learned from the episodes that are not kept from it."""
    k_init, k_batch = jax.random.split(key)
    count, members = len(rows.state), jnp.arange(config.members)
    width, dim = config.width, rows.state.shape[1]
    nets = jax.vmap(lambda k: init_member(k, dim, width))(jax.random.split(k_init, config.members))
    optimizer = optax.adamw(
        optax.cosine_decay_schedule(config.learning_rate, config.steps), weight_decay=DECAY
    )
    each = jax.vmap(_loss, (0, 0, None, None, 0))

    def step(carry, i):
        nets, old, opt = carry
        here = jax.random.randint(jax.random.fold_in(k_batch, i), (config.batch_size,), 0, count)
        use = fold[here] != members[:, None]
        grads = jax.grad(lambda nets: each(nets, old, rows, here, use).sum())(nets)
        updates, opt = optimizer.update(grads, opt, nets)
        nets = optax.apply_updates(nets, updates)
        old = jax.tree.map(lambda o, n: AVERAGE * o + (1 - AVERAGE) * n, old, nets)
        return (nets, old, opt), None

    begin = nets, nets, optimizer.init(nets)
    (_, old, _), _ = jax.lax.scan(step, begin, jnp.arange(config.steps))
    return old
