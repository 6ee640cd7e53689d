"""Scheduling matrices and the windows in which they are computed."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dfplan.diffusion.matrix import (
    MATRICES,
    autoregressive,
    check_matrix,
    full_sequence,
    levels,
    make_matrix,
    pyramid,
    trapezoid,
    windows,
    windows_to_end,
)
from dfplan.types import UserError

SIZES = pytest.mark.parametrize(("tokens", "steps"), [(1, 1), (1, 4), (5, 1), (6, 4), (7, 10)])
NAMED = [name for name in MATRICES if name != "custom"]


@SIZES
@pytest.mark.parametrize("slope", [0.0, 0.3, 1.0, 2.5])
@pytest.mark.parametrize("name", NAMED)
def test_every_matrix_is_one(name, slope, tokens, steps):
    matrix = make_matrix(name, tokens, steps, slope=slope)
    np.testing.assert_array_equal(check_matrix(matrix, tokens, steps), matrix)
    assert matrix.dtype == np.int32
    assert (np.diff(matrix, axis=0) >= -1).all()


def test_by_hand():
    assert full_sequence(3, 2).tolist() == [[2, 2, 2], [1, 1, 1], [0, 0, 0]]
    assert autoregressive(2, 2).tolist() == [[2, 2], [1, 2], [0, 2], [0, 1], [0, 0]]
    assert pyramid(3, 2).tolist() == [[2, 2, 2], [1, 2, 2], [0, 1, 2], [0, 0, 1], [0, 0, 0]]
    assert trapezoid(4, 1).tolist() == [[1, 1, 1, 1], [0, 1, 1, 0], [0, 0, 0, 0]]


@SIZES
def test_slopes_between_full_sequence_and_autoregressive(tokens, steps):
    np.testing.assert_array_equal(pyramid(tokens, steps, 0), full_sequence(tokens, steps))
    np.testing.assert_array_equal(pyramid(tokens, steps, steps), autoregressive(tokens, steps))


@SIZES
def test_autoregressive_moves_one_token_at_a_time(tokens, steps):
    matrix = autoregressive(tokens, steps)
    assert len(matrix) == tokens * steps + 1
    assert ((np.diff(matrix, axis=0) != 0).sum(axis=1) == 1).all()


@given(st.integers(1, 120), st.integers(1, 12), st.integers(0, 300))
@example(101, 3, 29)  # 0.29 * 100 is 28.999999999999996 in floating point
@settings(max_examples=100, deadline=None)
def test_fractional_slopes(tokens, steps, hundredths):
    matrix = pyramid(tokens, steps, hundredths / 100)
    delay = [math.floor(Fraction(hundredths, 100) * t) for t in range(tokens)]
    wanted = [
        [min(max(steps + d - m, 0), steps) for d in delay] for m in range(steps + max(delay) + 1)
    ]
    assert matrix.tolist() == wanted


@pytest.mark.parametrize("slope", [0, 0.5, 1, 3])
@pytest.mark.parametrize("tokens", [1, 4, 7])
def test_trapezoid_is_symmetric_with_the_middle_last(tokens, slope):
    matrix = trapezoid(tokens, 5, slope)
    np.testing.assert_array_equal(matrix, matrix[:, ::-1])
    left = matrix[:, : (tokens + 1) // 2]
    assert (np.diff(left, axis=1) >= 0).all()
    np.testing.assert_array_equal(left, pyramid((tokens + 1) // 2, 5, slope))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ((), ["rows of 3 tokens from 2 down to 0", "got 0 numbers"]),
        (((2, 2, 2),), ["(1, 3)"]),
        (((2, 2), (0, 0)), ["4 numbers", "3 tokens"]),
        (((2, 2, 2), (1.5, 1, 1), (0, 0, 0)), ["float64", "integers 0 to 2"]),
        (((True, True, True), (False, False, False)), ["bool"]),
        (((2, 1, 2), (0, 0, 0)), ["first row", "has 1", "token 1", "must be 2"]),
        (((3, 2, 2), (0, 0, 0)), ["first row", "has 3", "token 0"]),
        (((2, 2, 2), (0, 0, 1)), ["last row", "has 1", "token 2", "must be 0"]),
        (((2, 2, 2), (0, 0, -1)), ["last row", "has -1", "token 2"]),
        (
            ((2, 2, 2), (1, 2, 1), (1, 1, 2), (0, 0, 0)),
            ["rises from 1 to 2", "token 2", "row 2", "only fall"],
        ),
    ],
)
def test_bad_custom_rows_are_named(rows, words):
    with pytest.raises(UserError) as error:
        make_matrix("custom", 3, 2, rows=sum(rows, ()))
    assert all(word in str(error.value) for word in words), error.value
    assert "\n" not in str(error.value)


BAD = {
    "name": lambda: make_matrix("pyramids", 3, 2),
    "tokens": lambda: make_matrix("full_sequence", 0, 2),
    "steps": lambda: make_matrix("full_sequence", 3, 0),
    "negative slope": lambda: make_matrix("pyramid", 3, 2, slope=-1),
    "nan slope": lambda: make_matrix("trapezoid", 3, 2, slope=float("nan")),
    "infinite slope": lambda: make_matrix("pyramid", 3, 2, slope=float("inf")),
    "dimensions": lambda: check_matrix(np.zeros((3, 3, 3), int), 3, 2),
    "width": lambda: check_matrix(full_sequence(4, 2), 3, 2),
    "rho": lambda: levels(full_sequence(3, 2), 2, rho=0),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_arguments(what):
    with pytest.raises(UserError):
        BAD[what]()


def test_custom_rows_are_taken_as_they_are():
    rows = ((2, 2), (2, 0), (2, 0), (1, 0), (0, 0))
    matrix = make_matrix("custom", 2, 2, rows=sum(rows, ()))
    assert matrix.dtype == np.int32
    assert matrix.tolist() == [list(row) for row in rows]
    # In unsigned arithmetic a fall looks like a rise.
    np.testing.assert_array_equal(check_matrix(np.array(rows, np.uint8), 2, 2), rows)


def test_levels():
    matrix = np.array([[4, 4], [2, 3], [0, 0]])
    assert levels(matrix, 4).tolist() == [[1, 1], [0.5, 0.75], [0, 0]]
    assert levels(matrix, 4, rho=2).tolist() == [[1, 1], [0.25, 0.5625], [0, 0]]
    assert levels(matrix, 4).dtype == np.float32


@st.composite
def matrices(draw):
    """Random monotone matrices; tokens jump, rest, and move in any order; some rows are idle."""
    tokens, steps = draw(st.integers(1, 7)), draw(st.integers(1, 4))
    rows = [[steps] * tokens]
    for _ in range(draw(st.integers(0, 10))):
        falls = draw(st.lists(st.sampled_from([0, 0, 0, 1, 2]), min_size=tokens, max_size=tokens))
        rows.append([max(level - fall, 0) for level, fall in zip(rows[-1], falls, strict=True)])
    rows.append([0] * tokens)
    return check_matrix(np.array(rows), tokens, steps)


def follow_cache(matrix, *windows):
    """Walk a cache through the steps, asserting that nothing stale is ever read.

    `version[t]` counts the changes of token t's value. The cached entry of t was computed from the
    versions of tokens 0..t that it saw, and is fresh while these still stand.
    """
    tokens = matrix.shape[1]
    version = [0] * tokens
    cached = [None] * tokens
    ranges = [(begin, begin + window.width) for window in windows for begin in window.start]
    for (begin, end), moves in zip(ranges, np.diff(matrix, axis=0) != 0, strict=True):
        assert begin >= 0 and end <= tokens
        moving = np.flatnonzero(moves)
        for t in range(moving[-1] + 1 if len(moving) else 0):
            fresh = cached[t] == version[: t + 1]
            assert begin <= t < end or (fresh and t not in moving), (t, begin, end)
        for t in range(begin, end):
            cached[t] = version[: t + 1]
        for t in moving:
            version[t] += 1


@given(matrices())
@settings(max_examples=300, deadline=None)
def test_windows_compute_all_that_moves_or_is_stale(matrix):
    follow_cache(matrix, windows(matrix))
    follow_cache(matrix, *windows_to_end(matrix))


@SIZES
@pytest.mark.parametrize("slope", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("name", NAMED)
def test_windows_of_named_matrices(name, slope, tokens, steps):
    matrix = make_matrix(name, tokens, steps, slope=slope)
    follow_cache(matrix, windows(matrix))


@pytest.mark.parametrize("name", NAMED)
def test_a_narrower_window_would_read_stale_entries(name):
    matrix = make_matrix(name, 5, 3)
    best = windows(matrix)
    with pytest.raises(AssertionError):
        follow_cache(matrix, best._replace(width=best.width - 1))


def test_windows_to_the_end_leave_out_what_is_complete():
    for matrix in (autoregressive(8, 4), pyramid(8, 4), full_sequence(8, 4)):
        phases = windows_to_end(matrix)
        assert phases[0].width == 8 and all(w.start[0] + w.width == 8 for w in phases)
    # Four steps of each token, and one more in which it is stale.
    phases = windows_to_end(autoregressive(8, 4))
    assert [(len(w.start), w.width) for w in phases] == [(17, 8), (15, 4)]
    assert len(windows_to_end(full_sequence(8, 4))) == 1


def test_widths_are_the_smallest():
    assert windows(autoregressive(6, 4)).width == 2
    assert windows(autoregressive(6, 1)).width == 2
    assert windows(autoregressive(1, 4)).width == 1
    assert windows(full_sequence(6, 4)).width == 6
    # K tokens move at once, and the one that has just come to rest is stale.
    assert windows(pyramid(10, 4)).width == 5
    assert windows(pyramid(10, 4, 2)).width == 3
