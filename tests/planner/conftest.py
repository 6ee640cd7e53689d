"""Fixtures of the tests of planners."""

import pytest


@pytest.fixture
def registered(monkeypatch):
    """Return a function that registers a choice for one test."""

    def register(registry, choice):
        monkeypatch.setattr(registry, "_objects", {**registry._objects, "mine": choice})

    return register
