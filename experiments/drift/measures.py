"""Measures of a rollout: whether it obeys the simulator, resembles the data, and stays upright.

They were fixed before the published rollouts, and not changed after those on tuning data:

- A move from one token to the next is plausible if the simulator's own step from the first state,
  with the planned action, ends near the second state. Distances between states are root mean
  squares over dimensions, in standard deviations of the held-out data. Held-out data obey the
  simulator exactly, so a tolerance is needed: 99 % of their moves stay below it if both states are
  observed with noise of 0.05 standard deviations.
- The distance to the held-out data is the energy distance, `2 E|X - Y| - E|X - X'| - E|Y - Y'|`
  (Székely and Rizzo 2013), which is 0 if and only if two distributions are equal.
- A robot has fallen once a state lies outside the healthy set of its environment.
"""

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from experiments.drift.physics import Physics

NOISE = 0.05
QUANTILE = 0.99
CALIBRATION_MOVES = 5_000
REFERENCE_STATES = 1_024
STRANGE = 20.0
"""Standard deviations from the mean beyond which a state is not simulated."""
LARGEST_ERROR = 1.0
"""Errors of a step are counted as at most this many standard deviations."""
EVERY = 4
"""Stride between the states of a window that count for the energy distance."""
MEASURES = ("plausible", "error", "distance", "fallen")


class Reference(NamedTuple):
    """What rollouts are compared with, from held-out data.

    Attributes:
        mean: `[S]` mean of the states.
        std: `[S]` standard deviation of the states.
        states: `[M, S]` standardized states.
        tolerance: Largest error of a plausible move, in standard deviations.
    """

    mean: np.ndarray
    std: np.ndarray
    states: np.ndarray
    tolerance: float


def make_reference(tokens: np.ndarray, is_last: np.ndarray, physics: Physics) -> Reference:
    """Measure held-out data.

    Args:
        tokens: `[N, S+A]` tokens of all episodes, one after another.
        is_last: `[N]` whether a token is the last of its episode.
        physics: Simulator.
    """
    rng = np.random.default_rng(0)
    states = tokens[:, : physics.state_dim].astype(float)
    mean = states.mean(axis=0)
    std = states.std(axis=0)
    rows = rng.choice(len(states), min(len(states), REFERENCE_STATES), replace=False)
    candidates = np.flatnonzero(~is_last)
    moves = rng.choice(candidates, min(len(candidates), CALIBRATION_MOVES), replace=False)
    pairs = tokens[moves[:, None] + np.arange(2)].astype(float)
    pairs[..., : physics.state_dim] += NOISE * std * rng.normal(size=(len(pairs), 2, len(std)))
    no_tolerance = Reference(mean, std, (states[rows] - mean) / std, tolerance=0.0)
    errors = step_errors(pairs, no_tolerance, physics)
    return no_tolerance._replace(tolerance=float(np.quantile(errors, QUANTILE)))


def step_errors(tokens: np.ndarray, reference: Reference, physics: Physics) -> np.ndarray:
    """Return the distances `[R, P]` of tokens `[R, P+1, S+A]` from what the simulator predicts.

    Each prediction is that of one step from the token before. Moves from or to a state that is not
    finite, or far from all data, have an infinite error.
    """
    before = tokens[:, :-1, : physics.state_dim].astype(float)
    after = tokens[:, 1:, : physics.state_dim].astype(float)
    action = tokens[:, 1:, physics.state_dim :].astype(float)
    regular = _is_regular(before, reference) & _is_regular(after, reference)
    regular &= np.isfinite(action).all(axis=-1)
    errors = np.full(regular.shape, np.inf)
    predicted = physics.step(before[regular], action[regular])
    squares = ((predicted - after[regular]) / reference.std) ** 2
    errors[regular] = np.sqrt(squares.mean(axis=-1))
    return errors


def have_fallen(tokens: np.ndarray, reference: Reference, physics: Physics) -> np.ndarray:
    """Return whether the robot has fallen by each token after the present, `[R, P]` bool."""
    states = tokens[:, 1:, : physics.state_dim].astype(float)
    healthy = _is_regular(states, reference)
    healthy[healthy] = physics.is_healthy(states[healthy])
    return np.logical_or.accumulate(~healthy, axis=1)


def _is_regular(states: np.ndarray, reference: Reference) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        near = np.abs(states - reference.mean) <= STRANGE * reference.std
    return np.asarray(near.all(axis=-1))


def energy_distances(states: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return values `[R]` of the rollouts, whose mean is the energy distance to the reference.

    Pairs of states of the same rollout, or of a reference state with itself, do not count, so the
    estimate has no bias and may be slightly negative. The spread of the values is that of the
    estimate's linear part, so that they can be resampled like any other measure of rollouts.

    Args:
        states: `[R, n, S]` standardized states of each rollout, at least two rollouts.
        reference: `[M, S]` standardized reference states.
    """
    rollouts, count, dim = states.shape
    flat = np.clip(np.nan_to_num(states, nan=STRANGE), -STRANGE, STRANGE).reshape(-1, dim)
    scale = 1 / np.sqrt(dim)
    to_reference = scale * cdist(flat, reference).reshape(rollouts, -1).mean(axis=1)
    between = scale * cdist(flat, flat).reshape(rollouts, count, rollouts, count).mean(axis=(1, 3))
    to_others = (between.sum(axis=1) - np.diag(between)) / (rollouts - 1)
    within = scale * cdist(reference, reference).sum() / (len(reference) * (len(reference) - 1))
    estimate = 2 * to_reference.mean() - to_others.mean() - within
    linear = 2 * (to_reference - to_others)
    return estimate + linear - linear.mean()


def measure_windows(
    tokens: np.ndarray, window: int, reference: Reference, physics: Physics
) -> dict[str, list]:
    """Return each measure of each rollout in each window, `[R, windows]`.

    Args:
        tokens: `[R, P+1, S+A]` rollouts, the observed present first.
        window: Tokens per window; P is a multiple of it.
        reference: What the rollouts are compared with.
        physics: Simulator.

    Returns:
        "plausible", the share of moves; "error", the median error of a step, in standard
        deviations; "distance", see `energy_distances`; and "fallen", whether the robot has fallen
        by the end of the window.
    """
    shape = (len(tokens), -1, window)
    errors = step_errors(tokens, reference, physics).reshape(shape)
    fallen = have_fallen(tokens, reference, physics).reshape(shape)
    states = (tokens[:, 1:, : physics.state_dim] - reference.mean) / reference.std
    windows = np.split(states, states.shape[1] // window, axis=1)
    distances = [energy_distances(w[:, ::EVERY], reference.states) for w in windows]
    values = {
        "plausible": (errors <= reference.tolerance).mean(axis=2),
        "error": np.minimum(np.median(errors, axis=2), LARGEST_ERROR),
        "distance": np.stack(distances, axis=1),
        "fallen": fallen[:, :, -1].astype(float),
    }
    return {name: value.round(5).tolist() for name, value in values.items()}
