"""The robustness experiment: the errors of a belief, and the path from a run to the table."""

import json

import numpy as np
import pytest

from dfplan.config import Config
from dfplan.evaluation.episodes import Episodes
from dfplan.tasks.perturb import parse_perturbation
from experiments.common.protocol import TUNING
from experiments.common.stages import USAGE
from experiments.maze2d.study import ABLATION
from experiments.maze2d.study import EVALUATION as MAZE_EVALUATION
from experiments.robustness import run
from experiments.robustness.conditions import CONDITIONS, MAX_FILTER_ERROR
from experiments.robustness.measure import errors, measure
from experiments.robustness.study import EVALUATION, Study
from experiments.robustness.table import render, write_table


def test_conditions_are_valid_for_planner_and_environment():
    for condition in CONDITIONS.values():
        drops = any(parse_perturbation(text).drops for text in condition.perturb)
        config = Config().override({f"planner.{k}": v for k, v in condition.planner.items()})
        assert config.planner.sensing.missing == drops
    assert not CONDITIONS["clean"].perturb and next(iter(CONDITIONS)) == "clean"
    assert CONDITIONS["undeclared"].perturb == CONDITIONS["declared"].perturb


def test_its_episodes_were_not_used_for_tuning():
    ranges = [set(r) for r in (EVALUATION, MAZE_EVALUATION, ABLATION, TUNING)]
    assert sum(map(len, ranges)) == len(set.union(*ranges))


def test_errors_cover_the_steps_with_a_belief_up_to_the_first_success():
    nan = np.nan
    # Success at step 3, and at the reset.
    success = np.array([[0, 0, 0, 1, 0], [1, 1, 1, 1, 1]], bool)
    states = np.zeros((2, 5, 3))
    states[0, :, 0] = 10
    belief = np.array([[13.0, nan, 10, 10, nan], [2, 2, 2, 2, 2]])[..., None] * [1, 0, 0]
    belief[0, 0, 1] = 4.0
    belief[..., 2] = 99.0  # not a compared dimension
    episodes = Episodes(
        seeds=np.arange(2),
        reward=np.zeros((2, 4)),
        success=success,
        length=np.full(2, 4),
        states=states,
        goals=None,
    )
    by_belief = errors(episodes, {"reading": belief[:, :-1]}, (0, 1))
    assert by_belief == {"reading": {"square": [25.0, 4.0], "steps": [2, 1]}}


def table_row(first=100.0, reach=1.0, error=None):
    def exact(x):
        return {"mean": x, "ci_low": x, "ci_high": x}

    return {
        "training_seeds": 1,
        "episodes": 2,
        "normalized_score": exact(100.0),
        "first_reach": exact(first),
        "reach_rate": exact(reach),
        "over_clean": {"first_reach": exact(first / 100), "reach_rate": exact(reach)},
        "error": error or {"reading": 0.2, "estimate": 0.05, "denoised": None},
    }


def test_targets_are_met_or_missed_by_the_results():
    good = {"clean": table_row(), "declared": table_row(115.0, 0.98)}
    text = render({"maze": good})
    assert text.count(": met") == 3
    assert "missed" not in text
    error = {"reading": 0.2, "estimate": 0.2 * MAX_FILTER_ERROR + 0.01, "denoised": 0.1}
    bad = {"declared": table_row(116.0, 0.97, error), "bursts": table_row(300.0, 0.95)}
    text = render({"maze": bad})
    assert text.count(": missed") == 3
    assert "reach ≥ 0.95: met" in text
    assert "**maze**, 1 training seed, 2 episodes each" in text


@pytest.mark.slow
def test_from_a_run_to_the_table(runs, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(runs / "datasets"))
    study = Study(("umaze",), (0,), runs=runs).dry_run(tmp_path, 2)
    only = ("clean", "declared", "dropout")
    measure(study, only)
    written = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.json")}
    assert len(written) == 3
    measure(study, only)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.json")} == written
    write_table(study)
    rows = json.loads((study.pages / "table.json").read_text())["pointmaze-umaze"]
    assert list(rows) == list(only)
    for belief in ("reading", "estimate"):
        assert rows["clean"]["error"][belief] == pytest.approx(0, abs=1e-6)
    assert 0 < rows["declared"]["error"]["estimate"] < rows["declared"]["error"]["reading"]
    assert rows["dropout"]["error"]["reading"] < 1e-6 < rows["dropout"]["error"]["estimate"]
    record = json.loads(study.result("umaze", 0, "declared").read_text())
    assert record["request"]["perturb"] == ["obs_noise=0.2,0.2,0,0"]
    assert record["request"]["seeds"] == [7000, 7002]
    text = (study.pages / "table.md").read_text().partition("\n\n")[2].strip()
    assert text in (study.pages / "README.md").read_text()
    assert text in capsys.readouterr().out


def test_unknown_stages_and_missing_runs_are_refused(tmp_path, capsys):
    assert run.main(["weigh", "--runs", str(tmp_path)]) == USAGE
    error = capsys.readouterr().err
    assert all(word in error for word in ("'weigh'", "measure", "table"))
    assert run.main(["measure", "--runs", str(tmp_path), "--dry-run", str(tmp_path / "r")]) == 2
    assert "medium-0" in capsys.readouterr().err
