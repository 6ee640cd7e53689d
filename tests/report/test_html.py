"""Pages: whole, escaped, and complete in themselves."""

import base64
import re

import numpy as np
import pytest
from PIL import Image

from dfplan.report.page import Page, Picture, Setting, Table, render_page


@pytest.fixture
def page(tmp_path):
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "b.mp4").write_bytes(b"film")
    return Page(
        title="a <b>task</b>",
        subtitle="what it is",
        figures={"success rate": "97 %"},
        facts={"command": "dfplan train --env-kwargs '<script>alert(1)</script>'", "nothing": ""},
        curves="<svg><path/></svg>",
        tables=[Table("two episodes", ["planner", "random"], [("score", ["1.25", ""])], ["seen"])],
        pictures=[Picture(tmp_path / "a.png", "six plans"), Picture(tmp_path / "b.mp4", "a film")],
        settings={"net": [Setting("width", "96", False), Setting("heads", "4", True)]},
        footer="written by a test",
    )


def test_holds_what_it_is_given(page, read_html):
    texts = read_html(render_page(page)).texts
    for text in ("a <b>task</b>", "what it is", "97 %", "success rate", "two episodes", "random"):
        assert text in texts
    for text in ("score", "1.25", "seen", "six plans", "a film", "width", "96", "heads"):
        assert text in texts
    assert "nothing" not in texts


def test_text_is_escaped_and_curves_are_not(page):
    html = render_page(page)
    assert "<script" not in html and "<svg><path/></svg>" in html


def test_pictures_are_inside(page, tmp_path, read_html):
    html = read_html(render_page(page))
    assert html.outside == []
    sources = {tag: v for tag, k, v in html.attributes if k == "src"}
    kind, _, data = sources["img"].partition(";base64,")
    assert kind == "data:image/png"
    assert base64.b64decode(data) == (tmp_path / "a.png").read_bytes()
    assert sources["video"].startswith("data:video/mp4;base64,")


def test_settings_that_were_chosen_stand_out(page):
    html = render_page(page)
    assert re.findall(r'<tr class="changed"><th scope="row">(\w+)', html) == ["width"]


def test_says_that_there_are_no_curves(page):
    object.__setattr__(page, "curves", "")
    assert "No curves" in render_page(page)
