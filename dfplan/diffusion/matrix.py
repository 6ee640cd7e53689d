"""Scheduling matrices: which noise level each token has after each sampling step.

A matrix is `[M+1, T]` of integers: row m holds the levels after m steps, from 0 (clean) to K (pure
noise). Levels start at K, never rise, and end at 0 (Chen et al. 2024, algorithm 2).
"""

from collections.abc import Sequence

import numpy as np

from dfplan.types import UserError
from dfplan.util.registry import Registry, parse_spec
from dfplan.util.validate import naming

ROUNDING = 1e-9
MAX_ALPHA = 100.0
CUSTOM = "custom"
MAX_ROWS = 100_000
MAX_ENTRIES = 10_000_000


def full_sequence(tokens: int, steps: int) -> np.ndarray:
    """Denoise all tokens together, as Diffuser does."""
    return _staircase(np.zeros(tokens), steps)


def autoregressive(tokens: int, steps: int, first: int = 0) -> np.ndarray:
    """Denoise each token to level 0 before the next one moves: next-token prediction.

    The first token may take fewer steps than the others, `first` of them (0 for as many), as the
    near future is almost certain: the first action is then ready sooner.

    Raises:
        UserError: If `first` is not from 0 to `steps`, or the matrix would be too large.
    """
    if not 0 <= first <= steps:
        raise UserError(f"first must be from 0 to {steps}, the denoising steps, got {first}")
    matrix = pyramid(tokens, steps, slope=steps)
    reached = np.rint(np.linspace(0, steps, (first or steps) + 1)).astype(int)
    return np.concatenate([matrix[reached], matrix[steps + 1 :]])


