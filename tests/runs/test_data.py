"""The dataset of a run, as its training and its evaluation take it."""

import pytest

from dfplan.runs import data
from dfplan.runs.fit import fit_run
from dfplan.runs.run import Run
from dfplan.tasks.registry import Task

TASK = Task("", "tiny-v0", goal_dims=(0, 1))


@pytest.mark.parametrize("splits", [True, False])
@pytest.mark.parametrize("load", [data.load_data, data.load_training_data])
def test_episodes_are_split_as_for_the_training(tiny_config, tiny_data, monkeypatch, load, splits):
    run = fit_run(TASK, tiny_config.override({"data.split_at_chance": splits}), tiny_data)
    parts = object()
    monkeypatch.setattr(Run, "check_sizes", lambda self, dataset_id: None)
    monkeypatch.setattr(data, "load_memory", lambda *args, **options: tiny_data)
    monkeypatch.setattr(data, "split_at_chance", lambda whole: parts)
    assert load(run) is (parts if splits else tiny_data)
