import os
import subprocess
import sys
import time

import pytest

import dfplan as package
from dfplan.cli import COMMANDS, main

PROGRAM = [sys.executable, "-c", "import sys; from dfplan.cli import main; sys.exit(main())"]
HEAVY = {"jax", "flax", "gymnasium", "tyro", "numpy", "rich", "minari"}


def test_help_is_instant_and_names_every_command():
    took = []
    for _ in range(3):  # the best of three, as other work may hold the machine up
        begin = time.perf_counter()
        done = subprocess.run([*PROGRAM, "--help"], capture_output=True, text=True, check=True)
        took.append(time.perf_counter() - begin)
    assert min(took) < 0.7
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)


def test_help_imports_nothing_heavy():
    code = "import sys; from dfplan.cli import main; main(['--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "dfplan.cli" in loaded
    assert not HEAVY & loaded


def test_version(dfplan):
    done = dfplan("--version")
    assert (done.code, done.out) == (0, f"dfplan {package.__version__}\n")


def test_no_command_shows_the_overview(dfplan):
    done = dfplan()
    assert done.code == 2
    assert done.out.startswith("usage: dfplan COMMAND")


def test_unknown_command(dfplan):
    done = dfplan("trian")
    valid = ", ".join(COMMANDS)
    assert done.code == 2
    assert done.err == f"dfplan: error: unknown command 'trian'; valid: {valid}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(dfplan, command):
    done = dfplan(command, "--help")
    assert (done.code, done.err) == (0, "")
    assert f"usage: dfplan {command}" in done.out
    assert "{None}" not in done.out  # how tyro shows an option that may be left out


def test_help_shows_the_defaults_of_task_and_preset(dfplan):
    done = dfplan("train", "pointmaze-large", "--preset", "small", "--help")
    text = " ".join(done.out.replace("│", " ").split())
    assert "--data.stride INT control steps per token. (default: 24)" in text
    width = "--net.width INT features per token inside the network, and of a latent."
    assert f"{width} (default: 96)" in text


def test_help_of_eval_shows_the_run_own_planner(dfplan, run):
    done = dfplan("eval", run, "--help")
    text = " ".join(done.out.replace("│", " ").split())
    assert '"diffused" actions. (default: tracker)' in text


def test_interrupt(monkeypatch, capsys):
    def interrupted(argv):
        raise KeyboardInterrupt

    monkeypatch.setattr("dfplan.cli.tasks.main", interrupted)
    assert main(["tasks"]) == 130
    assert capsys.readouterr().err == "dfplan: interrupted\n"


def test_reader_that_goes_away_is_no_traceback():
    # As in `dfplan tasks | head -1`, here with a pipe that nobody reads.
    read, write = os.pipe()
    os.close(read)
    for args in (["--help"], ["tasks"], ["train", "--help"]):
        done = subprocess.run([*PROGRAM, *args], stdout=write, stderr=subprocess.PIPE, text=True)
        assert (done.returncode, done.stderr) == (1, "")
    os.close(write)
