"""The comparison from end to end, on one run that was trained in a few seconds."""

import dataclasses
import json
import re

import numpy as np
import pytest

from dfplan.tasks.load import checkpoint_folder
from experiments.common.protocol import TUNING
from experiments.maze2d import run
from experiments.maze2d.ablate import ablate
from experiments.maze2d.ablations import ABLATIONS, Variant
from experiments.maze2d.evaluate import evaluate
from experiments.maze2d.pages.ablation_tables import write_ablations
from experiments.maze2d.pages.cost import training_cost
from experiments.maze2d.pages.figures import draw_curves, draw_maze
from experiments.maze2d.pages.table import write_table
from experiments.maze2d.references.measure import (
    bound_episodes,
    measure_reference,
    measure_references,
)
from experiments.maze2d.study import HERE, maze_task
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
    gathered = load(study.pages / "table.json")
    result = load(study.result("umaze", 0, "random"))
    planner = gathered["tasks"]["pointmaze-umaze"]["planner"]
    assert result["request"]["seeds"] == [7000, 7002]
    for name in ("raw_return", "first_reach"):
        assert planner[name]["mean"] == pytest.approx(np.mean(result["per_episode"][name]))
    bound = gathered["tasks"]["pointmaze-umaze"]["references"]["bound"]
    ratio = gathered["tasks"]["pointmaze-umaze"]["ratio_to_bound"]["first_reach"]["mean"]
    assert ratio == pytest.approx(planner["first_reach"]["mean"] / bound["first_reach"]["mean"])
    assert gathered["cost"]["umaze"][0]["parameters"] > 1000

    table = (study.pages / "table.md").read_text()
    assert f"{planner['raw_return']['mean']:.1f} (" in table
    readme = (study.pages / "README.md").read_text()
    assert table.partition("\n\n")[2].strip() in readme
    assert readme.endswith(ablations)  # the table leaves their section as it is
    assert table.partition("\n\n")[2].strip() in capsys.readouterr().out


@pytest.mark.slow
def test_an_ablation_to_its_page(study, monkeypatch):
    cheap = (Variant("1", {"candidates": 1}), Variant("2", {"candidates": 2}, share=0.5))
    short = dataclasses.replace(ABLATIONS["candidates"], variants=cheap)
    monkeypatch.setitem(ABLATIONS, "candidates", short)
    folder = study.results / "ablations"
    ablate(study, ["ood_penalty"])
    assert not folder.exists()  # it is measured on the larger mazes only

    ablate(study, ["candidates"])
    records = {p.stem: load(p) for p in (folder / "candidates").glob("*.json")}
    assert set(records) == {"umaze-1", "umaze-2"}
    assert records["umaze-2"]["request"]["planner"]["candidates"] == 2
    assert [records[f"umaze-{n}"]["episodes"] for n in (1, 2)] == [2, 1]
    assert 0 <= records["umaze-1"]["validity"]["single"] <= 1

    write_ablations(study)
    page = (study.pages / "ablations.md").read_text()
    assert "## Candidates per plan" in page and "## Denoising steps" not in page
    assert "| controller |" in page
    assert "Candidates per plan" in (study.pages / "README.md").read_text()


def test_a_variant_of_several_ablations_is_measured_once(study, monkeypatch):
    calls = []

    def evaluate_once(trained, where, seeds):
        calls.append(trained.run.config.planner)
        return {}

    monkeypatch.setattr("experiments.maze2d.ablate._evaluate", evaluate_once)
    monkeypatch.setattr("experiments.maze2d.ablate.REFERENCES", ())
    ablate(study, ["candidates", "steps"])
    assert len(calls) == len(set(calls)) == 4 + 6 - 1
    paths = [study.ablated("candidates", "umaze", "4"), study.ablated("steps", "umaze", "3")]
    assert load(paths[0]) == load(paths[1])


def test_without_a_local_run_the_pretrained_one_is_shown(study, tmp_path):
    assert study.shown("umaze") == study.run("umaze", 0)
    bare = dataclasses.replace(study, runs=tmp_path)
    assert bare.shown("umaze") == checkpoint_folder(maze_task("umaze"))
    assert bare.shown("maze") == bare.run("maze", 0)  # a custom map has no pretrained run


def test_metrics_of_the_bound_follow_from_its_first_reach(study):
    task = maze_task("umaze")
    path = study.reference("umaze", "random", "bound")
    episodes = bound_episodes(task, TUNING[:3])
    measure_reference(path, task, "bound", TUNING[:3])
    record = load(path)["per_episode"]
    assert record["first_reach"] == [float(np.argmax(row)) for row in episodes.success]
    returned = 300 - np.maximum(record["first_reach"], 1) + 1
    assert record["raw_return"] == returned.tolist()
    assert record["normalized_score"] == record["latched_score"]


def test_training_skips_finished_runs_and_its_cost_is_the_time_of_its_steps(study, capsys):
    train(study)
    assert "umaze-0: already trained" in capsys.readouterr().out
    cost = training_cost(study.run("umaze", 0))
    assert cost["cpu_minutes"] is None
    lines = (study.run("umaze", 0) / "metrics.jsonl").read_text().splitlines()
    config = load(study.run("umaze", 0) / "config.json")["config"]
    tokens = 5 * config["training"]["batch_size"] * config["data"]["tokens"]
    seconds = sum(tokens / json.loads(line)["tokens_per_second"] for line in lines)
    assert cost["wall_minutes"] == pytest.approx(seconds / 60)


@pytest.mark.slow
def test_figures_are_drawn_and_small(study, tmp_path):
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
    assert run.main(["table", "--dry-run", str(tmp_path), "--mazes", "umaze"]) == 0
    assert "not measured yet" in (tmp_path / "pages" / "table.md").read_text()
    missing = ["evaluate", "--seeds", "999", "--dry-run", str(tmp_path)]
    assert run.main(missing) == 2
    assert "umaze-999" in capsys.readouterr().err


def test_the_readme_has_its_markers_and_starts_with_the_tables_scores():
    text = (HERE / "README.md").read_text()
    for name in ("table", "maps", "ablations"):
        assert text.count(f"<!-- {name}: begin -->") == text.count(f"<!-- {name}: end -->") == 1
    scores = re.findall(r"[0-9.]+ \([0-9.]+ to [0-9.]+\)", text.partition("## Run it")[0])
    assert len(scores) == 18
    table = (HERE / "table.md").read_text()
    assert all(f"| {score} |" in table for score in scores)
