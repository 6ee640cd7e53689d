"""Custom maps: the arguments of the commands, and the table."""

import json

import pytest

from dfplan.tasks.make_env import make_env
from experiments.maze2d import custom_maps, maps
from experiments.maze2d.custom_maps import CUSTOM_MAPS
from experiments.maze2d.pages import custom_map_tables
from experiments.maze2d.study import maze_task
from experiments.maze2d.train import new_command

UMAZE = {"maze_map": ["#####", "#OOO#", "###O#", "#OOO#", "#####"]}


@pytest.mark.parametrize("name", CUSTOM_MAPS)
def test_commands_get_the_map_and_no_other_setting(name, tmp_path):
    command = new_command(tmp_path, name, 0)
    assert command[:2] == ["train", "pointmaze"]
    options = dict(zip(command[2::2], command[3::2], strict=True))
    assert set(options) == {"--dataset", "--env-kwargs", "--training.seed", "--out"}
    kwargs = json.loads(options["--env-kwargs"])
    assert kwargs == CUSTOM_MAPS[name] == maze_task(name).env_kwargs
    env = make_env(maze_task(name).env, kwargs)
    assert len(env.unwrapped.maze.free) == sum(row.count("O") for row in kwargs["maze_map"])
    env.close()


@pytest.mark.slow
def test_maps_are_measured_and_listed_in_the_readme(study, monkeypatch, capsys):
    for module in (custom_maps, maps, custom_map_tables):
        monkeypatch.setattr(module, "CUSTOM_MAPS", {"umaze": UMAZE})
    monkeypatch.setattr("experiments.maze2d.study.CUSTOM_MAPS", {"umaze": UMAZE})
    collected = []
    monkeypatch.setattr(
        maps, "collect", lambda study: collected.append(maze_task(study.mazes[0]).dataset)
    )
    maps.measure_maps(study)
    assert collected == ["own/umaze-v0"]
    record = json.loads(study.result("umaze", 0, "random").read_text())
    assert not study.result("umaze", 0, "fixed").exists()
    readme = (study.pages / "README.md").read_text()
    assert "**umaze**, 5 × 5 cells, 2 episodes" in readme
    assert "| hard bound | 1.00 |" in readme
    mean = sum(record["per_episode"]["first_reach"]) / 2
    assert f"| {mean:.1f} (" in readme or f"| {mean:.1f} |" in readme
