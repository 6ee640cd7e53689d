"""Whether a function can be called as documented."""

import functools

import pytest

from dfplan.types import UserError
from dfplan.util.signature import check_call


class Adder:
    def __init__(self, start, *, step=1):
        self.start = start

    def __call__(self, a, b):
        return a + b


@pytest.mark.parametrize(
    ("function", "args", "named"),
    [
        (lambda a, b: a, "ab", ()),
        (lambda *args, **kwargs: args, "abc", ("d",)),
        (Adder(1), "ab", ()),
        (Adder, ("start",), ("step",)),
        (functools.partial(lambda a, b, c: a, 1), "bc", ()),
        (min, "abc", ()),
    ],
)
def test_functions_that_can(function, args, named):
    check_call("it", function, args, named)


@pytest.mark.parametrize(
    ("function", "args", "named", "words"),
    [
        (lambda a: a, "ab", (), ["it takes (a)", "function of (a, b)"]),
        (lambda a, *, c: a, "a", ("b",), ["(a, *, c)", "function of (a, b=)"]),
        (Adder(1), "abc", (), ["it takes (a, b)"]),
        (Adder, (), (), ["it takes (start, *, step=1)", "'start'"]),
        (5, "a", (), ["it is a int", "function of (a)"]),
    ],
)
def test_functions_that_cannot(function, args, named, words):
    with pytest.raises(UserError) as caught:
        check_call("it", function, args, named)
    assert all(word in str(caught.value) for word in words), str(caught.value)
