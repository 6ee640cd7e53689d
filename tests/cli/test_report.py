"""`dfplan report`: one HTML file with all results and figures, and no external references."""

import json

import pytest

from dfplan.cli import main

SHORT = ["--episodes", "2", "--seed", "7000", "--max-steps", "12"]


@pytest.fixture(scope="module")
def played(run, tmp_path_factory):
    """Directory of a report for which episodes had to be played."""
    place = tmp_path_factory.mktemp("report")
    args = [*SHORT, "--out", str(place / "new" / "r.html"), "--json", str(place / "r.json")]
    assert main(["report", str(run), *args]) == 0
    return place


def read(path):
    return path.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_report_is_small_and_has_no_external_references(played, read_html):
    html = read(played / "new" / "r.html")
    assert read_html(html).outside == []
    assert len(html.encode()) < 3_000_000
    size = (played / "new" / "r.html").stat().st_size
    assert json.loads(read(played / "r.json"))["bytes"] == size


@pytest.mark.slow
def test_the_report_shows_the_run(played, run, read_html):
    html = read_html(read(played / "new" / "r.html"))
    texts = html.texts
    config = json.loads(read(run / "config.json"))
    for text in ("pointmaze-umaze", config["command"], "20", "pointmaze-umaze, 2 episodes"):
        assert text in texts
    for text in ("success_rate", "inverse loss"):
        assert text in texts
    assert any("7000 to 7001" in text for text in texts)
    sources = [v for tag, k, v in html.attributes if (tag, k) == ("img", "src")]
    assert [s.split(";")[0] for s in sources] == ["data:image/gif", "data:image/png"] + [
        "data:image/gif"
    ]


def test_existing_results_are_used(dfplan, run, place, read_html):
    assert dfplan("eval", run, *SHORT, "--json", "existing.json").code == 0
    score = json.loads(read(place / "existing.json"))["metrics"]["raw_return"]
    done = dfplan("report", run, "--results", "existing.json", *SHORT)
    assert (done.code, done.err) == (0, "")
    assert "evaluating" not in done.out and "wrote report.html: " in done.out
    texts = read_html(read(place / "report.html")).texts
    assert any("existing.json" in text for text in texts)
    assert f"{score['mean']:.2f} ({score['ci_low']:.2f} to {score['ci_high']:.2f})" in texts


@pytest.mark.slow
def test_nothing_is_left_behind(played, run):
    assert sorted(p.name for p in played.rglob("*") if p.is_file()) == ["r.html", "r.json"]
    assert not list(run.rglob("result.json"))
