"""Samples of how observed trajectories continue, over one planning window or several in a row."""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Key

from dfplan.forecast.blocks import sample_blocks
from dfplan.planner.call import PlanCall
from dfplan.planner.diffusion_planner import DiffusionPlanner
from dfplan.planner.plan import History, Weights
from dfplan.types import Array, UserError


def sample_futures(
    planner: DiffusionPlanner,
    weights: Weights,
    history: History,
    seed: int,
    advance: Callable[[int], None] | None = None,
    tokens: int = 0,
) -> np.ndarray:
    """Sample what follows each history.

    Every sample is drawn to the end of the horizon, without a goal; to forecast typical behavior
    with a reward-conditioned planner, set its goal conditioning to "none".

    Beyond the horizon, windows follow each other: the last `planner.history.tokens` tokens of a
    sample are the next window's history, at noise level `planner.history.level`. Declared slightly
    noisy, they tell the network that its own tokens are not exact, and errors do not accumulate
    (Chen et al. 2024, section 3.3, "stabilizing").

    Args:
        planner: Planner with one candidate per sample, N = `planner.candidates`.
        weights: Weights of the planner.
        history: Histories `[W, H, ...]`.
        seed: PRNG seed; the samples of a window depend on it and the window's index alone.
        advance: Function that is called with the number of windows done so far.
        tokens: Tokens to sample, P; 0 for the planner's horizon.

    Returns:
        Samples `[W, N, P, S]`, in SI units.

    Raises:
        UserError: As `check_forecast`.
    """
    check_forecast(planner, tokens)
    tokens = tokens or planner.horizon

    def sample(keys: Array, rows: np.ndarray) -> np.ndarray:
        return _sample(planner, weights, keys, history=_take(history, rows), tokens=tokens)

    return sample_blocks(
        sample, len(history.level), planner.config.candidates, seed=seed, advance=advance
    )


def check_forecast(planner: DiffusionPlanner, tokens: int = 0) -> None:
    """Check that a planner can sample that many tokens of whole states.

    Args:
        planner: Planner.
        tokens: Tokens to sample; 0 for the planner's horizon.

    Raises:
        UserError: If tokens hold only some of the state's dimensions; or if there are more tokens
            than the horizon, so that the end of one window is the history of the next, and tokens
            hold actions or more than one state each.
    """
    layout = planner.model.layout
    if layout.plan_dims:
        raise UserError(
            f"forecasts are of whole states, and this run plans {list(layout.plan_dims)} alone; "
            "valid: a run trained without data.plan_dims"
        )
    if tokens > planner.horizon and (layout.actions or layout.frame_count > 1):
        raise UserError(
            f"more than planner.horizon {planner.horizon} tokens are sampled window after window, "
            "which needs tokens of one state each; valid here: fewer tokens, or a run trained "
            "without data.actions and with data.frames last"
        )


def _sample(
    planner: DiffusionPlanner,
    weights: Weights,
    keys: Key[Array, "W"],
    history: History,
    tokens: int,
) -> np.ndarray:
    plan = planner.plan(PlanCall(weights, keys, history, goal=None))
    first_window = np.asarray(plan.candidates[:, :, 1:])
    windows, count, _, features = first_window.shape
    observed = np.asarray(history.frames)[:, :, -1]
    past = observed.shape[1]
    # From the second window on, every sample is continued by a single candidate of its own.
    states = np.concatenate(
        [
            np.repeat(observed, count, axis=0),
            first_window.reshape(windows * count, -1, features),
        ],
        axis=1,
    )
    single = dataclasses.replace(planner, config=dataclasses.replace(planner.config, candidates=1))
    sample_keys = jax.vmap(functools.partial(jax.random.split, num=count))(keys).reshape(-1)
    while states.shape[1] - past < tokens:
        fold_in = functools.partial(jax.random.fold_in, data=states.shape[1])
        window_keys = jax.vmap(fold_in)(sample_keys)
        recent = _as_history(planner, states[:, -past:])
        plan = single.plan(PlanCall(weights, window_keys, recent, goal=None))
        states = np.concatenate([states, np.asarray(plan.candidates[:, 0, 1:])], axis=1)
    return states[:, past : past + tokens].reshape(windows, count, tokens, features)


def _as_history(planner: DiffusionPlanner, states: np.ndarray) -> History:
    """Return sampled states `[W, H, S]` as histories."""
    layout = planner.model.layout
    shape = states.shape[:2]
    return History(
        frames=jnp.asarray(states[:, :, None]),
        actions=jnp.zeros((*shape, layout.stride, layout.action_dim), jnp.float32),
        level=jnp.full(shape, planner.config.history.level, jnp.float32),
    )


def _take(history: History, rows: np.ndarray) -> History:
    return jax.tree.map(lambda array: array[rows], history)
