"""`~` is the home directory wherever it begins a path, and printed commands can be pasted."""

import shlex

import pytest

from dfplan.cli import _expand_home
from dfplan.cli.common import quoted
from dfplan.cli.train import _next_command


@pytest.mark.parametrize(
    ("arg", "expected"),
    [
        ("~/run", "/home/me/run"),
        ("--out=~/run", "/home/me/run"),
        ("--out", "--out"),
        ("a~b", "a~b"),
        ("--env-kwargs={}", "--env-kwargs={}"),
    ],
)
def test_a_leading_tilde_is_the_home_directory(monkeypatch, arg, expected):
    monkeypatch.setenv("HOME", "/home/me")
    assert _expand_home(arg).removeprefix("--out=") == expected


def test_a_command_expands_its_paths(monkeypatch, tmp_path, dfplan):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert dfplan("tasks", "--json=~/tasks.json").code == 0
    assert (tmp_path / "tasks.json").exists()


@pytest.mark.parametrize("path", ["my run", "a'b", "$HOME", "runs/[64]"])
def test_printed_commands_name_one_path(path):
    assert shlex.split(quoted("eval", path)) == ["dfplan", "eval", path]


@pytest.mark.parametrize("env", ["", "Some-v0"])
def test_the_command_after_training_is_quoted(env):
    class Run:
        class task:
            dataset = "my/data-v0"

    Run.task.env = env
    assert shlex.split(_next_command(Run, "my run"))[2] == "my run"
