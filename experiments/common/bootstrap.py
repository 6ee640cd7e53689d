"""Bootstrap intervals of means over training seeds and episodes.

`dfplan.evaluation.evaluate.interval` serves one run: it draws episodes alone, with other random
numbers, so
the two differ in the last digits and published tables keep the one they were made with.
"""

import numpy as np

RESAMPLES = 5_000


def mean_interval(values: np.ndarray, seed: int = 0) -> dict[str, float]:
    """Return the mean and its 95 % bootstrap interval (percentile) over seeds and episodes.

    Each resample draws S training seeds and, independently, E episodes, both with replacement;
    every drawn training seed is paired with the same drawn episodes. All training seeds are
    measured on the same starts and goals: drawing episodes independently for each of them would
    count S x E independent tasks instead of E and give intervals that are too narrow. With one
    training seed this is the usual bootstrap over episodes.

    Args:
        values: `[S, E]` metric of each training seed and episode.
        seed: PRNG seed for the resampling.
    """
    seed_shares, episode_shares = _draw_shares(values.shape, seed)
    means = _resampled_means(values, seed_shares, episode_shares)
    return _summarize(float(np.mean(values)), means)


def ratio_interval(values: np.ndarray, bound: np.ndarray, seed: int = 0) -> dict[str, float]:
    """Return the ratio of the mean to the bound's mean on the same episodes, and its interval.

    Args:
        values: `[S, E]` metric of each training seed and episode.
        bound: `[E]` the same metric of the bound.
        seed: PRNG seed for the resampling.
    """
    seed_shares, episode_shares = _draw_shares(values.shape, seed)
    ratios = _resampled_means(values, seed_shares, episode_shares) / (episode_shares @ bound)
    return _summarize(float(np.mean(values) / np.mean(bound)), ratios)


def _draw_shares(shape: tuple[int, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of each training seed `[R, S]` and each episode `[R, E]` in R resamples."""
    rng = np.random.default_rng(seed)
    shares = [rng.multinomial(n, np.full(n, 1 / n), RESAMPLES) / n for n in shape]
    return shares[0], shares[1]


def _resampled_means(
    values: np.ndarray, seed_shares: np.ndarray, episode_shares: np.ndarray
) -> np.ndarray:
    return np.einsum("rs,se,re->r", seed_shares, values, episode_shares, optimize=True)


def _summarize(mean: float, resampled: np.ndarray) -> dict[str, float]:
    low, high = np.percentile(resampled, [2.5, 97.5])
    return {"mean": mean, "ci_low": float(low), "ci_high": float(high)}
