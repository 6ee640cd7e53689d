"""MkDocs hooks: the reference's pages, made from the code each time the site is built."""

from pathlib import Path

import api_pages
import command_pages
import settings_pages
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "experiments" / "maze2d" / "figures"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the reference, and the pictures of the comparison that `results.md` includes."""
    pages = api_pages.pages() | command_pages.pages() | settings_pages.pages()
    for path, text in pages.items():
        files.append(File.generated(config, f"reference/{path}", content=text))
    for picture in sorted(FIGURES.glob("*.png")):
        files.append(File.generated(config, f"figures/{picture.name}", abs_src_path=str(picture)))
    return files
