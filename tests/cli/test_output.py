"""What commands print, and checks of their output files."""

import importlib.metadata
import json
import os
import warnings

import gymnasium
import pytest

from dfplan.cli.common import check_outputs, console, write_result
from dfplan.cli.progress_bar import detail_bar
from dfplan.cli.rendering import print_warnings
from dfplan.types import UserError


def test_warnings_become_one_plain_line_each(capfd):
    with print_warnings():
        for _ in range(2):
            gymnasium.logger.warn("frames are drawn\nwith matplotlib")
        warnings.warn("something else", UserWarning, stacklevel=1)
    out, err = capfd.readouterr()
    assert out == "note: frames are drawn with matplotlib\nnote: something else\n"
    assert err == ""


def test_text_is_printed_verbatim(capsys):
    console.print("runs/[bold]x[/bold] :smile: " + 200 * "x")
    assert capsys.readouterr().out == "runs/[bold]x[/bold] :smile: " + 200 * "x" + "\n"


def test_check_outputs_leaves_nothing_behind(tmp_path):
    existing = tmp_path / "existing.json"
    existing.write_text("{}")
    check_outputs(None, existing, tmp_path / "a" / "b" / "c.json")
    assert existing.read_text() == "{}"
    assert list(tmp_path.iterdir()) == [existing]


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
def test_check_outputs_needs_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="Permission denied"):
        check_outputs(tmp_path / "x.json")


@pytest.mark.parametrize("name", ["config.json", "metrics.jsonl"])
def test_check_outputs_protects_the_files_of_a_run(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(UserError, match=name):
        check_outputs(tmp_path / name)


def test_results_name_the_versions_that_they_depend_on(tmp_path):
    write_result(tmp_path / "result.json", {"reach": 3})
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["reach"] == 3
    assert result["versions"]["dfplan"] == importlib.metadata.version("dfplan")
    assert {"python", "jax", "flax", "gymnasium", "mujoco"} <= set(result["versions"])


def test_long_preparations_print_lines_without_a_terminal(capsys, monkeypatch):
    times = iter([0.0, 5.0, 25.0, 30.0])
    monkeypatch.setattr("dfplan.cli.progress_bar.time.perf_counter", lambda: next(times))
    with detail_bar("training", 1000) as advance:
        for step in (1, 2, 3):
            advance(0, f"policy: step {step} of 9")
    assert capsys.readouterr().out.splitlines() == ["training: policy: step 2 of 9"]


def test_progress_lines_without_a_terminal(capsys, monkeypatch):
    times = iter([0.0, 40.0, 50.0, 70.0, 130.0])
    monkeypatch.setattr("dfplan.cli.progress_bar.time.perf_counter", lambda: next(times))
    with detail_bar("training", 1000, start=500) as advance:
        # The first one is less than a tenth further, and takes longer, as programs are compiled.
        for done in (550, 600, 700, 1000):
            advance(done, "loss 1")
    assert capsys.readouterr().out.splitlines() == [
        "training: 600 of 1,000, loss 1, 0:01:20 left",
        "training: 700 of 1,000, loss 1, 0:01:00 left",
        "training: 1,000 of 1,000, loss 1, 0:00:00 left",
    ]
