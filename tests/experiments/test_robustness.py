"""The robustness experiment: what is measured of a belief, and the way from a run to the table."""

import json

import numpy as np
import pytest
from dfplan.evaluate import Episodes
from dfplan.perturb import parse_perturbation

from dfplan.config import Config
from experiments.maze2d.study import ABLATION, TUNING
from experiments.maze2d.study import EVALUATION as MAZE_EVALUATION
from experiments.robustness import run
from experiments.robustness.conditions import CONDITIONS, FILTER_TARGET
from experiments.robustness.measure import errors, measure
from experiments.robustness.study import EVALUATION, Study
from experiments.robustness.table import render, write_table
from experiments.stages import USAGE


def test_conditions_are_what_planner_and_environment_take():
    for condition in CONDITIONS.values():
        drops = any(parse_perturbation(text).drops for text in condition.perturb)
        config = Config().override({f"planner.{k}": v for k, v in condition.planner.items()})
        assert config.planner.missing == drops
    assert not CONDITIONS["clean"].perturb and next(iter(CONDITIONS)) == "clean"
    assert CONDITIONS["undeclared"].perturb == CONDITIONS["declared"].perturb


def test_nothing_was_tuned_on_its_episodes():
    ranges = [set(r) for r in (EVALUATION, MAZE_EVALUATION, ABLATION, TUNING)]
    assert sum(map(len, ranges)) == len(set.union(*ranges))


def test_errors_count_the_steps_on_the_way_at_which_there_is_a_belief():
    nan = np.nan
    success = np.array([[0, 0, 0, 1, 0], [1, 1, 1, 1, 1]], bool)  # at step 3, and at the reset
    states = np.zeros((2, 5, 3))
    states[0, :, 0] = 10
    belief = np.array([[13.0, nan, 10, 10, nan], [2, 2, 2, 2, 2]])[..., None] * [1, 0, 0]
    belief[0, 0, 1] = 4.0
    belief[..., 2] = 99.0  # no place
    episodes = Episodes(np.arange(2), np.zeros((2, 4)), success, np.full(2, 4), states, None)
    found = errors(episodes, {"reading": belief[:, :-1]}, (0, 1))
    assert found == {"reading": {"square": [25.0, 4.0], "steps": [2, 1]}}


def row(first=100.0, reach=1.0, error=None):
    def point(x):
        return {"mean": x, "ci_low": x, "ci_high": x}

    return {
        "training_seeds": 1,
        "episodes": 2,
        "normalized_score": point(100.0),
        "first_reach": point(first),
        "reach_rate": point(reach),
        "over_clean": {"first_reach": point(first / 100), "reach_rate": point(reach)},
        "error": error or {"reading": 0.2, "estimate": 0.05, "denoised": None},
    }


def test_targets_are_judged_by_the_figures():
    good = render({"maze": {"clean": row(), "declared": row(115.0, 0.98)}})
    assert good.count(": met") == 3 and "missed" not in good
    bad = {"reading": 0.2, "estimate": 0.2 * FILTER_TARGET + 0.01, "denoised": 0.1}
    missed = render({"maze": {"declared": row(116.0, 0.97, bad), "bursts": row(300.0, 0.95)}})
    assert missed.count(": missed") == 3 and "reach ≥ 0.95: met" in missed
    assert "**maze**, 1 training seed, 2 episodes each" in missed


@pytest.mark.slow
def test_from_a_run_to_the_table(runs, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(runs / "datasets"))
    study = Study(("umaze",), (0,), runs=runs).rehearsal(tmp_path, 2)
    only = ("clean", "declared", "dropout")
    measure(study, only)
    written = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.json")}
    assert len(written) == 3
    measure(study, only)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.json")} == written
    write_table(study)
    found = json.loads((study.pages / "table.json").read_text())["pointmaze-umaze"]
    assert list(found) == list(only)
    for belief in ("reading", "estimate"):
        assert found["clean"]["error"][belief] == pytest.approx(0, abs=1e-6)
    assert 0 < found["declared"]["error"]["estimate"] < found["declared"]["error"]["reading"]
    assert found["dropout"]["error"]["reading"] < 1e-6 < found["dropout"]["error"]["estimate"]
    record = json.loads(study.result("umaze", 0, "declared").read_text())
    assert record["asked"]["perturb"] == ["obs_noise=0.2,0.2,0,0"]
    assert record["asked"]["seeds"] == [7000, 7002]
    text = (study.pages / "table.md").read_text().partition("\n\n")[2].strip()
    assert text in (study.pages / "README.md").read_text() and text in capsys.readouterr().out


def test_the_command_refuses_what_there_is_not(tmp_path, capsys):
    assert run.main(["weigh", "--runs", str(tmp_path)]) == USAGE
    assert "valid: measure, table" in capsys.readouterr().err
    assert run.main(["measure", "--runs", str(tmp_path), "--rehearse", str(tmp_path / "r")]) == 2
    assert "robustness: error:" in capsys.readouterr().err
