"""Flattening: order of the numbers, batches, and refused values."""

from collections import OrderedDict

import numpy as np
import pytest
from gymnasium import spaces

from dfplan.representation.flatten import flatten, length, shape_of
from dfplan.types import UserError


def box(*shape):
    return spaces.Box(-1, 1, shape)


NESTED = spaces.Dict({"b": spaces.Dict({"z": box(), "y": box(2)}), "a": box(2, 2)})
VALUE = {"b": {"z": 7.0, "y": [5, 6]}, "a": [[1, 2], [3, 4]], "extra": "ignored"}


def test_entries_are_sorted_by_name():
    shape = shape_of(NESTED)
    assert length(shape) == 7
    flat = flatten(VALUE, shape, "observation")
    assert flat.dtype == np.float32 and flat.tolist() == [1, 2, 3, 4, 5, 6, 7]


def test_the_order_of_entries_in_the_space_does_not_matter():
    ordered = spaces.Dict(OrderedDict(b=box(2), a=box(1)))
    assert list(ordered) == ["b", "a"] and shape_of(ordered) == (("a", (1,)), ("b", (2,)))


def test_a_batch_keeps_its_axes():
    shape = shape_of(NESTED)
    samples = [NESTED.sample() for _ in range(6)]
    batch = {
        "a": np.stack([s["a"] for s in samples]).reshape(3, 2, 2, 2),
        "b": {k: np.stack([s["b"][k] for s in samples]).reshape(3, 2, -1) for k in "zy"},
    }
    batch["b"]["z"] = batch["b"]["z"][..., 0]
    single = [flatten(s, shape, "observation") for s in samples]
    np.testing.assert_array_equal(flatten(batch, shape, "observation").reshape(6, 7), single)


def test_the_vector_is_a_copy():
    value = np.zeros(3, np.float32)
    flatten(value, (3,), "observation")[0] = 1
    assert value[0] == 0


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": VALUE["a"]}, ["has a and no b", "a, b"]),
        (VALUE | {"b": {"z": 7.0}}, ["observation 'b' has z and no y"]),
        (VALUE | {"a": [1, 2]}, ["observation 'a' has shape (2,); needed: (..., 2, 2)"]),
        (VALUE | {"b": np.zeros(3)}, ["observation 'b' is a ndarray; needed: a dict with y, z"]),
        (np.zeros(7), ["observation is a ndarray; needed: a dict with a, b"]),
    ],
)
def test_values_of_another_structure_are_refused(value, words):
    with pytest.raises(UserError) as caught:
        flatten(value, shape_of(NESTED), "observation")
    assert all(word in str(caught.value) for word in words), str(caught.value)
