"""What the README shows works as it stands there."""

import re
from pathlib import Path

from dfplan.cli import main

README = Path(__file__).parents[2].joinpath("README.md").read_text()
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9.-]*[a-z0-9]")


def test_the_loop_runs(run):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    scope = {}
    exec(code.replace("runs/demo/train", str(run)), scope)
    assert scope["truncated"] and scope["agent"].planner.config.candidates == 8


def test_every_flag_exists(capfd, run):
    commands = [["collect"], ["train", "pointmaze-umaze"], ["eval", str(run)], ["plan", str(run)]]
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
