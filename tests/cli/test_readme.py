"""What the README shows works as it stands there."""

import contextlib
import json
import re
from pathlib import Path

import gymnasium
import numpy as np

from dfplan.agent import Agent
from dfplan.cli import main

README = Path(__file__).parents[2].joinpath("README.md").read_text()
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9.-]*[a-z0-9]")


def test_the_loop_runs(run):
    (code,) = re.findall(r"```python\n(import.*?)```", README, re.DOTALL)
    scope = {}
    exec(code.replace("runs/demo/train", str(run)), scope)
    assert scope["truncated"] and scope["agent"].planner.config.candidates == 8


def test_the_exported_planner_plans(dfplan, run, place):
    done = dfplan("export", run, "--out", "exported", "--json", "e.json")
    assert (done.code, done.err) == (0, "")
    size = sum(path.stat().st_size for path in (place / "exported").iterdir())
    assert json.loads((place / "e.json").read_text()) == {"directory": "exported", "bytes": size}
    (code,) = re.findall(r"```python\n(from dfplan.export.*?)```", README, re.DOTALL)
    with contextlib.closing(gymnasium.make("dfplan/PointMaze_UMaze_D4RL-v0")) as env:
        scope = {"observation": env.reset(seed=7000)[0]}
    exec(code, scope)
    agent = Agent.load(run)
    agent.act(scope["observation"])
    np.testing.assert_allclose(scope["plan"].states, agent.plan.states, atol=1e-5)


def test_every_flag_exists(capfd, run):
    commands = [["collect"], ["train", "pointmaze-umaze"], ["eval", str(run)], ["plan", str(run)]]
    commands += [["export", str(run)], ["render", str(run)], ["report", str(run)]]
    capfd.readouterr()
    for args in [*commands, ["info"]]:
        assert main([*args, "--help"]) == 0
    known = set(FLAG.findall(capfd.readouterr().out))
    assert set(FLAG.findall(README)) <= {*known, "--help"}


def test_every_picture_is_there():
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", README)
    assert pictures
    for picture in pictures:
        assert Path(__file__).parents[2].joinpath(picture).is_file()
