"""Results as a report shows them."""

import json

import pytest

from dfplan.report.result import figures, read_result, result_table
from dfplan.types import UserError

MEAN = {"mean": 0.5, "ci_low": 0.25, "ci_high": 0.75}
RESULT = {
    "task": "maze",
    "episodes": 2,
    "seeds": [7000, 7001],
    "perturbations": ["push=0.5"],
    "planner": {"candidates": 8, "sampling.custom_matrix": [], "sampling.rho": 1.0},
    "metrics": {
        "raw_return": MEAN,
        "normalized_score": None,
        "success_rate": MEAN,
        "latency_ms": {"p50": 12.4, "p99": 30.0},
    },
    "baselines": {"random": {"raw_return": MEAN, "normalized_score": None, "success_rate": None}},
}


def test_table():
    table = result_table(
        RESULT, "from here", {"candidates": 4, "sampling.custom_matrix": (), "sampling.rho": 1.0}
    )
    assert table.title == "maze, 2 episodes" and table.columns == ["planner", "random"]
    value = "0.50 (0.25 to 0.75)"
    assert table.rows == [("raw_return", [value, value]), ("success_rate", [value, ""])]
    assert table.notes == [
        "Seeds 7000 to 7001.",
        "Perturbed by push=0.5.",
        "One plan takes 12.4 ms, 99 % at most 30.0 ms.",
        "Other settings of the planner than the run's: candidates 8.",
        "from here",
    ]


def test_figures():
    assert figures(RESULT) == {"success rate": "50 %", "one plan, median": "12 ms"}
    assert figures({"metrics": {"raw_return": {**MEAN, "mean": -3.14}}}) == {"raw return": "-3.1"}


def test_reads_a_directory_or_a_file(tmp_path):
    (tmp_path / "result.json").write_text(json.dumps(RESULT))
    assert read_result(tmp_path) == read_result(tmp_path / "result.json") == RESULT


@pytest.mark.parametrize("text", [None, "{", "[]", "{}", '{"episodes": 3}'])
def test_refuses_what_is_no_result(tmp_path, text):
    if text is not None:
        (tmp_path / "result.json").write_text(text)
    with pytest.raises(UserError, match=r"result\.json is no result of `dfplan eval`: ."):
        read_result(tmp_path)
