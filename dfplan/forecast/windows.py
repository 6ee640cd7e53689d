"""Windows of trajectories to forecast from, and the intervals and errors of forecasts."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from dfplan.data.trajectories import Trajectories
from dfplan.planner.plan import History
from dfplan.planner.protocol import Planner
from dfplan.types import UserError

COVERAGES = (0.5, 0.9)
"""Nominal coverages of the intervals that `dfplan predict` reports."""


class ForecastWindows(NamedTuple):
    """Windows of trajectories: what was observed, and what followed.

    Attributes:
        history: `[W, H, ...]`, every token observed.
        future: `[W, P, S]` states at the following tokens, SI units; None without ground truth.
        episode: `[W]` int, episode of each window.
        step: `[W]` int, control step of each window's present in its episode.
    """

    history: History
    future: np.ndarray | None
    episode: np.ndarray
    step: np.ndarray


def held_out(
    data: Trajectories, planner: Planner, count: int, seed: int, tokens: int = 0
) -> ForecastWindows:
    """Draw windows uniformly from all positions in a dataset, without replacement.

    Args:
        data: Trajectories with the planner's layout.
        planner: Planner, which sets the numbers of observed and following tokens.
        count: Number of windows; at most one per position is drawn.
        seed: PRNG seed for the draw.
        tokens: Number of following tokens, P; 0 for the planner's horizon.

    Raises:
        UserError: If no episode is long enough.
    """
    stride = planner.model.layout.stride
    tokens = tokens or planner.horizon
    before = _steps_before(planner)
    after = tokens * stride
    positions = np.maximum(data.length - before - after, 0)
    total = positions.sum()
    if not total:
        raise UserError(
            f"dataset {data.dataset_id!r} has no episode of {before + after + 1} states: "
            f"{before + 1} observed and {after} to predict; the longest has {data.length.max()}"
        )
    rng = np.random.default_rng(seed)
    drawn = np.sort(rng.choice(total, min(count, total), replace=False))
    ends = np.cumsum(positions)
    episode = np.searchsorted(ends, drawn, side="right")
    step = drawn - (ends[episode] - positions[episode]) + before
    rows = (data.start[episode] + step)[:, None] + np.arange(1, tokens + 1) * stride
    return ForecastWindows(
        history=_history(data, planner, episode, step=step),
        future=data.state[rows],
        episode=episode,
        step=step,
    )


def latest(data: Trajectories, planner: Planner) -> ForecastWindows:
    """Return a window at the end of every episode that is long enough, without ground truth.

    Args:
        data: Trajectories with the planner's layout.
        planner: Planner, which sets the number of observed tokens.

    Raises:
        UserError: If no episode is long enough.
    """
    before = _steps_before(planner)
    episode = np.flatnonzero(data.length > before)
    if not len(episode):
        raise UserError(
            f"dataset {data.dataset_id!r} has no episode of {before + 1} states to observe; "
            f"the longest has {data.length.max()}"
        )
    step = data.length[episode] - 1
    return ForecastWindows(
        history=_history(data, planner, episode, step=step),
        future=None,
        episode=episode,
        step=step,
    )


def interval(
    samples: np.ndarray, coverage: float, stretch: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return both ends `[W, P, S]` of the central interval with a nominal coverage.

    Quantiles lie between order statistics at (N + 1) p, which is unbiased for any N if truth and
    samples have the same distribution (Hyndman and Fan 1996, definition 6).

    Args:
        samples: Samples `[W, N, P, S]`.
        coverage: Nominal coverage, in (0, 1).
        stretch: Factor by which both ends move away from the median, see `calibrate`.
    """
    quantiles = ((1 - coverage) / 2, 0.5, (1 + coverage) / 2)
    low, median, high = np.quantile(samples, quantiles, axis=1, method="weibull")
    return median - stretch * (median - low), median + stretch * (high - median)


def inside(
    samples: np.ndarray, future: np.ndarray, coverage: float, stretch: float = 1.0
) -> np.ndarray:
    """Return whether each number of the truth lies in its interval, `[W, P, S]` bool.

    Args:
        samples: Samples `[W, N, P, S]`.
        future: True states `[W, P, S]`.
        coverage: Nominal coverage of the interval, in (0, 1).
        stretch: See `interval`.
    """
    low, high = interval(samples, coverage, stretch)
    return (low <= future) & (future <= high)


def calibrate(samples: np.ndarray, future: np.ndarray, coverage: float) -> float:
    """Return the stretch at which intervals reach their nominal coverage on a calibration set.

    As in conformalized quantile regression (Romano et al. 2019, arXiv 1905.03222), with the
    distance from the median, in interval widths, as the score. The coverage carries over to windows
    that are distributed like the calibration set, which the network must not be trained on.

    Args:
        samples: Samples `[W, N, P, S]`.
        future: True states `[W, P, S]`.
        coverage: Nominal coverage, in (0, 1).
    """
    low, high = interval(samples, coverage)
    median = np.median(samples, axis=1)
    half_width = np.where(future < median, median - low, high - median)
    score = np.abs(future - median) / np.maximum(half_width, np.finfo(np.float32).tiny)
    return float(np.quantile(score, coverage))


def errors(samples: np.ndarray, future: np.ndarray, dims: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Return distances between forecast and truth per window, `[W]`.

    Args:
        samples: Samples `[W, N, P, S]`.
        future: True states `[W, P, S]`.
        dims: State dimensions in which the distance is measured, such as those of the position.

    Returns:
        "mean", the error of the samples' mean, averaged over tokens (ADE); "best", that of the best
        sample, averaged over tokens (minADE); and "final", that of the samples' mean at the last
        token (FDE).
    """
    index = list(dims)
    sample_distance = np.linalg.norm((samples - future[:, None])[..., index], axis=-1)
    mean_distance = np.linalg.norm((samples.mean(axis=1) - future)[..., index], axis=-1)
    return {
        "mean": mean_distance.mean(axis=1),
        "best": sample_distance.mean(axis=2).min(axis=1),
        "final": mean_distance[:, -1],
    }


def _steps_before(planner: Planner) -> int:
    """Return the control steps from the first observed token to the present."""
    return (planner.config.history.tokens - 1) * planner.model.layout.stride


def _history(
    data: Trajectories, planner: Planner, episode: np.ndarray, step: np.ndarray
) -> History:
    layout = planner.model.layout
    tokens = planner.config.history.tokens
    token_step = step[:, None] + np.arange(1 - tokens, 1) * layout.stride
    frame_step = token_step[..., None] + np.arange(1 - layout.frame_count, 1)
    action_step = token_step[..., None] + np.arange(-layout.stride, 0)
    start = data.start[episode, None, None]
    # As in training: before an episode its first state is repeated, and actions are zero.
    frames = data.state[start + np.maximum(frame_step, 0)]
    actions = np.where(
        (action_step >= 0)[..., None], data.action[start + np.maximum(action_step, 0)], 0.0
    )
    level = np.full(token_step.shape, planner.config.history.level)
    return History(
        frames=jnp.asarray(frames, jnp.float32),
        actions=jnp.asarray(actions, jnp.float32),
        level=jnp.asarray(level, jnp.float32),
    )
