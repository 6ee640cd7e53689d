"""Results of `dfplan eval`, as a report shows them."""

import json

import pytest

from dfplan.report.result import headlines, read_result, result_table
from dfplan.types import UserError

MEAN = {"mean": 0.5, "ci_low": 0.25, "ci_high": 0.75}
RESULT = {
    "task": "maze",
    "episodes": 2,
    "seeds": [7000, 7001],
    "perturbations": ["push=0.5"],
    "planner": {"candidates": 8, "sampling": {"custom_matrix": [], "slope": 1.0}},
    "metrics": {
        "raw_return": MEAN,
        "normalized_score": None,
        "success_rate": MEAN,
        "latency_ms": {"p50": 12.4, "p99": 30.0},
    },
    "baselines": {"random": {"raw_return": MEAN, "normalized_score": None, "success_rate": None}},
}


def test_table():
    run_settings = {"candidates": 4, "sampling": {"custom_matrix": (), "slope": 2.0}}
    table = result_table(RESULT, "a source", run_settings)
    assert table.title == "maze, 2 episodes" and table.columns == ["planner", "random"]
    value = "0.50 (0.25 to 0.75)"
    assert table.rows == [("raw_return", [value, value]), ("success_rate", [value, ""])]
    facts = ["7000 to 7001", "push=0.5", "12.4 ms", "candidates 8, sampling.slope 1.0", "a source"]
    for note, fact in zip(table.notes, facts, strict=True):
        assert fact in note


def test_tasks_of_a_protocol_are_noted():
    rate = {"mean": 0.5, "ci_low": 0.25, "ci_high": 0.75}
    steps = {"mean": 120.0, "ci_low": 100.0, "ci_high": 140.0}
    tasks = {
        "task1": {"success_rate": rate, "success_steps": steps},
        "overall": {"success_rate": rate, "success_steps": None},
    }
    notes = result_table({**RESULT, "tasks": tasks}, "a source", {}).notes
    task = "Task1: success_rate 0.50 (0.25 to 0.75), success_steps 120.00 (100.00 to 140.00)."
    assert [task, "Overall: success_rate 0.50 (0.25 to 0.75)."] == [
        note for note in notes if "success_rate" in note
    ]


def test_headlines():
    assert headlines(RESULT) == {"success rate": "50%", "median planning latency": "12 ms"}
    assert headlines({"metrics": {"raw_return": {**MEAN, "mean": -3.14}}}) == {"raw return": "-3.1"}


def test_reads_a_directory_or_a_file(tmp_path):
    (tmp_path / "result.json").write_text(json.dumps(RESULT))
    assert read_result(tmp_path) == read_result(tmp_path / "result.json") == RESULT


@pytest.mark.parametrize("text", [None, "{", "[]", "{}", '{"episodes": 3}'])
def test_other_files_are_rejected(tmp_path, text):
    if text is not None:
        (tmp_path / "result.json").write_text(text)
    with pytest.raises(UserError, match=r"result\.json"):
        read_result(tmp_path)
