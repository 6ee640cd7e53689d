"""Held-out gaps in trajectories, and baselines to fill them: straight lines, a Kalman smoother."""

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from dfplan.data.trajectories import Trajectories
from dfplan.forecast.fill import Incomplete
from dfplan.forecast.smoother import ConstantVelocity
from dfplan.types import UserError


class HeldOutGaps(NamedTuple):
    """Complete sequences of states whose middle is held out.

    Attributes:
        incomplete: Sequences of T states with a gap of P states.
        gap: Tokens of the gap, the same for all sequences.
        truth: `[W, P, S]` states in the gap, SI units.
        episode: `[W]` int, episode of each sequence.
        step: `[W]` int, control step of the first state of each gap in its episode.
    """

    incomplete: Incomplete
    gap: slice
    truth: Float[np.ndarray, "W P S"]
    episode: np.ndarray
    step: np.ndarray


def hold_out(
    data: Trajectories, stride: int, tokens: int, gap: int, *, count: int, seed: int
) -> HeldOutGaps:
    """Draw sequences uniformly from all positions in a dataset, and hold out their middle.

    Args:
        data: Trajectories.
        stride: Control steps per token.
        tokens: Tokens of a sequence, T.
        gap: Tokens of a gap, P.
        count: Number of sequences, W; at most one per position is drawn.
        seed: PRNG seed for the draw.

    Raises:
        UserError: If the gap leaves no token on one of its sides, or no episode is long enough.
    """
    check_gap(gap, tokens)
    span = (tokens - 1) * stride
    positions = np.maximum(data.length - span, 0)
    if not positions.any():
        raise UserError(
            f"dataset {data.dataset_id!r} has no episode of {span + 1} states, the length of a "
            f"training window; the longest has {data.length.max()}"
        )
    rng = np.random.default_rng(seed)
    drawn = np.sort(rng.choice(positions.sum(), min(count, positions.sum()), replace=False))
    ends = np.cumsum(positions)
    episode = np.searchsorted(ends, drawn, side="right")
    first = drawn - (ends[episode] - positions[episode])
    rows = (data.start[episode] + first)[:, None] + np.arange(tokens) * stride
    states = data.state[rows]
    before = (tokens - gap) // 2
    known = np.ones(states.shape[:2], bool)
    known[:, before : before + gap] = False
    hidden = slice(before, before + gap)
    return HeldOutGaps(
        incomplete=Incomplete(states, known, np.ones_like(known)),
        gap=hidden,
        truth=states[:, hidden],
        episode=episode,
        step=first + before * stride,
    )


def check_gap(gap: int, tokens: int) -> None:
    """Check that a window has a token on both sides of a gap.

    Raises:
        UserError: If it has none on one side.
    """
    if not 1 <= gap <= tokens - 2:
        raise UserError(
            f"a gap of {gap} tokens does not fit into a training window of {tokens} with a token "
            f"on each side; valid: 1 to {tokens - 2}"
        )


def interpolate(incomplete: Incomplete) -> Float[np.ndarray, "W T S"]:
    """Fill gaps by straight lines at constant speed."""
    states = np.array(incomplete.states, np.float64)
    step = np.arange(states.shape[1])
    known = incomplete.known & incomplete.valid
    for sequence, is_known in zip(states, known, strict=True):
        for dim in range(states.shape[2]):
            sequence[:, dim] = np.interp(step, step[is_known], sequence[is_known, dim])
    return states


def smooth(
    models: list[ConstantVelocity], incomplete: Incomplete, count: int
) -> Float[np.ndarray, "W N T S"]:
    """Fill gaps by the Kalman smoother; N equally likely states represent its posterior.

    Args:
        models: Model of each state dimension.
        incomplete: Sequences with gaps.
        count: Number of states that represent the posterior, N.
    """
    levels = np.arange(1, count + 1) / (count + 1)
    quantiles = np.array([NormalDist().inv_cdf(level) for level in levels])
    known: Bool[np.ndarray, "W T"] = incomplete.known & incomplete.valid
    filled = []
    for dim, model in enumerate(models):
        mean, variance = model.smooth(incomplete.states[..., dim].astype(np.float64), known)
        # A held-out state is a measurement, with measurement noise.
        deviation = np.sqrt(variance + model.measurement**2)
        filled.append(mean[:, None] + quantiles[:, None] * deviation[:, None])
    return np.stack(filled, axis=-1)
