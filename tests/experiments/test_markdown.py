"""Markdown tables, and sections between markers."""

import pytest

from dfplan.types import UserError
from experiments.common.markdown import cell, fill_section, number, table


def test_table():
    lines = table(["a", "b", "c"], [["x", "1.0", "y"]], text=(0, 2)).splitlines()
    assert lines == ["| a | b | c |", "| --- | ---: | --- |", "| x | 1.0 | y |"]


def test_cells():
    assert cell({"mean": 1.25, "ci_low": 0.96, "ci_high": 1.54}, 1) == "1.2 (1.0 to 1.5)"
    assert cell({"mean": 1.0, "ci_low": 1.0, "ci_high": 1.0}, 2) == "1.00"
    assert cell(None) == number(None) == "–"
    assert number(919_430, 0) == "919,430"


def test_fill_section_replaces_the_text_between_the_markers():
    text = "top\n<!-- t: begin -->\nold\n<!-- t: end -->\nbottom\n"
    once = fill_section(text, "t", "new")
    assert once == "top\n<!-- t: begin -->\n\nnew\n\n<!-- t: end -->\nbottom\n"
    assert fill_section(once, "t", "new") == once
    with pytest.raises(UserError, match="<!-- u: begin -->"):
        fill_section(text, "u", "new")
