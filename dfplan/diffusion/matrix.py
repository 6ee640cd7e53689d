"""Scheduling matrices: which noise level each token has after each sampling step.

A matrix is `[M+1, T]` of integers: row m holds the levels after m steps, 0 (clean) to K (pure
noise). Rows start at K, never rise and end at 0 (Chen et al. 2024, algorithm 2).
"""

import math
from typing import NamedTuple

import numpy as np

from dfplan.types import UserError, check_choice

ROUNDING = 1e-9
MATRICES = ("full_sequence", "autoregressive", "pyramid", "trapezoid", "custom")


def full_sequence(tokens: int, steps: int) -> np.ndarray:
    """All tokens fall together: Diffuser's sampling."""
    return _staircase(np.zeros(tokens), steps)


def autoregressive(tokens: int, steps: int) -> np.ndarray:
    """Each token falls to 0 before the next one moves: next-token prediction."""
    return pyramid(tokens, steps, slope=steps)


def grouped(tokens: int, steps: int, size: int) -> np.ndarray:
    """`size` tokens fall to 0 together before the next ones move: `autoregressive` by groups.

    Raises:
        UserError: when `size` is below 1.
    """
    if size < 1:
        raise UserError(f"a group needs at least 1 token, got {size}")
    return _staircase(steps * (np.arange(tokens) // size), steps)


def pyramid(tokens: int, steps: int, slope: float = 1.0) -> np.ndarray:
    """Token t starts `slope * t` steps after the first one: uncertainty grows with time.

    Slope 0 is full-sequence, slope `steps` autoregressive.

    Raises:
        UserError: when `slope` is negative.
    """
    return _staircase(_ramp(np.arange(tokens), slope), steps)


def trapezoid(tokens: int, steps: int, slope: float = 1.0) -> np.ndarray:
    """Both ends fall first and the middle last, by `slope` levels per token.

    Raises:
        UserError: when `slope` is negative.
    """
    from_end = np.minimum(np.arange(tokens), np.arange(tokens)[::-1])
    return _staircase(_ramp(from_end, slope), steps)


def _ramp(place: np.ndarray, slope: float) -> np.ndarray:
    if not (slope >= 0 and math.isfinite(slope)):
        raise UserError(f"slope must be at least 0 levels per token, got {slope}")
    return np.floor(slope * place + ROUNDING)  # 0.29 * 100 is 29


def _staircase(delay: np.ndarray, steps: int) -> np.ndarray:
    """Rows in which token t starts to fall after `delay[t]` steps, one level a step."""
    rows = np.arange(steps + int(delay.max()) + 1)
    return np.clip(steps + delay - rows[:, None], 0, steps).astype(np.int32)


def check_matrix(matrix: np.ndarray, tokens: int, steps: int) -> np.ndarray:
    """A scheduling matrix as int32, if it is one.

    Args:
        matrix: candidate, `[M+1, T]`.
        tokens: T it must have.
        steps: K, its pure noise.

    Raises:
        UserError: naming the first thing that is wrong, and where.
    """
    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or matrix.shape[1] != tokens or len(matrix) < 2:
        raise UserError(f"scheduling matrix has shape {matrix.shape}; expected [M+1, {tokens}]")
    if not np.issubdtype(matrix.dtype, np.integer):
        raise UserError(f"scheduling matrix holds {matrix.dtype}; expected integers 0 to {steps}")
    matrix = matrix.astype(np.int64)  # differences of unsigned integers never fall
    for row, wanted in ((0, steps), (-1, 0)):
        if (matrix[row] != wanted).any():
            token = int(np.flatnonzero(matrix[row] != wanted)[0])
            name = "first" if row == 0 else "last"
            raise UserError(
                f"scheduling matrix's {name} row has {matrix[row, token]} at token {token}; "
                f"it must be {wanted} at every token"
            )
    rises = np.argwhere(np.diff(matrix, axis=0) > 0)
    if len(rises):
        row, token = map(int, rises[0])
        raise UserError(
            f"scheduling matrix rises from {matrix[row, token]} to {matrix[row + 1, token]} at "
            f"token {token}, row {row + 1}; a level may only fall"
        )
    return matrix.astype(np.int32)


def make_matrix(
    name: str,
    tokens: int,
    steps: int,
    slope: float = 1.0,
    rows: tuple[int, ...] = (),
) -> np.ndarray:
    """The matrix of that name over `tokens` tokens with `steps` levels.

    Args:
        name: one of `MATRICES`.
        tokens: T.
        steps: K.
        slope: of "pyramid" and "trapezoid".
        rows: of "custom", one after the other.

    Raises:
        UserError: on an unknown name, a value out of range, or rows that are no such matrix.
    """
    check_choice("matrix", name, MATRICES)
    if tokens < 1 or steps < 1:
        raise UserError(f"a matrix needs at least 1 token and 1 step, got {tokens} and {steps}")
    if name == "custom":
        if not rows or len(rows) % tokens:
            raise UserError(
                f"matrix 'custom' needs rows of {tokens} tokens from {steps} down to 0, one after "
                f"the other; got {len(rows)} numbers"
            )
        return check_matrix(np.array(rows).reshape(-1, tokens), tokens, steps)
    if name in ("pyramid", "trapezoid"):
        return {"pyramid": pyramid, "trapezoid": trapezoid}[name](tokens, steps, slope)
    return {"full_sequence": full_sequence, "autoregressive": autoregressive}[name](tokens, steps)


def levels(matrix: np.ndarray, steps: int, rho: float = 1.0) -> np.ndarray:
    """Levels in [0, 1] of a matrix: k of K stands at (k / K)**rho.

    A rho above 1 places more of the steps at low noise (Karras et al. 2022, equation 5, has the
    same idea in sigma).

    Raises:
        UserError: when `rho` is not above 0.
    """
    if not rho > 0:
        raise UserError(f"rho must be above 0, got {rho}")
    return ((matrix / steps) ** rho).astype(np.float32)


class ActiveWindows(NamedTuple):
    """Which tokens each step of a phase has to compute: `width` of them from `start[m]` on.

    Attributes:
        start: [M] int32, one for each step.
        width: tokens per step, the same for all steps, so that one program serves them.
    """

    start: np.ndarray
    width: int


PHASES = 2
"""Of sampling with windows to the end. Each is a network to compile: four of them save a tenth of a
plan more, and take twice as long to compile as two."""


def all_tokens(matrix: np.ndarray) -> ActiveWindows:
    """Windows that leave nothing out."""
    return ActiveWindows(np.zeros(len(matrix) - 1, np.int32), matrix.shape[1])


def windows(matrix: np.ndarray) -> ActiveWindows:
    """The windows that make cached sampling equal to computing every token at every step.

    In a causal network a token depends on those before it alone. So a step needs no token behind
    the last one that moves; and of those before, only the ones whose cached keys and values are
    stale: everything from the first token that the step before has moved.
    """
    first, last = _needed(matrix)
    width = int((last - first).max(initial=0)) + 1
    return ActiveWindows(np.minimum(first, matrix.shape[1] - width).astype(np.int32), width)


def windows_to_end(matrix: np.ndarray) -> tuple[ActiveWindows, ...]:
    """Windows without the tokens that are complete, for what looks at all tokens after those.

    They reach to the last token, so they get narrower as sampling goes on: in at most `PHASES`
    phases, one after the other, each with as many steps as its `start` has entries.
    """
    tokens = matrix.shape[1]
    first, _ = _needed(matrix)
    never_back = np.minimum.accumulate(first[::-1])[::-1]
    size = -(-tokens // PHASES)
    begins, steps = np.unique(never_back // size * size, return_counts=True)
    return tuple(
        ActiveWindows(np.full(count, begin, np.int32), tokens - int(begin))
        for begin, count in zip(begins, steps, strict=True)
    )


def _needed(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first and the last token that each step needs."""
    stale, first, last = 0, [], []
    for moves in np.diff(matrix, axis=0) != 0:
        moved = np.flatnonzero(moves)
        begin, end = (moved[0], moved[-1]) if len(moved) else (stale, stale)
        first.append(min(begin, stale))
        last.append(end)
        stale = begin
    return np.array(first, int), np.array(last, int)
