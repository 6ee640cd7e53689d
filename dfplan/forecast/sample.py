"""Futures: samples of how observed trajectories go on, over one window or any number of them."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Key

from dfplan.planner.diffusion_planner import DiffusionPlanner
from dfplan.planner.plan import History, Weights
from dfplan.types import Array, UserError

ROWS = 1024
"""Samples that one compiled program draws, about."""


def sample_futures(
    planner: DiffusionPlanner,
    weights: Weights,
    history: History,
    seed: int,
    advance: Callable[[int], None] = lambda done: None,
    tokens: int = 0,
) -> np.ndarray:
    """Samples `[W, N, P, S]` of what follows each history, SI units; N is `planner.candidates`.

    Every one is drawn to the end, towards no goal; a planner for reward that is to forecast what is
    usual has the goal "none". Beyond the horizon windows follow each other:
    the last `planner.history.tokens` tokens of a sample are the next window's history. They stand at
    `planner.history.level`: declared slightly noisy, they tell the network that its own tokens are
    not exact, and errors do not add up (Chen et al. 2024, section 3.3, "stabilizing").

    Args:
        planner: with as many candidates as samples are wanted.
        weights: its weights.
        history: `[W, H, ...]`.
        seed: of the samples; those of a window depend on its place in the list alone.
        advance: told how many windows are done.
        tokens: P; 0 for the planner's horizon.

    Raises:
        UserError: when more than one window is asked for and tokens hold more than one state.
    """
    tokens = tokens or planner.horizon
    if tokens > planner.horizon:
        check_rolls(planner)
    count = len(history.level)
    keys = jax.vmap(lambda i: jax.random.fold_in(jax.random.key(seed), i))(jnp.arange(count))
    size = min(count, max(1, ROWS // planner.config.candidates))
    found = []
    for begin in range(0, count, size):
        rows = np.arange(begin, min(begin + size, count))
        # The last part is filled up with its own rows, as another size would compile anew.
        filled = np.resize(rows, size)
        samples = _sample(planner, weights, keys[filled], _take(history, filled), tokens)
        found.append(samples[: len(rows)])
        advance(int(rows[-1]) + 1)
    return np.concatenate(found)


def check_rolls(planner: DiffusionPlanner) -> None:
    """Check that a window's end can be the next one's history.

    Raises:
        UserError: when tokens hold what a plan of states does not.
    """
    layout = planner.model.layout
    if layout.actions or layout.frame_count > 1:
        raise UserError(
            f"more than planner.horizon {planner.horizon} tokens are sampled window after window, "
            "which asks for tokens of one state each; valid here: fewer, or a run trained without "
            "data.actions and with data.frames last"
        )


def _sample(
    planner: DiffusionPlanner,
    weights: Weights,
    keys: Key[Array, "W"],
    history: History,
    tokens: int,
) -> np.ndarray:
    plan = planner.plan(weights, keys, history, None)
    first = np.asarray(plan.candidates[:, :, 1:])
    windows, count, _, features = first.shape
    seen = np.asarray(history.frames)[:, :, -1]
    past = seen.shape[1]
    seen = np.concatenate([np.repeat(seen, count, axis=0), first.reshape(-1, *first.shape[2:])], 1)
    single = dataclasses.replace(planner, config=dataclasses.replace(planner.config, candidates=1))
    rows = jax.vmap(lambda k: jax.random.split(k, count))(keys).reshape(-1)
    while seen.shape[1] - past < tokens:
        here = jax.vmap(lambda k, i=seen.shape[1]: jax.random.fold_in(k, i))(rows)
        plan = single.plan(weights, here, _known(planner, seen[:, -past:]), None)
        seen = np.concatenate([seen, np.asarray(plan.candidates[:, 0, 1:])], axis=1)
    return seen[:, past : past + tokens].reshape(windows, count, tokens, features)


def _known(planner: DiffusionPlanner, states: np.ndarray) -> History:
    """Sampled states `[W, H, S]` as a history."""
    layout, level = planner.model.layout, planner.config.history.level
    actions = np.zeros((*states.shape[:2], layout.stride, layout.action_dim), np.float32)
    return History(
        jnp.asarray(states[:, :, None]), jnp.asarray(actions), jnp.full(states.shape[:2], level)
    )


def _take(history: History, rows: np.ndarray) -> History:
    return jax.tree.map(lambda a: a[rows], history)
