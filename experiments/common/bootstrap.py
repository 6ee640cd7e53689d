"""Intervals of means over training seeds and episodes."""

import numpy as np

RESAMPLES = 5_000


def mean_interval(values: np.ndarray, seed: int = 0) -> dict[str, float]:
    """Mean and 95 % bootstrap interval (percentile) over training seeds and episodes.

    Each resample draws S training seeds and, apart from them, E episodes, both with replacement;
    every drawn training seed is seen on the same drawn episodes. All training seeds are measured on
    the same starts and goals: episodes drawn anew for each of them would count S x E independent
    tasks where there are E, and give intervals that are too narrow. With one training seed this is
    the usual bootstrap over episodes.

    Args:
        values: `[S, E]` a metric per training seed and episode.
        seed: of the resampling.
    """
    return _summary(float(np.mean(values)), _means(values, *_draws(values.shape, seed)))


def ratio_interval(values: np.ndarray, bound: np.ndarray, seed: int = 0) -> dict[str, float]:
    """The mean over the bound's mean on the same episodes, with the interval of that ratio.

    Args:
        values: `[S, E]` as for `mean_interval`. bound: `[E]`.
        seed: of the resampling.
    """
    seeds, episodes = _draws(values.shape, seed)
    drawn = _means(values, seeds, episodes) / (episodes @ bound)
    return _summary(float(np.mean(values) / np.mean(bound)), drawn)


def _draws(shape: tuple[int, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """How often each training seed `[R, S]` and each episode `[R, E]` is drawn, as shares."""
    rng = np.random.default_rng(seed)
    counts = [rng.multinomial(n, np.full(n, 1 / n), RESAMPLES) / n for n in shape]
    return counts[0], counts[1]


def _means(values: np.ndarray, seeds: np.ndarray, episodes: np.ndarray) -> np.ndarray:
    return np.einsum("rs,se,re->r", seeds, values, episodes, optimize=True)


def _summary(mean: float, drawn: np.ndarray) -> dict[str, float]:
    low, high = np.percentile(drawn, [2.5, 97.5])
    return {"mean": mean, "ci_low": float(low), "ci_high": float(high)}