def grouped(tokens: int, steps: int, size: int) -> np.ndarray:
    """Denoise `size` tokens to level 0 together before the next ones move.

    Raises:
        UserError: If `size` is below 1.
    """
    if size < 1:
        raise UserError(f"a group needs at least 1 token, got {size}")
    return _staircase(steps * (np.arange(tokens) // size), steps)


def pyramid(tokens: int, steps: int, slope: float = 1.0) -> np.ndarray:
    """Start each token `slope` steps after the one before it: uncertainty grows with time.

    Slope 0 is full-sequence, slope `steps` autoregressive.

    Raises:
        UserError: If `slope` is out of range, or the matrix would be too large.
    """
    return _staircase(_delays(np.arange(tokens), slope), steps)


def trapezoid(tokens: int, steps: int, slope: float = 1.0) -> np.ndarray:
    """Denoise both ends first and the middle last, each token `slope` steps after its neighbor.

    Raises:
        UserError: If `slope` is out of range, or the matrix would be too large.
    """
    from_end = np.minimum(np.arange(tokens), np.arange(tokens)[::-1])
    return _staircase(_delays(from_end, slope), steps)


def horizon_aware(tokens: int, steps: int, alpha: float = 0.6) -> np.ndarray:
    """Finish each token at its own time, the first after one step and the last after all of them.

    All tokens fall from the first step on, near ones faster. Token i of T is clean after
    `1 + (i / (T - 1))**alpha * (steps - 1)` steps: the hit times of FASTER (arXiv 2603.19199),
    whose first action takes one step. The whole plan takes as many steps as full-sequence.

    Raises:
        UserError: If `alpha` is not above 0.
    """
    if not 0 < alpha <= MAX_ALPHA:
        raise UserError(f"alpha must be above 0 and at most {MAX_ALPHA}, got {alpha}")
    position = np.arange(tokens) / max(tokens - 1, 1)
    duration = 1 + position**alpha * (steps - 1)
    row = np.arange(steps + 1)[:, None]
    level = steps * (1 - row / duration)
    return np.ceil(level.clip(min=0) - ROUNDING).astype(np.int32)


def custom(tokens: int, steps: int, entries: Sequence[int]) -> np.ndarray:
    """Reshape a matrix that is written out row by row.

    Raises:
        UserError: If the entries do not fill rows of `tokens`, or are not a scheduling matrix.
    """
    if not entries or len(entries) % tokens:
        raise UserError(
            f"the matrix needs rows of {tokens} tokens from {steps} down to 0, one after the "
            f"other; got {len(entries)} numbers"
        )
    return check_matrix(np.array(entries).reshape(-1, tokens), tokens, steps)


MATRICES = Registry(
    "scheduling matrix",
    "dfplan.matrices",
    {
        "full_sequence": full_sequence,
        "autoregressive": autoregressive,
        "pyramid": pyramid,
        "trapezoid": trapezoid,
        "horizon_aware": horizon_aware,
        CUSTOM: custom,
    },
)
"""Functions of `tokens`, `steps` and parameters of their own that return a scheduling matrix."""


def make_matrix(
    spec: str, tokens: int, steps: int, custom_matrix: Sequence[int] = ()
) -> np.ndarray:
    """Return the scheduling matrix that a spec names, such as "pyramid:slope=2".

    Args:
        spec: Name of the matrix, with parameters if it has any.
        tokens: Number of tokens T.
        steps: Denoising steps per token, K.
        custom_matrix: Entries of the matrix "custom", row by row.

    Raises:
        UserError: If the spec is invalid, a value is out of range, or the result is not a
            scheduling matrix.
    """
    if tokens < 1 or steps < 1:
        raise UserError(
            f"scheduling matrix {spec!r} needs at least 1 token and 1 step, "
            f"got {tokens} and {steps}"
        )
    if parse_spec(spec)[0] == CUSTOM:
        return MATRICES.make(spec, tokens, steps, entries=custom_matrix)
    with naming(f"scheduling matrix {spec!r}"):
        return check_matrix(MATRICES.make(spec, tokens, steps), tokens, steps)


def without_first(matrix: np.ndarray, tokens: int) -> np.ndarray:
    """Return the matrix of the tokens after the first ones, which are clean from the start.

    Steps in which none of the others moves are left out.
    """
    others = matrix[:, tokens:]
    moves = (np.diff(others, axis=0) != 0).any(axis=1)
    return others[np.r_[True, moves]] if tokens else matrix


def check_matrix(matrix: np.ndarray, tokens: int, steps: int) -> np.ndarray:
    """Return a scheduling matrix as int32.

    Args:
        matrix: Candidate, `[M+1, T]`.
        tokens: Required number of tokens T.
        steps: Level K of pure noise.

    Raises:
        UserError: If it is not one; the message names the first violation and its place.
    """
    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or matrix.shape[1] != tokens or len(matrix) < 2:
        raise UserError(f"the matrix has shape {matrix.shape}; expected [M+1, {tokens}]")
    if not np.issubdtype(matrix.dtype, np.integer):
        raise UserError(f"the matrix holds {matrix.dtype}; expected integers 0 to {steps}")
    matrix = matrix.astype(np.int64)  # differences of unsigned integers are never negative
    for row, level in ((0, steps), (-1, 0)):
        if (matrix[row] != level).any():
            token = int(np.flatnonzero(matrix[row] != level)[0])
            name = "first" if row == 0 else "last"
            raise UserError(
                f"the matrix's {name} row has {matrix[row, token]} at token {token}; "
                f"it must be {level} at every token"
            )
    rises = np.argwhere(np.diff(matrix, axis=0) > 0)
    if len(rises):
        row, token = map(int, rises[0])
        raise UserError(
            f"the matrix rises from {matrix[row, token]} to {matrix[row + 1, token]} at "
            f"token {token}, row {row + 1}; levels may only fall"
        )
    return matrix.astype(np.int32)


def levels(matrix: np.ndarray, steps: int, rho: float = 1.0) -> np.ndarray:
    """Return the matrix as levels in [0, 1]: entry k of K is level (k / K)**rho.

    A rho above 1 spends more of the steps at low noise (the idea of Karras et al. 2022, equation 5,
    there in sigma).

    Raises:
        UserError: If `rho` is not above 0.
    """
    if not rho > 0:
        raise UserError(f"rho must be above 0, got {rho}")
    return ((matrix / steps) ** rho).astype(np.float32)


def _delays(position: np.ndarray, slope: float) -> np.ndarray:
    """Return the steps that each token waits before it moves."""
    if not 0 <= slope <= MAX_ROWS:
        raise UserError(f"slope must be in [0, {MAX_ROWS}] steps per token, got {slope}")
    return np.floor(slope * position + ROUNDING)  # 0.29 * 100 is 29


def _staircase(delay: np.ndarray, steps: int) -> np.ndarray:
    """Return the matrix in which token t waits `delay[t]` steps, then falls one level a step."""
    count = steps + int(delay.max()) + 1
    if count > MAX_ROWS or count * len(delay) > MAX_ENTRIES:
        raise UserError(
            f"the matrix would have {count} rows of {len(delay)} tokens; valid: at most {MAX_ROWS} "
            f"rows and {MAX_ENTRIES} entries"
        )
    rows = np.arange(count)
    return np.clip(steps + delay - rows[:, None], 0, steps).astype(np.int32)
