"""Formulas become MathML."""

import re
import xml.etree.ElementTree as ET

import markdown
import pytest

EXTENSION = {"pymdownx.arithmatex": {"generic": True}}


def render(text):
    import formulas

    html = markdown.markdown(text, extensions=["pymdownx.arithmatex"], extension_configs=EXTENSION)
    return formulas.to_mathml(html)


@pytest.mark.parametrize(
    ("text", "display"), [("with $a_1 < b$ inline", "inline"), ("$$\na_1 < b\n$$", "block")]
)
def test_a_formula_is_typeset(text, display):
    html = render(text)
    assert "arithmatex" not in html
    (formula,) = re.findall(r"<math.*?</math>", html, re.DOTALL)
    assert f'display="{display}"' in formula
    letters = [e.text for e in ET.fromstring(formula).iter() if e.text and e.text.strip()]
    assert letters == ["a", "1", "<", "b"]


def test_a_dollar_in_code_is_no_formula():
    assert render("`$HOME` and `$PATH`") == "<p><code>$HOME</code> and <code>$PATH</code></p>"
