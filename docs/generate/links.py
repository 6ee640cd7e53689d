"""Relative links and images of Markdown pages, and which of them lead nowhere."""

import itertools
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        ROOT / "envs" / "README.md",
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("experiments/**/*.md"),
    ]
)
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)  # such as https: and mailto:
HTML_IMAGE = re.compile(r'<img\b[^>]*?\ssrc="([^"]*)"')


def broken_links(page: Path, generated: Collection[Path] = ()) -> list[str]:
    """Return the relative links and images of a page whose file or heading does not exist.

    Args:
        page: Markdown file.
        generated: Files that exist only once the site is built; their headings are not checked.
    """
    return [link for link in relative_links(page) if not _exists(page, link, generated)]


def relative_links(page: Path) -> Iterator[str]:
    """Yield the targets of all links and images of a page that are not URLs."""
    for token in _tokens(MarkdownIt().enable("table").parse(page.read_text())):
        for target in _targets(token):
            if not ELSEWHERE.match(target):
                yield target


def _tokens(blocks: list[Token]) -> Iterator[Token]:
    for block in blocks:
        yield block
        yield from block.children or ()


def _targets(token: Token) -> list[str]:
    """Return the target of a link or an image; of HTML, those of its images."""
    if token.type in ("html_block", "html_inline"):
        return HTML_IMAGE.findall(token.content)
    target = {"link_open": token.attrGet("href"), "image": token.attrGet("src")}.get(token.type)
    return [target] if isinstance(target, str) else []


def _exists(page: Path, link: str, generated: Collection[Path]) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if target in generated:
        return True
    if anchor and target.suffix == ".md":
        return target.is_file() and anchor in _anchors(target)
    return target.exists()


def _anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings."""
    tokens = MarkdownIt().parse(page.read_text())
    titles = [
        "".join(child.content for child in heading.children or ())
        for opening, heading in itertools.pairwise(tokens)
        if opening.type == "heading_open"
    ]
    return {_slug(title) for title in titles}


def _slug(title: str) -> str:
    """Return a heading's anchor, as Python-Markdown's toc extension makes it."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower())
