"""Curves as SVG: contents, colors, and no external references."""

import re
from xml.etree import ElementTree

import numpy as np

from dfplan.report.curves import MAX_POINTS, TEXT, draw_curves, thin


def curve(values):
    return np.stack([np.arange(1.0, len(values) + 1), np.array(values, float)], axis=1)


def texts(svg):
    return [e.text for e in ElementTree.fromstring(svg).iter() if e.tag.endswith("}text")]


def test_each_metric_has_a_panel_and_the_loss_is_first():
    metrics = {name: curve([3, 2, 1]) for name in ("grad_norm", "loss", "inverse_loss")}
    svg = draw_curves(metrics)
    titles = [text for text in texts(svg) if text in ("grad norm", "loss", "inverse loss")]
    assert titles == ["loss", "grad norm", "inverse loss"]
    assert all(f'id="{name}"' in svg for name in metrics)


def test_text_has_the_color_of_the_page():
    svg = draw_curves({"loss": curve([3, 2, 1])})
    assert "currentColor" in svg and TEXT not in svg


def test_references_are_internal():
    svg = draw_curves({"loss": curve([3, 2, 1]), "rate": curve([1, 1, 1])})
    references = re.findall(r'(?:href="|url\()([^")]*)', svg)
    assert references and all(reference.startswith("#") for reference in references)
    assert set(re.findall(r'id="([^"]*)"', svg)) >= {reference[1:] for reference in references}
    assert svg.startswith("<svg") and "purl.org" not in svg


def test_losses_without_a_logarithm_are_drawn():
    for values in ([1, 0, -1], [np.nan, np.inf]):
        ElementTree.fromstring(draw_curves({"loss": curve(values)}))


def test_labels_between_powers_of_ten_are_plain():
    labels = texts(draw_curves({"loss": curve([0.7, 0.3, 0.2])}))
    assert {"0.2", "0.3", "0.6"} <= set(labels) and not [
        text for text in labels if "e" in text[1:2]
    ]


def test_long_curves_are_thinned_and_keep_their_range():
    long = curve(np.tile([0.0, 4.0, 2.0], MAX_POINTS))
    np.testing.assert_array_equal(
        thin(long), [(3 * (i + 1), 0.0, 2.0, 4.0) for i in range(MAX_POINTS)]
    )
    np.testing.assert_array_equal(thin(curve([5, np.nan])), [(1, 5, 5, 5)])
