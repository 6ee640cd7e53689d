"""Errors that Orbax's threads meet after an operation has failed are not printed."""

import sys
import types
from typing import Any

import pytest

from dfplan.training.quiet_threads import UnraisableFilter, quiet_threads


@pytest.fixture
def shown(monkeypatch):
    """The errors that reach the hook which was there before."""
    errors = []
    monkeypatch.setattr(sys, "unraisablehook", errors.append)
    return errors


def unraisable(message) -> Any:
    return types.SimpleNamespace(exc_value=RuntimeError(message), object=None)


def test_late_errors_of_a_failed_operation_are_dropped_and_others_shown(shown):
    with pytest.raises(ValueError, match="full"), quiet_threads():
        raise ValueError("full")
    other = unraisable("other")
    sys.unraisablehook(unraisable("Event loop is closed"))
    sys.unraisablehook(other)
    assert shown == [other]


def test_the_filter_is_installed_once(shown):
    for _ in range(2):
        with pytest.raises(ValueError, match="full"), quiet_threads():
            raise ValueError("full")
    assert isinstance(sys.unraisablehook, UnraisableFilter)
    assert sys.unraisablehook._show == shown.append


def test_a_success_leaves_no_filter(shown):
    with quiet_threads():
        pass
    assert sys.unraisablehook == shown.append
