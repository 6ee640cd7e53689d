"""The command line as a whole: help, version, exit codes."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest
from rich.console import Console

import dfplan as package
from dfplan.cli import COMMANDS, main
from dfplan.util.files import atomic_directory

PROGRAM = [sys.executable, "-c", "import sys; from dfplan.cli import main; sys.exit(main())"]
HEAVY = {"jax", "flax", "gymnasium", "tyro", "numpy", "rich", "minari"}


def test_help_is_instant_and_names_every_command():
    seconds = []
    for _ in range(3):  # The best of three, as other work may slow the machine down.
        start_time = time.perf_counter()
        done = subprocess.run([*PROGRAM, "--help"], capture_output=True, text=True, check=True)
        seconds.append(time.perf_counter() - start_time)
    assert min(seconds) < 0.7
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


def test_code_of_the_user_that_exits_with_a_message(dfplan, place):
    (place / "leaves.py").write_text("import sys\nsys.exit('no licence')\n")
    done = dfplan("collect", "--env", "Pendulum-v1", "--dataset", "a/b-v0", "--policy", "leaves:P")
    assert (done.code, done.err) == (1, "dfplan: error: no licence\n")


def test_no_command_shows_the_overview(dfplan):
    done = dfplan()
    assert done.code == 2
    assert done.out.startswith("usage: dfplan COMMAND")


def test_unknown_command(dfplan):
    done = dfplan("trian")
    assert done.code == 2 and done.err.count("\n") == 1
    assert "'trian'" in done.err and ", ".join(COMMANDS) in done.err


def without_settings(text):
    """Return a help text without the settings of Config, which are described elsewhere."""
    return text.split("data options")[0].split("planner options")[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(dfplan, command):
    done = dfplan(command, "--help")
    assert (done.code, done.err) == (0, "")
    assert f"usage: dfplan {command}" in done.out
    assert "{None}" not in done.out  # How tyro shows an optional option by default.
    assert "(default: )" not in without_settings(done.out)


def default_of(option, text):
    """Return the default of an option in a help text."""
    _, _, rest = " ".join(text.replace("│", " ").split()).partition(f"--{option} ")
    return rest.partition("(default: ")[2].partition(")")[0]


def test_help_shows_the_defaults_of_task_and_preset(dfplan):
    done = dfplan("train", "pointmaze-large", "--preset", "small", "--help")
    assert default_of("data.stride", done.out) == "24"
    assert default_of("net.width", done.out) == "96"


def test_help_of_eval_shows_the_planner_settings_of_the_run(dfplan, run):
    done = dfplan("eval", run, "--help")
    assert default_of("planner.low-level-controller", done.out) == "tracker"


def test_interrupt(monkeypatch, capsys):
    def interrupted(argv):
        raise KeyboardInterrupt

    monkeypatch.setattr("dfplan.cli.tasks.main", interrupted)
    assert main(["tasks"]) == 130
    assert capsys.readouterr().err == "dfplan: interrupted\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_termination_cleans_up(monkeypatch, capsys, tmp_path, number, code):
    """Any command cleans up as on Ctrl-C, and exits with the conventional code."""

    def write_and_wait(argv):
        with atomic_directory(tmp_path / "new"):
            os.kill(os.getpid(), number)

    monkeypatch.setattr("dfplan.cli.tasks.main", write_and_wait)
    before = signal.signal(number, signal.SIG_DFL)
    try:
        assert main(["tasks"]) == code
    finally:
        signal.signal(number, before)
    assert capsys.readouterr().err == "dfplan: interrupted\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has this device")
def test_output_that_cannot_be_written(monkeypatch, capsys):
    """Whatever a command prints to, as in `dfplan tasks > /dev/full`, a failure is one line."""
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(["--version"]) == 2
        assert "full" not in repr(os.readlink(f"/proc/self/fd/{full.fileno()}"))
    err = capsys.readouterr().err
    assert err == "dfplan: error: standard output: No space left on device\n"


def test_a_file_that_cannot_be_read(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("dfplan.cli.tasks.main", lambda argv: (tmp_path / "missing").read_text())
    assert main(["tasks"]) == 2
    err = capsys.readouterr().err
    assert err == f"dfplan: error: {tmp_path / 'missing'}: No such file or directory\n"


def closed_pipe() -> int:
    """Return the writing end of a pipe without a reader, as in `dfplan tasks | true`."""
    read, write = os.pipe()
    os.close(read)
    return write


def test_a_process_with_a_closed_pipe_ends_without_a_traceback():
    with open(closed_pipe(), "w") as stdout:
        done = subprocess.run([*PROGRAM, "--help"], stdout=stdout, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("args", [["tasks"], ["train", "--help"]])
def test_a_closed_pipe_fails_silently(args, capfd, monkeypatch):
    monkeypatch.setattr("dfplan.cli.tasks.console", Console())  # rich makes it quiet for good
    with open(closed_pipe(), "w") as stdout, contextlib.redirect_stdout(stdout):
        assert main(args) == 1
        stdout.flush()  # as Python does when the process ends
    assert capfd.readouterr().err == ""
