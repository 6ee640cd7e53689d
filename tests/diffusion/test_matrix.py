"""Scheduling matrices against rows written by hand, and what `make_matrix` refuses."""

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
    horizon_aware,
    levels,
    make_matrix,
    pyramid,
    trapezoid,
    without_first,
)
from dfplan.types import UserError

SIZES = pytest.mark.parametrize(("tokens", "steps"), [(1, 1), (1, 4), (5, 1), (6, 4), (7, 10)])
SPECS = ["full_sequence", "autoregressive"] + [
    f"{name}:slope={slope}" for name in ("pyramid", "trapezoid") for slope in (0, 0.3, 1.0, 2.5)
]


@SIZES
@pytest.mark.parametrize("spec", SPECS)
def test_matrices_are_valid(spec, tokens, steps):
    matrix = make_matrix(spec, tokens, steps)
    np.testing.assert_array_equal(check_matrix(matrix, tokens, steps), matrix)
    assert matrix.dtype == np.int32
    assert (np.diff(matrix, axis=0) >= -1).all()


def test_by_hand():
    assert full_sequence(3, 2).tolist() == [[2, 2, 2], [1, 1, 1], [0, 0, 0]]
    assert autoregressive(2, 2).tolist() == [[2, 2], [1, 2], [0, 2], [0, 1], [0, 0]]
    assert pyramid(3, 2).tolist() == [[2, 2, 2], [1, 2, 2], [0, 1, 2], [0, 0, 1], [0, 0, 0]]
    assert trapezoid(4, 1).tolist() == [[1, 1, 1, 1], [0, 1, 1, 0], [0, 0, 0, 0]]


@SIZES
def test_slope_0_is_full_sequence_and_slope_k_autoregressive(tokens, steps):
    np.testing.assert_array_equal(pyramid(tokens, steps, 0), full_sequence(tokens, steps))
    np.testing.assert_array_equal(pyramid(tokens, steps, steps), autoregressive(tokens, steps))


def test_the_first_token_may_take_fewer_steps():
    assert autoregressive(2, 3, first=1).tolist() == [[3, 3], [0, 3], [0, 2], [0, 1], [0, 0]]
    assert autoregressive(1, 4, first=2).tolist() == [[4], [2], [0]]
    np.testing.assert_array_equal(make_matrix("autoregressive:first=3", 5, 3), autoregressive(5, 3))
    for first in (-1, 4):
        with pytest.raises(UserError, match=f"0 to 3.*{first}"):
            make_matrix(f"autoregressive:first={first}", 5, 3)


@SIZES
def test_autoregressive_moves_one_token_at_a_time(tokens, steps):
    matrix = autoregressive(tokens, steps)
    assert len(matrix) == tokens * steps + 1
    assert ((np.diff(matrix, axis=0) != 0).sum(axis=1) == 1).all()


@SIZES
@pytest.mark.parametrize("alpha", [0.3, 1.0, 5.0])
def test_horizon_aware_finishes_each_token_at_its_own_time(tokens, steps, alpha):
    matrix = horizon_aware(tokens, steps, alpha)
    np.testing.assert_array_equal(check_matrix(matrix, tokens, steps), matrix)
    finished = (matrix == 0).argmax(axis=0)
    share = np.arange(tokens) / max(tokens - 1, 1)
    hit_time = (1 - share**alpha) * (1 - 1 / steps)  # FASTER's u_i, from 1 (noise) to 0
    expected = np.ceil(steps * (1 - hit_time) - 1e-9)
    np.testing.assert_array_equal(finished, expected)
    assert finished[0] == 1 and len(matrix) == steps + 1
    assert (np.diff(matrix, axis=1) >= 0).all()  # near tokens are never behind far ones


def test_horizon_aware_by_hand_and_its_bounds():
    assert horizon_aware(3, 3, 1.0).T.tolist() == [[3, 0, 0, 0], [3, 2, 0, 0], [3, 2, 1, 0]]
    for alpha in (0, -1, 1e9, math.nan):
        with pytest.raises(UserError, match=f"alpha .* {alpha}"):
            horizon_aware(3, 3, alpha)


