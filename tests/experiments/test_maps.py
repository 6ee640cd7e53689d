"""Maps that no preset knows: what the commands are told, and the table."""

import json

import pytest
from experiments.maze2d.own_maps import OWN

from dfplan.tasks.make_env import make_env
from experiments.maze2d import maps, own_maps
from experiments.maze2d.study import task
from experiments.maze2d.train import new_command

UMAZE = {"maze_map": ["#####", "#OOO#", "###O#", "#OOO#", "#####"]}


@pytest.mark.parametrize("name", OWN)
def test_the_commands_are_told_the_map_and_nothing_else(name, tmp_path):
    command = new_command(tmp_path, name, 0)
    assert command[:2] == ["train", "pointmaze"]
    options = dict(zip(command[2::2], command[3::2], strict=True))
    assert set(options) == {"--dataset", "--env-kwargs", "--training.seed", "--out"}
    kwargs = json.loads(options["--env-kwargs"])
    assert kwargs == OWN[name] == task(name).env_kwargs
    env = make_env(task(name).env, kwargs)
    assert len(env.unwrapped.maze.free) == sum(row.count("O") for row in kwargs["maze_map"])
    env.close()


@pytest.mark.slow
def test_maps_are_measured_and_stand_in_the_readme(study, monkeypatch, capsys):
    for module in (own_maps, maps):
        monkeypatch.setattr(module, "OWN", {"umaze": UMAZE})
    monkeypatch.setattr("experiments.maze2d.study.OWN", {"umaze": UMAZE})
    asked = []
    monkeypatch.setattr(maps, "collect", lambda study: asked.append(task(study.mazes[0]).dataset))
    maps.measure_maps(study)
    assert asked == ["own/umaze-v0"]
    record = json.loads(study.result("umaze", 0, "random").read_text())
    assert not study.result("umaze", 0, "fixed").exists()
    readme = (study.pages / "README.md").read_text()
    assert "**umaze**, 5 × 5 cells, 2 episodes" in readme and "| hard bound | 1.00 |" in readme
    mean = sum(record["per_episode"]["first_reach"]) / 2
    assert f"| {mean:.1f} (" in readme or f"| {mean:.1f} |" in readme
