"""Formulas as MathML, which browsers render without scripts, fonts or a network."""

import html
import re

from latex2mathml.converter import convert

# pymdownx.arithmatex in generic mode wraps the LaTeX source in these elements.
INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
BLOCK = re.compile(r'<div class="arithmatex">\\\[(.*?)\\\]</div>', re.DOTALL)


def to_mathml(page: str) -> str:
    """Return an HTML page with every formula converted from LaTeX to MathML."""
    page = INLINE.sub(_inline, page)
    return BLOCK.sub(_block, page)


def _inline(match: re.Match[str]) -> str:
    return convert(html.unescape(match[1].strip()))


def _block(match: re.Match[str]) -> str:
    formula = convert(html.unescape(match[1].strip()), display="block")
    return f'<div class="formula">{formula}</div>'
