"""Names from files are text in a report, never markup."""

from xml.etree import ElementTree

import numpy as np
import pytest

from dfplan.report.curves import draw_curves
from dfplan.report.html import Report, Setting, Table, render_html

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


def test_every_text_of_a_report_is_escaped(read_html):
    report = Report(
        title=EVIL,
        subtitle=EVIL,
        headlines={EVIL: EVIL},
        facts={EVIL: EVIL, "env_kwargs": {EVIL: [EVIL]}},
        curves=draw_curves({EVIL: np.ones((2, 2))}),
        tables=[Table(EVIL, [EVIL], [(EVIL, [EVIL])], notes=[EVIL])],
        figures=[],
        settings={EVIL: [Setting(EVIL, EVIL, False)]},
        footer=EVIL,
    )
    html = render_html(report)
    page = read_html(html)
    assert "<script" not in html and page.outside == []
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert page.texts.count(EVIL) >= 12


@pytest.mark.parametrize("name", [EVIL, "-->" + EVIL, "$\\foo$", "\x1b[31m", "a\0b", "\ud800"])
def test_names_of_metrics_are_text_in_the_curves(name):
    svg = ElementTree.fromstring(draw_curves({name: np.ones((2, 2))}))
    kinds = {element.tag.rpartition("}")[2] for element in svg.iter()}
    assert "script" not in kinds and "img" not in kinds
