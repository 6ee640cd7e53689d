"""MkDocs hooks: reference pages, the layer table and formulas, generated when the site is built."""

from pathlib import Path
from typing import Any

import api_pages
import command_pages
import formulas
import layers
import settings_pages
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
EXPERIMENTS = ROOT / "experiments"
FIGURES = (
    *sorted((EXPERIMENTS / "maze2d" / "figures").glob("*.png")),
    EXPERIMENTS / "ogbench" / "figures" / "antmaze-large-navigate.gif",
    EXPERIMENTS / "manipulation" / "figures" / "scene-play.gif",
    EXPERIMENTS / "locomotion" / "figures" / "walker2d-medium-expert.gif",
)
"""Figures of `results.md` and films of the first page."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the reference and the experiments' figures."""
    pages = api_pages.pages() | command_pages.pages() | settings_pages.pages()
    for path, text in pages.items():
        files.append(File.generated(config, f"reference/{path}", content=text))
    for figure in FIGURES:
        files.append(File.generated(config, f"figures/{figure.name}", abs_src_path=str(figure)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Insert the layer table."""
    if layers.PLACEHOLDER not in markdown:
        return markdown
    return markdown.replace(layers.PLACEHOLDER, layers.table())


def on_page_content(html: str, **_: Any) -> str:
    """Typeset formulas."""
    return formulas.to_mathml(html)
