"""A reader of the tutorial gets a planner that reaches goals."""

import pytest

from .pages import ROOT, Shell, run_page


@pytest.mark.slow
def test_the_tutorial_reaches_goals(place, monkeypatch, compiled_well):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(place))
    smaller = {"range(1000)": "range(300)", "range(20)": "range(10)"}
    scope = run_page(ROOT / "docs" / "tutorial.md", Shell(monkeypatch, []), smaller)
    assert scope["reached"] >= 5
