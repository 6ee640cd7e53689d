import os
import warnings

import gymnasium
import pytest

from dfplan.cli.common import check_outputs, console
from dfplan.cli.pictures import noting_warnings
from dfplan.cli.progress import detail_bar
from dfplan.types import UserError


def test_warnings_become_one_plain_line_each(capfd):
    with noting_warnings():
        for _ in range(2):
            gymnasium.logger.warn("frames are drawn\nwith matplotlib")
        warnings.warn("something else", UserWarning, stacklevel=1)
    out, err = capfd.readouterr()
    assert out == "note: frames are drawn with matplotlib\nnote: something else\n"
    assert err == ""


def test_text_is_printed_as_it_is(capsys):
    console.print("runs/[bold]x[/bold] :smile: " + 200 * "x")
    assert capsys.readouterr().out == "runs/[bold]x[/bold] :smile: " + 200 * "x" + "\n"


def test_check_outputs_leaves_nothing_behind(tmp_path):
    kept = tmp_path / "kept.json"
    kept.write_text("{}")
    check_outputs(None, kept, tmp_path / "a" / "b" / "c.json")
    assert kept.read_text() == "{}"
    assert list(tmp_path.iterdir()) == [kept]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_check_outputs_needs_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="Permission denied"):
        check_outputs(tmp_path / "x.json")


@pytest.mark.parametrize("name", ["config.json", "metrics.jsonl"])
def test_check_outputs_guards_a_run(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(UserError, match=name):
        check_outputs(tmp_path / name)


def test_progress_lines_without_a_terminal(capsys, monkeypatch):
    now = iter([0.0, 10.0, 20.0, 30.0])
    monkeypatch.setattr("dfplan.cli.progress.time.perf_counter", lambda: next(now))
    with detail_bar("training", 1000, begin=500) as advance:
        for done in (550, 600, 700, 1000):  # the first is no tenth further
            advance(done, "loss 1")
    assert capsys.readouterr().out.splitlines() == [
        "training: 600 of 1,000, loss 1, 40 s left",
        "training: 700 of 1,000, loss 1, 30 s left",
        "training: 1,000 of 1,000, loss 1, 0 s left",
    ]
