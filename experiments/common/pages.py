"""Pages: Markdown files that are written from measurements."""

from pathlib import Path

from experiments.maze2d.markdown import fill
from experiments.maze2d.study import HERE, Study


def write_page(path: Path, text: str) -> None:
    """Write a page; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def fill_readme(study: Study, marker: str, body: str) -> None:
    """Put a text between its markers in the study's README, a copy of this folder's at first."""
    path = study.pages / "README.md"
    source = path if path.is_file() else HERE / "README.md"
    write_page(path, fill(source.read_text(), marker, body))
