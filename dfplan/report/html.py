"""A report as one HTML file that needs no other file."""

import base64
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

MEDIA_TYPES = {".png": "image/png", ".gif": "image/gif", ".mp4": "video/mp4"}


@dataclasses.dataclass(frozen=True)
class Table:
    """Metrics of one evaluation.

    Attributes:
        title: Title above the table.
        columns: Names of the agents that are compared, the planner first.
        rows: Name of each metric, with one cell per column.
        notes: Lines below the table.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]
    notes: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Figure:
    """An image or video with a caption.

    Attributes:
        path: A .png, .gif or .mp4 file.
        caption: Text below it.
    """

    path: Path
    caption: str

    @property
    def is_video(self) -> bool:
        """Whether the file is shown in a video player; used by the template."""
        return self.path.suffix.lower() == ".mp4"

    @property
    def source(self) -> str:
        """The file as a data: URL."""
        media_type = MEDIA_TYPES[self.path.suffix.lower()]
        return f"data:{media_type};base64,{base64.b64encode(self.path.read_bytes()).decode()}"


@dataclasses.dataclass(frozen=True)
class Setting:
    """A setting of a run.

    Attributes:
        name: Name within its section.
        value: Value as text.
        is_default: Whether the value is the default.
    """

    name: str
    value: str
    is_default: bool


@dataclasses.dataclass(frozen=True)
class Report:
    """Contents of a report, from top to bottom.

    Attributes:
        title: Name of the task.
        subtitle: Description of the task.
        headlines: Values of the main results by name, shown large.
        facts: Values by name that describe the run; empty values are left out.
        curves: Training curves as an `<svg>` element; empty if there are none.
        tables: One table per evaluation.
        figures: Plans and videos.
        settings: Settings of the run by section.
        footer: Text on how the report was made.
    """

    title: str
    subtitle: str
    headlines: Mapping[str, str]
    facts: Mapping[str, Any]
    curves: str
    tables: Sequence[Table]
    figures: Sequence[Figure]
    settings: Mapping[str, Sequence[Setting]]
    footer: str


def render_html(report: Report) -> str:
    """Return the report as HTML, with all text escaped except for the curves."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dfplan.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html").render(report=report)
