"""Training warns of dimensions that may hold drift alone."""

import dataclasses
import types
import warnings

import numpy as np
import pytest

from dfplan.cli import _plain_warnings
from dfplan.representation.normalizer import Normalizer
from dfplan.runs.fit import _warn_of_narrow


def layout(origin=0):
    return types.SimpleNamespace(
        observation_dim=2,
        state_dim=3,
        action_dim=1,
        to_global=lambda state: state + origin,
    )


STATES = Normalizer(np.array([0.7, 2.0, 5.0], np.float32), np.array([1e-5, 1, 1], np.float32))
ACTIONS = Normalizer(np.array([0.0], np.float32), np.array([0.5], np.float32))


def test_a_narrow_dimension_is_named():
    with pytest.warns(UserWarning, match="observation 0 varies by only 1e-05.*around 0.7"):
        _warn_of_narrow(layout(), STATES, ACTIONS)


def test_the_magnitude_counts_in_the_coordinates_of_the_dataset():
    local = dataclasses.replace(STATES, mean=np.zeros(3, np.float32))
    with pytest.warns(UserWarning, match="observation 0 varies by only 1e-05.*around 0.7"):
        _warn_of_narrow(layout(origin=np.array([0.7, 0, 0])), local, ACTIONS)


def test_nothing_is_said_about_motion():
    wide = dataclasses.replace(STATES, std=np.ones(3, np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _warn_of_narrow(layout(), wide, ACTIONS)


def test_the_command_line_prints_warnings_as_one_line():
    with _plain_warnings():
        own = warnings.formatwarning("drift", UserWarning, _warn_of_narrow.__code__.co_filename, 1)
        other = warnings.formatwarning("drift", UserWarning, "/other.py", 1)
    assert own == "warning: drift\n"
    assert other.startswith("/other.py:1: UserWarning")
