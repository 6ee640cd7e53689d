"""Wrong options: the error says what was meant."""

import pytest

from dfplan.cli import main
from dfplan.cli.usage import first_section, similar_options
from dfplan.types import UserError

OPTIONS = [
    "--training.steps",
    "--training.seed",
    "--planner.sampling.steps",
    "--value.steps",
    "--net.width",
    "--stop-step",
    "--episodes",
]


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("--steps", "--training.steps"),
        ("--training.step", "--training.steps"),
        ("--trainig.steps", "--training.steps"),
        ("--net.widht", "--net.width"),
        ("--width", "--net.width"),
        ("--sampling.steps", "--planner.sampling.steps"),
        ("--episode", "--episodes"),
    ],
)
def test_similar_options(name, first):
    assert first in similar_options(name, OPTIONS)[:2]


def test_nothing_is_similar():
    assert similar_options("--xyz", OPTIONS) == []


def error(capsys, *argv) -> str:
    assert main(argv) == 2
    text = capsys.readouterr().err
    assert text.startswith("dfplan: error: ") and text.count("\n") == 1
    return text


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--steps", "200"], ["--steps", "--training.steps"]),
        (["--steps=200"], ["--steps", "--training.steps"]),
        (["--training.batchsize", "2"], ["--training.batch-size"]),
        (["--net_width", "2", "--nett.width", "2"], ["--net.width", "--nett.width"]),
        (["--training.steps", "many"], ["--training.steps", "'many'"]),
        (["--task", "pointmaze-umaze"], ["--task"]),
        (["--no-such-thing"], ["--no-such-thing"]),
    ],
    ids=str,
)
def test_train(capsys, argv, words):
    text = error(capsys, "train", *argv)
    assert all(word in text for word in [*words, "dfplan train --help"])
    assert len(text) < 400


@pytest.mark.parametrize("option", ["--env", "--dataset", "--preset", "--init-from", "--out"])
def test_empty_values_are_refused(capsys, option):
    for argv in ([option, ""], [f"{option}="]):
        assert f"{option} is empty" in error(capsys, "train", *argv)
    assert "empty" in error(capsys, "train", "")


@pytest.mark.parametrize("option", ["--protocol", "--task", "--env", "--perturb"])
def test_empty_values_of_an_evaluation(capsys, option):
    assert option in error(capsys, "eval", "pointmaze-umaze", option, "")


BOX = """\
╭─ Value error ───────────────╮
│ Error parsing --seed: no    │
│ number: 'many'              │
│ ─────────────────────────── │
│ Argument helptext:          │
╰─────────────────────────────╯
"""
PLAIN = """\
 Value error                   
 ----------------------------- 
  Error parsing --seed: no     
  number: 'many'               
  -----------------------------
  Argument helptext:           
"""  # noqa: W291


@pytest.mark.parametrize("text", [BOX, PLAIN], ids=["box", "plain"])
def test_first_section(text):
    assert first_section(text) == "Error parsing --seed: no number: 'many'"


def test_an_unexpected_error_is_one_line(capsys, monkeypatch):
    def fail(argv):
        raise RecursionError("a bug\nof two lines")

    monkeypatch.setattr("dfplan.cli.tasks.main", fail)
    monkeypatch.delenv("DFPLAN_TRACEBACK", raising=False)
    assert main(["tasks"]) == 1
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    assert "RecursionError: a bug of two lines" in text and "DFPLAN_TRACEBACK=1" in text
    monkeypatch.setenv("DFPLAN_TRACEBACK", "1")
    with pytest.raises(RecursionError):
        main(["tasks"])


def test_user_errors_pass(capsys, monkeypatch):
    def fail(argv):
        raise UserError("as it is")

    monkeypatch.setattr("dfplan.cli.tasks.main", fail)
    assert main(["tasks"]) == 2
    assert capsys.readouterr().err == "dfplan: error: as it is\n"


@pytest.mark.parametrize(
    "command",
    ["eval", "serve", "plan", "render", "report", "predict", "info", "bench", "pack", "export"],
)
def test_a_missing_run(capsys, command):
    options = ["--log", "json"] if command == "serve" else ["--json", "x.json"]
    for argv in ([], options):
        text = error(capsys, command, *argv)
        assert "RUN is missing" in text and f"dfplan {command} --help" in text
        assert "(required)" not in text


def test_options_of_a_command_within_a_command(capsys):
    assert "--stride" in error(capsys, "dataset", "show", "x-v0", "--strid", "3")
    text = error(capsys, "dataset", "show", "x-v0", "--stride", "many")
    assert "'many'" in text and "unknown option" not in text


def test_the_number_of_episodes_is_checked_before_the_environment_is_made(capsys):
    argv = ["eval", "pointmaze-umaze", "--env", "NoSuchEnv-v0", "--protocol", "ogbench"]
    assert main([*argv, "--episodes", "7"]) == 2
    error = capsys.readouterr().err
    assert "7 episodes" in error and "multiple of 5" in error
