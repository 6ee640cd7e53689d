"""Active windows: a cache that follows them never reads a stale entry, and none is too wide."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dfplan.diffusion.active_windows import windows, windows_to_end
from dfplan.diffusion.matrix import (
    autoregressive,
    check_matrix,
    full_sequence,
    make_matrix,
    pyramid,
)

SPECS = ["full_sequence", "autoregressive"] + [
    f"{name}:slope={slope}" for name in ("pyramid", "trapezoid") for slope in (0.5, 1.0, 3.0)
]


@st.composite
def matrices(draw):
    """Draw monotone matrices in which tokens jump, rest and move in any order; some rows idle."""
    tokens = draw(st.integers(1, 7))
    steps = draw(st.integers(1, 4))
    rows = [[steps] * tokens]
    for _ in range(draw(st.integers(0, 10))):
        falls = draw(st.lists(st.sampled_from([0, 0, 0, 1, 2]), min_size=tokens, max_size=tokens))
        rows.append([max(level - fall, 0) for level, fall in zip(rows[-1], falls, strict=True)])
    rows.append([0] * tokens)
    return check_matrix(np.array(rows), tokens, steps)


def follow_cache(matrix, *windows):
    """Simulate a cache through the steps and assert that no stale entry is read.

    `version[t]` counts the changes of token t's value. The cached entry of t depends on the
    versions of tokens 0..t when it was computed, and is fresh while these are current.
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
def test_windows_cover_all_tokens_that_move_or_are_stale(matrix):
    follow_cache(matrix, windows(matrix))
    follow_cache(matrix, *windows_to_end(matrix))


@pytest.mark.parametrize(("tokens", "steps"), [(1, 1), (1, 4), (5, 1), (6, 4), (7, 10)])
@pytest.mark.parametrize("spec", SPECS)
def test_windows_of_named_matrices(spec, tokens, steps):
    matrix = make_matrix(spec, tokens, steps)
    follow_cache(matrix, windows(matrix))


@pytest.mark.parametrize("spec", ["full_sequence", "autoregressive", "pyramid", "trapezoid"])
def test_a_narrower_window_would_read_stale_entries(spec):
    matrix = make_matrix(spec, 5, 3)
    best = windows(matrix)
    with pytest.raises(AssertionError):
        follow_cache(matrix, best._replace(width=best.width - 1))


def test_windows_to_end_leave_out_complete_tokens():
    for matrix in (autoregressive(8, 4), pyramid(8, 4), full_sequence(8, 4)):
        phases = windows_to_end(matrix)
        assert phases[0].width == 8 and all(w.start[0] + w.width == 8 for w in phases)
    # Four steps per token, and one more in which it is stale.
    phases = windows_to_end(autoregressive(8, 4))
    assert [(len(w.start), w.width) for w in phases] == [(17, 8), (15, 4)]
    assert len(windows_to_end(full_sequence(8, 4))) == 1


def test_widths_are_minimal():
    assert windows(autoregressive(6, 4)).width == 2
    assert windows(autoregressive(6, 1)).width == 2
    assert windows(autoregressive(1, 4)).width == 1
    assert windows(full_sequence(6, 4)).width == 6
    # K tokens move at once, and the one that has just become clean is stale.
    assert windows(pyramid(10, 4)).width == 5
    assert windows(pyramid(10, 4, 2)).width == 3
