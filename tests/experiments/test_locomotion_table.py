"""The table that compares methods: its cells, and the mean over all tasks."""

import dataclasses
import json

from experiments.locomotion.study import STUDY
from experiments.locomotion.table import render

NAMES = ("hopper-medium", "walker2d-medium")


def write_scores(study, method, name, seed, scores):
    path = study.result(name, seed, method)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"scores": scores}))


def test_the_mean_weights_tasks_alike_and_needs_all_of_them(tmp_path):
    study = dataclasses.replace(STUDY, names=NAMES, seeds=(0, 1), results=tmp_path)
    write_scores(study, "dfplan", NAMES[0], 0, [10.0] * 4)
    write_scores(study, "dfplan", NAMES[0], 1, [10.0] * 4)
    write_scores(study, "dfplan", NAMES[1], 0, [40.0] * 4)
    write_scores(study, "cloning", NAMES[1], 0, [5.0] * 4)
    header, _, hopper, walker, mean = render(study).splitlines()
    columns = [text.strip() for text in header.split("|")[1:-1]]
    assert columns == ["normalized score", "dfplan", "cloning"]  # the methods that were measured

    def cells(line):
        values = [text.strip() for text in line.split("|")[1:-1]]
        return values[0], dict(zip(columns[1:], values[1:], strict=True))

    assert cells(hopper) == ("hopper-medium", {"dfplan": "10.0; 2", "cloning": "–"})
    assert cells(walker) == ("walker2d-medium", {"dfplan": "40.0; 1", "cloning": "5.0; 1"})
    assert cells(mean) == ("mean of 2", {"dfplan": "25.0", "cloning": "–"})
