"""Scores over training time: which measurements the curves hold."""

import dataclasses
import json

import pytest

from dfplan_envs.locomotion.tasks import SCORES
from experiments.locomotion import curves
from experiments.locomotion.study import STUDY

NAME = "hopper-medium-replay"


@pytest.fixture
def study(tmp_path):
    return dataclasses.replace(STUDY, names=(NAME,), seeds=(0,), results=tmp_path, pages=tmp_path)


def write(path, record):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(record))


def test_shorter_trainings_come_first_and_those_of_unknown_length_are_left_out(study):
    for divisor, minutes in ((1, None), (2, 3.0), (8, 1.0)):
        record = {"train_minutes": minutes, "mean_score": 10.0 / divisor}
        write(study.result(f"{NAME}-{divisor}", 0, "curves"), record)
    assert curves._planner_curve(study, NAME) == ([1.0, 3.0], [1.25, 5.0])


def test_peers_are_scored_like_the_planner(study):
    best = SCORES["hopper"]["max"]
    write(study.result(NAME, 0, "iql"), {"curve": [{"seconds": 90.0, "mean_return": best}]})
    assert curves._peer_curve(study, NAME, "iql") == ([1.5], [100.0])
    assert curves._peer_curve(study, NAME, "td3+bc") == ([], [])


def test_a_curve_is_that_of_the_first_training_seed_measured(study):
    both = dataclasses.replace(study, seeds=(0, 1, 2))
    assert curves._planner_curve(both, NAME) == ([], [])
    for seed in (2, 1):
        record = {"train_minutes": 1.0, "mean_score": float(seed)}
        write(study.result(f"{NAME}-1", seed, "curves"), record)
    assert curves._planner_curve(both, NAME) == ([1.0], [1.0])


def test_the_figure_shows_all_training_seeds_whatever_the_selection(study, monkeypatch):
    drawn = []
    monkeypatch.setattr(curves, "_draw_task", lambda panel, part, name: drawn.append(part.seeds))
    record = {"train_minutes": 1.0, "mean_score": 5.0}
    write(study.result(f"{NAME}-1", 2, "curves"), record)
    curves.draw_curves(study)
    assert drawn == [(0, 1, 2)]


def test_the_figure_needs_the_planner(study):
    curves.draw_curves(study)
    assert not (study.pages / "figures").exists()
    record = {"train_minutes": 1.0, "mean_score": 5.0}
    write(study.result(f"{NAME}-1", 0, "curves"), record)
    curves.draw_curves(study)
    assert (study.pages / "figures" / "curves.png").stat().st_size > 0


def test_the_best_score_during_training_stands_beside_the_last(study):
    curve = [{"seconds": 1.0, "mean_return": SCORES["hopper"][end]} for end in ("max", "min")]
    write(study.result(NAME, 0, "iql"), {"curve": curve, "scores": [10.0, 20.0]})
    *_, row, mean = curves.render(study, ("bc", "iql")).splitlines()
    assert row == f"| {NAME} | – | – | 15.0 | 100.0 |"
    assert mean == "| mean of 1 | – | – | 15.0 | 100.0 |"