@pytest.mark.parametrize("spec", ["full_sequence", "autoregressive", "pyramid", "horizon_aware"])
def test_without_first_tokens(spec):
    matrix = make_matrix(spec, 6, 4)
    np.testing.assert_array_equal(without_first(matrix, 0), matrix)
    others = without_first(matrix, 2)
    np.testing.assert_array_equal(check_matrix(others, 4, 4), others)
    assert (np.diff(others, axis=0) != 0).any(axis=1).all()
    if spec != "horizon_aware":
        np.testing.assert_array_equal(others, make_matrix(spec, 4, 4))


@given(st.integers(1, 120), st.integers(1, 12), st.integers(0, 300))
@example(101, 3, 29)  # 0.29 * 100 is 28.999999999999996 in floating point
@settings(max_examples=100, deadline=None)
def test_fractional_slopes(tokens, steps, hundredths):
    matrix = pyramid(tokens, steps, hundredths / 100)
    delay = [math.floor(Fraction(hundredths, 100) * t) for t in range(tokens)]
    expected = [
        [min(max(steps + d - m, 0), steps) for d in delay] for m in range(steps + max(delay) + 1)
    ]
    assert matrix.tolist() == expected


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
def test_invalid_custom_rows_are_named(rows, words):
    with pytest.raises(UserError) as error:
        make_matrix("custom", 3, 2, custom_matrix=sum(rows, ()))
    assert all(word in str(error.value) for word in words), error.value
    assert "\n" not in str(error.value)


INVALID = {
    "name": lambda: make_matrix("pyramids", 3, 2),
    "tokens": lambda: make_matrix("full_sequence", 0, 2),
    "steps": lambda: make_matrix("full_sequence", 3, 0),
    "negative slope": lambda: make_matrix("pyramid:slope=-1", 3, 2),
    "nan slope": lambda: make_matrix("trapezoid:slope=nan", 3, 2),
    "infinite slope": lambda: make_matrix("pyramid:slope=inf", 3, 2),
    "key": lambda: make_matrix("full_sequence:slope=1", 3, 2),
    "dimensions": lambda: check_matrix(np.zeros((3, 3, 3), int), 3, 2),
    "width": lambda: check_matrix(full_sequence(4, 2), 3, 2),
    "rho": lambda: levels(full_sequence(3, 2), 2, rho=0),
}


@pytest.mark.parametrize("what", INVALID)
def test_invalid_arguments_are_refused(what):
    with pytest.raises(UserError):
        INVALID[what]()


def test_registered_matrices_are_checked(monkeypatch):
    monkeypatch.setattr(MATRICES, "_objects", {})  # unregistered again after the test
    MATRICES.register("one_step", lambda tokens, steps, last=0: np.array([[steps] * 3, [last] * 3]))
    assert make_matrix("one_step", 3, 2).tolist() == [[2, 2, 2], [0, 0, 0]]
    with pytest.raises(UserError, match="last row has 1"):
        make_matrix("one_step:last=1", 3, 2)


def test_custom_rows_are_kept():
    rows = ((2, 2), (2, 0), (2, 0), (1, 0), (0, 0))
    matrix = make_matrix("custom", 2, 2, custom_matrix=sum(rows, ()))
    assert matrix.dtype == np.int32
    assert matrix.tolist() == [list(row) for row in rows]
    # In unsigned arithmetic a falling level would look like a rising one.
    np.testing.assert_array_equal(check_matrix(np.array(rows, np.uint8), 2, 2), rows)


def test_levels():
    matrix = np.array([[4, 4], [2, 3], [0, 0]])
    assert levels(matrix, 4).tolist() == [[1, 1], [0.5, 0.75], [0, 0]]
    assert levels(matrix, 4, rho=2).tolist() == [[1, 1], [0.25, 0.5625], [0, 0]]
    assert levels(matrix, 4).dtype == np.float32
