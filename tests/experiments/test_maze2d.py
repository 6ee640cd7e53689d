"""The comparison from end to end, on one run that was trained in a moment."""

import dataclasses
import json

import numpy as np
import pytest

from dfplan.tasks import checkpoint_folder
from experiments.maze2d import run
from experiments.maze2d.ablate import ablate
from experiments.maze2d.ablation_pages import write_ablations
from experiments.maze2d.ablations import ABLATIONS, Variant
from experiments.maze2d.cost import training_cost
from experiments.maze2d.evaluate import evaluate
from experiments.maze2d.figures import draw_curves, draw_maze
from experiments.maze2d.reference import ask, bound_episodes, measure_references
from experiments.maze2d.study import HERE, TUNING, task
from experiments.maze2d.table import write_table
from experiments.maze2d.train import train


def load(path):
    return json.loads(path.read_text())


@pytest.mark.slow
def test_from_a_run_to_the_table(study, capsys):
    ablations = (HERE / "README.md").read_text().partition("<!-- ablations: begin -->")[2]
    evaluate(study)
    measure_references(study)
    first = {p: p.stat().st_mtime_ns for p in study.results.rglob("*.json")}
    evaluate(study)
    measure_references(study)
    assert {p: p.stat().st_mtime_ns for p in study.results.rglob("*.json")} == first

    write_table(study)
    found = load(study.pages / "table.json")
    result = load(study.result("umaze", 0, "random"))
    planner = found["tasks"]["pointmaze-umaze"]["planner"]
    assert result["asked"]["seeds"] == [7000, 7002]
    for name in ("raw_return", "first_reach"):
        assert planner[name]["mean"] == pytest.approx(np.mean(result["per_episode"][name]))
    bound = found["tasks"]["pointmaze-umaze"]["references"]["bound"]
    ratio = found["tasks"]["pointmaze-umaze"]["ratio_to_bound"]["first_reach"]["mean"]
    assert ratio == pytest.approx(planner["first_reach"]["mean"] / bound["first_reach"]["mean"])
    assert found["cost"]["umaze"][0]["parameters"] > 1000

    table = (study.pages / "table.md").read_text()
    assert f"{planner['raw_return']['mean']:.1f} (" in table
    readme = (study.pages / "README.md").read_text()
    assert table.partition("\n\n")[2].strip() in readme
    assert readme.endswith(ablations)  # their section is not the table's
    assert table.partition("\n\n")[2].strip() in capsys.readouterr().out


@pytest.mark.slow
def test_an_ablation_to_its_page(study, monkeypatch):
    cheap = (Variant("1", {"candidates": 1}), Variant("2", {"candidates": 2}, share=0.5))
    short = dataclasses.replace(ABLATIONS["candidates"], variants=cheap)
    monkeypatch.setitem(ABLATIONS, "candidates", short)
    folder = study.results / "ablations"
    ablate(study, ["support"])
    assert not folder.exists()  # that one is measured on the larger mazes alone

    ablate(study, ["candidates"])
    records = {p.stem: load(p) for p in (folder / "candidates").glob("*.json")}
    assert set(records) == {"umaze-1", "umaze-2"}
    assert records["umaze-2"]["asked"]["planner"]["candidates"] == 2
    assert [records[f"umaze-{n}"]["episodes"] for n in (1, 2)] == [2, 1]
    assert 0 <= records["umaze-1"]["validity"]["single"] <= 1

    write_ablations(study)
    page = (study.pages / "ablations.md").read_text()
    assert "## Candidates per plan" in page and "## Sampling steps" not in page
    assert "| controller |" in page
    assert "Candidates per plan" in (study.pages / "README.md").read_text()


def test_what_was_measured_in_one_ablation_stands_in_others(study, monkeypatch):
    calls = []

    def evaluate_once(trained, where, seeds):
        calls.append(trained.run.config.planner)
        return {}

    monkeypatch.setattr("experiments.maze2d.ablate._evaluate", evaluate_once)
    monkeypatch.setattr("experiments.maze2d.ablate.REFERENCES", ())
    ablate(study, ["candidates", "steps"])
    assert len(calls) == len(set(calls)) == 4 + 6 - 1
    same = [study.ablated("candidates", "umaze", "4"), study.ablated("steps", "umaze", "3")]
    assert load(same[0]) == load(same[1])


def test_without_a_run_the_one_that_comes_trained_is_shown(study, tmp_path):
    assert study.shown("umaze") == study.run("umaze", 0)
    bare = dataclasses.replace(study, runs=tmp_path)
    assert bare.shown("umaze") == checkpoint_folder(task("umaze"))
    assert bare.shown("maze") == bare.run("maze", 0)  # an own map comes with none


def test_bound_is_what_the_metrics_make_of_its_first_steps(study):
    where = task("umaze")
    episodes = bound_episodes(where, TUNING[:3])
    ask(study.reference("umaze", "random", "bound"), where, "bound", TUNING[:3])
    record = load(study.reference("umaze", "random", "bound"))["per_episode"]
    assert record["first_reach"] == [float(np.argmax(row)) for row in episodes.success]
    returned = 300 - np.maximum(record["first_reach"], 1) + 1
    assert record["raw_return"] == returned.tolist()
    assert record["normalized_score"] == record["latched_score"]


def test_training_skips_what_is_trained_and_its_time_is_that_of_its_steps(study, capsys):
    train(study)
    assert "umaze-0: trained before" in capsys.readouterr().out
    cost = training_cost(study.run("umaze", 0))
    assert cost["cpu_minutes"] is None
    lines = (study.run("umaze", 0) / "metrics.jsonl").read_text().splitlines()
    config = load(study.run("umaze", 0) / "config.json")["config"]
    tokens = 5 * config["training"]["batch_size"] * config["data"]["tokens"]
    seconds = sum(tokens / json.loads(line)["tokens_per_second"] for line in lines)
    assert cost["wall_minutes"] == pytest.approx(seconds / 60)


@pytest.mark.slow
def test_pictures_are_drawn_and_small(study, tmp_path):
    draw_maze(tmp_path / "plans.png", study, "umaze")
    assert 10_000 < (tmp_path / "plans.png").stat().st_size < 300_000


def test_curves(tmp_path):
    record = {"per_episode": {"normalized_score": [100.0, 120.0, 150.0]}}
    measured = dict.fromkeys(("1", "4", "bound", "controller"), record)
    draw_curves(
        tmp_path / "c.png", ABLATIONS["candidates"], {"medium": measured, "large": measured}
    )
    assert 5_000 < (tmp_path / "c.png").stat().st_size < 300_000


def test_stages_by_name(capsys, tmp_path):
    assert run.main(["tabel"]) == 2
    error = capsys.readouterr().err
    assert "'tabel'" in error and "table" in error
    assert run.main(["table", "--rehearse", str(tmp_path), "--mazes", "umaze"]) == 0
    assert "not measured yet" in (tmp_path / "pages" / "table.md").read_text()
    missing = ["evaluate", "--seeds", "999", "--rehearse", str(tmp_path)]
    assert run.main(missing) == 2
    assert "umaze-999" in capsys.readouterr().err


def test_the_readme_has_its_markers():
    text = (HERE / "README.md").read_text()
    for name in ("table", "maps", "ablations"):
        assert text.count(f"<!-- {name}: begin -->") == text.count(f"<!-- {name}: end -->") == 1
