"""Task records are plain data, and everything they refer to exists."""

import json
from importlib import import_module
from importlib.metadata import entry_points

import gymnasium as gym
import pytest

from dfplan_envs.locomotion.tasks import SCORES
from dfplan_envs.tasks import TASKS

MAZES = ("umaze", "medium", "large")
SUFFIXES = ("", "-fixed", "-robotics")
OGBENCH_MAZES = ("medium", "large", "giant", "teleport")
OGBENCH_SCENES = (
    "cube-single",
    "cube-double",
    "cube-triple",
    "scene",
    "puzzle-3x3",
    "puzzle-4x4",
)
OGBENCH_KINDS = {"pointmaze": ("navigate", "stitch"), "antmaze": ("navigate", "stitch", "explore")}
LOCOMOTION_KINDS = ("medium", "medium-replay", "medium-expert", "expert", "random")


def test_names():
    expected = {f"pointmaze-{maze}{suffix}" for maze in MAZES for suffix in SUFFIXES}
    for robot, kinds in OGBENCH_KINDS.items():
        names = {f"ogbench-{robot}-{maze}-{kind}" for maze in OGBENCH_MAZES for kind in kinds}
        expected |= names - {"ogbench-antmaze-giant-explore"}
    expected |= {
        f"ogbench-{scene}-{kind}" for scene in OGBENCH_SCENES for kind in ("play", "noisy")
    }
    expected |= {f"{robot}-{kind}" for robot in SCORES for kind in LOCOMOTION_KINDS}
    assert set(TASKS) == expected | {"pointmaze", "tmaze"}
    assert json.loads(json.dumps(TASKS)) == TASKS


@pytest.mark.parametrize("name", sorted(TASKS))
def test_record_refers_to_existing_objects(name):
    record = TASKS[name]
    module, _, env_id = record["env"].rpartition(":")
    if module:
        pytest.importorskip(module)
    assert env_id in gym.registry and record["collect_steps"] > 0
    for key in ("collector", "policy", "tracker"):
        if not record.get(key):
            continue  # A policy collects the data, or there is none and the controller is learned.
        module, function = record[key].split(":")
        assert callable(getattr(import_module(module), function))
    assert record["collector"] or record["policy"]


@pytest.mark.parametrize("maze", MAZES)
def test_tasks_of_a_maze_share_one_dataset(maze):
    names = [f"pointmaze-{maze}{suffix}" for suffix in SUFFIXES]
    assert {TASKS[name]["dataset"] for name in names} == {f"dfplan/pointmaze-{maze}-v0"}


def test_entry_point():
    entry_point = entry_points(group="dfplan.tasks")["dfplan-envs"]
    assert entry_point.load() is TASKS
