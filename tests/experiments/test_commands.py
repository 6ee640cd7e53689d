"""Settings as options of the command line, and the training commands of the paradigms."""

import pytest

from dfplan.cli.train import parse_training
from dfplan.config import Config
from experiments.common.commands import option_list
from experiments.paradigms.study import PARADIGMS, Study
from experiments.paradigms.train import command


def test_booleans_become_flags():
    settings = {"a.two_stream": True, "a.b.two_stream": False, "steps": 3}
    assert option_list(settings) == ["--a.two-stream", "--a.b.no-two-stream", "--steps", "3"]


@pytest.mark.parametrize("name", PARADIGMS)
def test_the_command_line_accepts_the_training_commands(name):
    arguments = command(Study(), name, seed=1, directory=Study.runs)
    args, _ = parse_training(arguments[1:])
    assert args.config == Config().override({**PARADIGMS[name].settings, "training.seed": 1})
