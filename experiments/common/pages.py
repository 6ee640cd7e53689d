"""Markdown pages that are written from measurements."""

from collections.abc import Mapping
from pathlib import Path

from experiments.common.markdown import fill_section


def write_page(path: Path, text: str) -> None:
    """Write a page; creates the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def fill_readme(pages: Path, source: Path, sections: Mapping[str, str]) -> None:
    """Write texts between their markers in a README.

    Args:
        pages: Folder of the README.
        source: README that is copied if the folder has none yet.
        sections: Texts by the name of their markers.

    Raises:
        UserError: If the README lacks a marker, or has it twice.
    """
    path = pages / "README.md"
    text = (path if path.is_file() else source).read_text()
    for name, body in sections.items():
        text = fill_section(text, name, body)
    write_page(path, text)
