"""Page: a report as one HTML file that holds all that it shows."""

import base64
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

KINDS = {".png": "image/png", ".gif": "image/gif", ".mp4": "video/mp4"}


@dataclasses.dataclass(frozen=True)
class Table:
    """Numbers of one evaluation.

    Attributes:
        title: what was evaluated.
        columns: names of what stands beside each other, the planner first.
        rows: a metric's name and a cell for each column.
        notes: lines below.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]
    notes: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture and what it shows.

    Attributes:
        path: a .png, .gif or .mp4 file.
        caption: below it.
    """

    path: Path
    caption: str

    @property
    def is_video(self) -> bool:
        """Whether it is shown by a player."""
        return self.path.suffix.lower() == ".mp4"

    @property
    def source(self) -> str:
        """The file as a data: URL."""
        kind = KINDS[self.path.suffix.lower()]
        return f"data:{kind};base64,{base64.b64encode(self.path.read_bytes()).decode()}"


@dataclasses.dataclass(frozen=True)
class Setting:
    """A setting's name within its section, its value, and whether that is the default."""

    name: str
    value: str
    is_default: bool


@dataclasses.dataclass(frozen=True)
class Page:
    """What a report says, from top to bottom.

    Attributes:
        title: the task.
        subtitle: of the task.
        figures: the main results, large: what, and its value.
        facts: of the run: what, and its value; empty ones are left out.
        curves: an `<svg>` element; empty without any.
        tables: of evaluations.
        pictures: plans and videos.
        settings: by section.
        footer: how the page was made.
    """

    title: str
    subtitle: str
    figures: Mapping[str, str]
    facts: Mapping[str, Any]
    curves: str
    tables: Sequence[Table]
    pictures: Sequence[Picture]
    settings: Mapping[str, Sequence[Setting]]
    footer: str


def render_page(page: Page) -> str:
    """The HTML; whatever text it holds is escaped, save for the curves."""
    import jinja2

    loader = jinja2.PackageLoader("dfplan.report", ".")
    engine = jinja2.Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return engine.get_template("page.html").render(page=page)
