"""95% bootstrap intervals of means, by the percentile method.

`interval` serves the episodes of one run; `mean_interval` and `ratio_interval` serve several
training seeds that are measured on the same episodes. The two kinds draw different random numbers.
"""

import numpy as np

RESAMPLES = 5_000


def interval(values: np.ndarray | None, seed: int = 0) -> dict[str, float] | None:
    """Return the mean of a metric and its bootstrap interval over episodes.

    Args:
        values: `[E]` metric of each episode, or None.
        seed: PRNG seed for the resampling.

    Returns:
        `{"mean", "ci_low", "ci_high"}`, or None without values.
    """
    if values is None or not len(values):
        return None
    resampled = np.random.default_rng(seed).choice(values, (RESAMPLES, len(values)))
    return _summarize(float(np.mean(values)), resampled.mean(axis=1))


def mean_interval(values: np.ndarray, seed: int = 0) -> dict[str, float]:
    """Return the mean of a metric and its bootstrap interval over training seeds and episodes.

    Each resample draws S training seeds and, independently, E episodes, both with replacement;
    every drawn training seed is paired with the same drawn episodes. All training seeds are
    measured on the same starts and goals: drawing episodes independently for each of them would
    count S x E independent tasks instead of E and give intervals that are too narrow. With one
    training seed this is the usual bootstrap over episodes.

    Args:
        values: `[S, E]` metric of each training seed and episode.
        seed: PRNG seed for the resampling.

    Returns:
        `{"mean", "ci_low", "ci_high"}`.
    """
    seed_shares, episode_shares = _draw_shares(values.shape, seed)
    means = _resampled_means(values, seed_shares, episode_shares)
    return _summarize(float(np.mean(values)), means)


def ratio_interval(values: np.ndarray, reference: np.ndarray, seed: int = 0) -> dict[str, float]:
    """Return the ratio of a metric's mean to that of a reference on the same episodes.

    Args:
        values: `[S, E]` metric of each training seed and episode.
        reference: `[E]` the same metric of the reference.
        seed: PRNG seed for the resampling.

    Returns:
        `{"mean", "ci_low", "ci_high"}`, where "mean" is the ratio of the means; the interval is
        resampled as in `mean_interval`.
    """
    seed_shares, episode_shares = _draw_shares(values.shape, seed)
    means = _resampled_means(values, seed_shares, episode_shares)
    return _summarize(
        float(np.mean(values) / np.mean(reference)), means / (episode_shares @ reference)
    )


def _draw_shares(shape: tuple[int, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of each training seed `[R, S]` and each episode `[R, E]` in R resamples."""
    rng = np.random.default_rng(seed)
    shares = [rng.multinomial(n, np.full(n, 1 / n), RESAMPLES) / n for n in shape]
    return shares[0], shares[1]


def _resampled_means(
    values: np.ndarray, seed_shares: np.ndarray, episode_shares: np.ndarray
) -> np.ndarray:
    return np.einsum("rs,se,re->r", seed_shares, values, episode_shares, optimize=True)


def _summarize(estimate: float, resampled: np.ndarray) -> dict[str, float]:
    low, high = np.percentile(resampled, [2.5, 97.5])
    return {"mean": estimate, "ci_low": float(low), "ci_high": float(high)}
