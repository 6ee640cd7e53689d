"""Printed text controls no terminal."""

import pytest

from dfplan.util.printable import counted, printable


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("plain", "plain"),
        ("größe σ²", "größe σ²"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("a\rb\x08", "a\\rb\\x08"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\x9b2J\udc80", "\\x9b2J\\udc80"),
        ("two\nlines\t", "two\nlines\t"),
    ],
)
def test_control_characters_are_escaped(text, printed):
    assert printable(text) == printed


def test_line_breaks_are_escaped_where_one_line_is_needed():
    assert printable("two\nlines", keep="") == "two\\nlines"


def test_nouns_are_singular_for_one():
    assert counted(1, "episode") == "1 episode"
    assert counted(1000, "episode") == "1,000 episodes" and counted(0, "step") == "0 steps"
