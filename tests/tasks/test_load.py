"""Functions are loaded by "module:function", and nothing that only a file names."""

import os

import pytest

from dfplan.tasks.load import load_function
from dfplan.types import UserError


def test_load_function():
    assert load_function("os.path:join") is os.path.join


@pytest.mark.parametrize(
    "path", ["", "os", "os:", ":join", "os:nothing", "no_such_module:f", ".os:f", "os:sep"]
)
def test_load_function_names_the_expected_form(path):
    with pytest.raises(UserError, match="expected 'module:function'") as error:
        load_function(path)
    assert repr(path) in str(error.value) and "\n" not in str(error.value)
