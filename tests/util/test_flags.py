"""Flags: every usual form of a boolean is read, and nothing else."""

import numpy as np
import pytest

from dfplan.types import UserError
from dfplan.util.flags import as_flag, as_flags

REFUSED = ["False", "", b"1", 0.3, 2, -1, np.nan, [1, 0], [], None, {"a": 1}, 1j, [[1], [1, 0]]]
NUMBERS = [True, False, 1, 0, 1.0, 0.0]


@pytest.mark.parametrize("value", NUMBERS)
def test_booleans_and_numbers_are_flags_alone_and_in_arrays_of_one(value):
    for form in (
        value,
        [value],
        np.asarray(value),
        np.asarray([value]),
        np.asarray([value], object),
    ):
        assert as_flag(form, "success") is bool(value)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int64", "float16", "float32"])
def test_numbers_of_any_type_are_flags(dtype):
    assert as_flag(np.asarray([[1]], dtype), "success") is True
    assert as_flags(np.array([0, 1], dtype), "ends").tolist() == [False, True]


@pytest.mark.parametrize("value", REFUSED, ids=repr)
def test_anything_else_is_refused_by_value(value):
    with pytest.raises(UserError) as caught:
        as_flag(value, "success")
    message = str(caught.value)
    assert repr(value) in message and "0 or 1" in message and "\n" not in message


@pytest.mark.parametrize(
    "values",
    [
        np.array(["True", "false", " TRUE "]),
        np.array([b"1", b"0", b"true"]),
        np.array([True, "False", b"1"], object),
    ],
)
def test_words_are_flags_in_files(values):
    assert as_flags(values, "ends").tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("values", "row", "shown"),
    [
        (np.array([0, 1, np.nan]), 2, "nan"),
        (np.array([0, 3]), 1, "3"),
        (np.array([0.5, 1]), 0, "0.5"),
        (np.array(["True", "maybe"]), 1, "'maybe'"),
        (np.array([1, None], object), 1, "None"),
        (np.array(["x" * 5000]), 0, "xxx..."),
    ],
)
def test_the_first_bad_row_is_named(values, row, shown):
    with pytest.raises(UserError) as caught:
        as_flags(values, "ends")
    message = str(caught.value)
    assert f"row {row}," in message and shown in message and len(message) < 200
