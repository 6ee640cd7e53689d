"""A reader of the tutorial gets a planner that reaches goals."""

import pytest

from .pages import ROOT, Shell, run_page


@pytest.mark.slow
def test_the_tutorial_reaches_goals(place, monkeypatch, compiled_well):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(place))
    scope = run_page(ROOT / "docs" / "tutorial.md", Shell(monkeypatch, []))
    assert scope["reached"] >= 10
