"""The report as HTML: complete, escaped, and without external references."""

import base64
import dataclasses
import re

import numpy as np
import pytest
from PIL import Image

from dfplan.report.html import Figure, Report, Setting, Table, render_html


@pytest.fixture
def report(tmp_path):
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "b.mp4").write_bytes(b"video")
    return Report(
        title="a <b>task</b>",
        subtitle="what it is",
        headlines={"success rate": "97%"},
        facts={"command": "dfplan train --env-kwargs '<script>alert(1)</script>'", "nothing": ""},
        curves="<svg><path/></svg>",
        tables=[
            Table(
                "two episodes", ["planner", "random"], [("score", ["1.25", ""])], notes=["a note"]
            )
        ],
        figures=[Figure(tmp_path / "a.png", "six plans"), Figure(tmp_path / "b.mp4", "a video")],
        settings={"net": [Setting("width", "96", False), Setting("heads", "4", True)]},
        footer="written by a test",
    )


def test_all_contents_are_shown_and_empty_facts_are_not(report, read_html):
    texts = read_html(render_html(report)).texts
    for text in ("a <b>task</b>", "what it is", "97%", "success rate", "two episodes", "random"):
        assert text in texts
    for text in ("score", "1.25", "a note", "six plans", "a video", "width", "96", "heads"):
        assert text in texts
    assert "nothing" not in texts


def test_text_is_escaped_and_curves_are_not(report):
    html = render_html(report)
    assert "<script" not in html and "<svg><path/></svg>" in html


def test_figures_are_embedded(report, tmp_path, read_html):
    html = read_html(render_html(report))
    assert html.outside == []
    sources = {tag: v for tag, k, v in html.attributes if k == "src"}
    kind, _, data = sources["img"].partition(";base64,")
    assert kind == "data:image/png"
    assert base64.b64decode(data) == (tmp_path / "a.png").read_bytes()
    assert sources["video"].startswith("data:video/mp4;base64,")


def test_only_changed_settings_are_highlighted(report):
    html = render_html(report)
    rows = dict(re.findall(r'<tr(.*?)><th scope="row">(width|heads)', html))
    highlighted = {name: bool(attributes) for attributes, name in rows.items()}
    assert highlighted == {"width": True, "heads": False}


def test_missing_curves_are_mentioned(report):
    assert "No curves" in render_html(dataclasses.replace(report, curves=""))
