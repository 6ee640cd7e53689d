"""Forecasts: pieces of trajectories to go on from, and whether samples spread as they should."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from dfplan.data.minari_io import Trajectories
from dfplan.planner.plan import History
from dfplan.planner.protocol import Planner
from dfplan.types import UserError

LEVELS = (0.5, 0.9)


class ForecastWindows(NamedTuple):
    """Pieces of trajectories: what was observed, and what came after.

    Attributes:
        history: `[W, H, ...]`, every token observed.
        future: `[W, P, S]` states at the tokens after it, SI units; None where nothing is known.
        episode, step: `[W]` int, the place of each window's present.
    """

    history: History
    future: np.ndarray | None
    episode: np.ndarray
    step: np.ndarray


def held_out(
    data: Trajectories, planner: Planner, count: int, seed: int, tokens: int = 0
) -> ForecastWindows:
    """Windows anywhere in a dataset, each place as likely as any other.

    Args:
        data: trajectories with the planner's layout.
        planner: says how many tokens are observed and how many follow.
        count: windows; no more than there are places are drawn.
        seed: of the draw.
        tokens: that follow, where these are not the planner's horizon.

    Raises:
        UserError: when no episode is long enough.
    """
    stride, tokens = planner.model.layout.stride, tokens or planner.horizon
    before, after = _before(planner), tokens * stride
    places = np.maximum(data.length - before - after, 0)
    if not places.any():
        raise UserError(
            f"dataset {data.dataset_id!r} has no episode of {before + after + 1} states: "
            f"{before + 1} observed and {after} to predict; the longest has {data.length.max()}"
        )
    drawn = np.random.default_rng(seed).choice(
        places.sum(), min(count, places.sum()), replace=False
    )
    ends = np.cumsum(places)
    episode = np.searchsorted(ends, np.sort(drawn), side="right")
    step = np.sort(drawn) - (ends[episode] - places[episode]) + before
    rows = (data.start[episode] + step)[:, None] + np.arange(1, tokens + 1) * stride
    return ForecastWindows(_history(data, planner, episode, step), data.state[rows], episode, step)


def latest(data: Trajectories, planner: Planner) -> ForecastWindows:
    """The end of every episode that is long enough to be observed, with nothing known after it.

    Raises:
        UserError: when none is.
    """
    before = _before(planner)
    episode = np.flatnonzero(data.length > before)
    if not len(episode):
        raise UserError(
            f"dataset {data.dataset_id!r} has no episode of {before + 1} states to observe; "
            f"the longest has {data.length.max()}"
        )
    step = data.length[episode] - 1
    return ForecastWindows(_history(data, planner, episode, step), None, episode, step)


def interval(
    samples: np.ndarray, level: float, stretch: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Ends `[W, P, S]` of the central interval that holds a share `level` of the truths.

    Between order statistics at (N + 1) p, which is right for any N where truth and samples have
    one distribution (Hyndman and Fan 1996, definition 6).

    Args:
        samples: `[W, N, P, S]`.
        level: in (0, 1).
        stretch: moves both ends away from the median, by this factor.
    """
    shares = (1 - level) / 2, 0.5, (1 + level) / 2
    low, middle, high = np.quantile(samples, shares, axis=1, method="weibull")
    return middle - stretch * (middle - low), middle + stretch * (high - middle)


def inside(
    samples: np.ndarray, future: np.ndarray, level: float, stretch: float = 1.0
) -> np.ndarray:
    """Whether each number of the truth lies in its interval, `[W, P, S]` bool."""
    low, high = interval(samples, level, stretch)
    return (low <= future) & (future <= high)


def calibrate(samples: np.ndarray, future: np.ndarray, level: float) -> float:
    """The stretch at which intervals hold a share `level` of these truths.

    As in conformalised quantile regression (Romano et al. 2019, arXiv 1905.03222), with the
    distance from the median, in interval widths, as the score. It holds for other windows in so far
    as these are like them: take some that the network was not trained on.

    Args:
        samples: `[W, N, P, S]`. future: `[W, P, S]`. level: in (0, 1).
    """
    low, high = interval(samples, level)
    middle = np.median(samples, axis=1)
    side = np.where(future < middle, middle - low, high - middle)
    needed = np.abs(future - middle) / np.maximum(side, np.finfo(np.float32).tiny)
    return float(np.quantile(needed, level))


def errors(samples: np.ndarray, future: np.ndarray, dims: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Mean distance to the truth over each window's tokens, `[W]`, in the given dimensions.

    Args:
        samples: `[W, N, P, S]`. future: `[W, P, S]`. dims: such as those of the position.

    Returns:
        "mean" of the samples' mean, "best" of the best sample, "final" of the mean's last token
        (the field's ADE, minADE and FDE).
    """
    index = list(dims)
    away = np.linalg.norm((samples - future[:, None])[..., index], axis=-1)
    mean = np.linalg.norm((samples.mean(axis=1) - future)[..., index], axis=-1)
    best = away.mean(axis=2).min(axis=1)
    return {"mean": mean.mean(axis=1), "best": best, "final": mean[:, -1]}


def _before(planner: Planner) -> int:
    """Control steps from the first observed state that is needed to the present."""
    return (planner.config.history.tokens - 1) * planner.model.layout.stride


def _history(
    data: Trajectories, planner: Planner, episode: np.ndarray, step: np.ndarray
) -> History:
    layout, tokens = planner.model.layout, planner.config.history.tokens
    at = step[:, None] + np.arange(1 - tokens, 1) * layout.stride
    start = data.start[episode, None, None]
    frames = at[..., None] + np.arange(1 - layout.frame_count, 1)
    led = at[..., None] + np.arange(-layout.stride, 0)
    # As in training: before an episode its first state stands still, and nothing is done.
    action = np.where((led >= 0)[..., None], data.action[start + np.maximum(led, 0)], 0.0)
    level = np.full(at.shape, planner.config.history.level)
    parts = data.state[start + np.maximum(frames, 0)], action, level
    return History(*(jnp.asarray(part, jnp.float32) for part in parts))
