"""Task records are plain data, and everything they name exists."""

import json
from importlib import import_module
from importlib.metadata import entry_points

import gymnasium as gym
import pytest

from dfplan_envs.tasks import TASKS

MAZES = ("umaze", "medium", "large")


def test_names():
    expected = {f"pointmaze-{m}{s}" for m in MAZES for s in ("", "-fixed", "-robotics")}
    assert set(TASKS) == expected | {"pointmaze", "tmaze"}
    assert json.loads(json.dumps(TASKS)) == TASKS


@pytest.mark.parametrize("name", sorted(TASKS))
def test_what_a_record_names_exists(name):
    record = TASKS[name]
    assert record["env"] in gym.registry and record["collect_steps"] > 0
    for key in ("collector", "policy", "tracker"):
        if key == "collector" and not record[key]:
            continue  # the policy collects
        module, function = record[key].split(":")
        assert callable(getattr(import_module(module), function))


@pytest.mark.parametrize("maze", MAZES)
def test_protocols_share_one_data_set(maze):
    names = [f"pointmaze-{maze}{s}" for s in ("", "-fixed", "-robotics")]
    assert {TASKS[n]["dataset"] for n in names} == {f"dfplan/pointmaze-{maze}-v0"}


def test_entry_point():
    (point,) = [p for p in entry_points(group="dfplan.tasks") if p.name == "dfplan-envs"]
    assert point.load() is TASKS
