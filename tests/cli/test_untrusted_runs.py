"""A run is data: commands import nothing that it names, unless the user trusts its code."""

import contextlib
import json
import shutil
import sys
import zlib
from pathlib import Path

import gymnasium as gym
import pytest

from dfplan.agent import Agent
from dfplan.cli import report, train
from dfplan.cli.own_code import trust_run
from dfplan.runs.fit import fit_run
from dfplan.runs.resolve import resolve_run
from dfplan.runs.run import Run, checkpoints
from dfplan.tasks.load import checkpoint_folder, load_function
from dfplan.tasks.make_env import make_env
from dfplan.tasks.registry import Task
from dfplan.training.checkpoint import CheckpointStore
from dfplan.types import UserError

PLANTED = """
import pathlib
import gymnasium
import beside_planted

pathlib.Path("ran").touch()
gymnasium.register("Planted-v0", entry_point="planted_env:make")

def track(*args, **kwargs):
    raise AssertionError("called")
"""
ENTRY_POINT = """
from gymnasium.envs.classic_control import PendulumEnv as make
"""
TASK = Task(
    "planted:Planted-v0", "planted/none-v0", policy="planted:track", tracker="planted:track"
)
MODULES = ("planted", "beside_planted", "planted_env")


@pytest.fixture(scope="module")
def untrusted_run(tiny_data, tiny_config, tmp_path_factory) -> Path:
    """A run with weights that names a module for everything that a run can name."""
    path = tmp_path_factory.mktemp("planted") / "run"
    config = tiny_config.override({"planner.low_level_controller": "tracker"})
    run = fit_run(TASK, config, tiny_data)
    run.save(path)
    with CheckpointStore(checkpoints(path)) as store:
        store.save_weights(4, run.model.init(1))
    return path


@pytest.fixture
def planted(untrusted_run, place) -> Path:
    """The run; its modules lie in the current directory and in the run."""
    for folder in (place, untrusted_run):
        (folder / "planted.py").write_text(PLANTED)
        (folder / "planted_env.py").write_text(ENTRY_POINT)
        (folder / "beside_planted.py").write_text("")
    yield untrusted_run
    for name in MODULES:
        sys.modules.pop(name, None)
    gym.registry.pop("Planted-v0", None)


def ran() -> bool:
    return Path("ran").exists() or any(name in sys.modules for name in MODULES)


@pytest.mark.parametrize(
    ("args", "name"),
    [
        (["eval"], "planted:Planted-v0"),
        (["eval", "--env", "Pendulum-v1"], ""),
        (["report"], "planted:Planted-v0"),
        (["render", "--max-steps", "3"], "planted:Planted-v0"),
        (["plan", "--start", "0", "0", "0"], "planted:track"),
        (["plan", "--start", "0", "0", "0", "--png", "p.png"], "planted:track"),
    ],
    ids=str,
)
def test_commands_refuse_the_code_of_a_run(dfplan, planted, args, name):
    done = dfplan(args[0], planted, *args[1:])
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert not ran()
    if name:
        for part in (str(planted / "config.json"), repr(name), "--trust-code"):
            assert part in done.err


def test_train_imports_nothing_of_the_run_that_it_begins_with(dfplan, planted):
    done = dfplan("train", "--init-from", planted, "--out", "new")
    assert done.code == 2 and "planted/none-v0" in done.err  # there is no such dataset
    assert not ran()


def test_train_logs_nowhere_because_a_run_says_so(planted, place):
    record = json.loads((planted / "config.json").read_text())
    record["config"]["training"]["wandb"] = "evil"
    record.pop("checksum", None)
    (place / "other").mkdir()
    (place / "other" / "config.json").write_text(json.dumps(record))
    assert Run.load("other").config.training.wandb == "evil"
    args, _ = train.parse_training(["--init-from", "other", "--out", "new"])
    assert args.config.training.wandb == ""


def test_info_and_pack_treat_a_run_as_data(dfplan, planted, place):
    done = dfplan("info", planted, "--json", "i.json")
    assert done.code == 0 and not ran()
    assert "tracker planted:track" in json.loads((place / "i.json").read_text())["untrusted code"]
    assert dfplan("pack", planted, "--out", "packed").code == 0 and not ran()
    assert Run.load(place / "packed").task == TASK


def test_agents_refuse_the_code_of_a_run(planted, place, monkeypatch):
    monkeypatch.syspath_prepend(str(place))
    with pytest.raises(UserError, match=r"tracker 'planted:track'.*trust_code=True"):
        Agent.load(planted)
    assert not ran()
    Agent.load(planted, trust_code=True)
    assert ran()


def test_a_trusted_run_may_import_from_the_current_directory(planted, place):
    path = list(sys.path)
    run = trust_run(resolve_run(planted)).run
    assert sys.path == path and str(place) not in path
    assert load_function(run.task.tracker) is sys.modules["planted"].track
    make_env(run.task.env).close()
    assert (place / "ran").exists()


def test_eval_trusts_an_environment_that_the_user_names(dfplan, planted, place):
    done = dfplan("eval", planted, "--env", "planted:Planted-v0", "--max-steps", "2")
    assert (place / "ran").exists()
    # The environment was made; it is not the one that the run was trained for.
    assert done.code == 2 and "trained with" in done.err


@pytest.mark.parametrize("command", ["eval", "plan", "report", "render"])
def test_trust_code_is_an_option_of_each_command_that_runs_code(
    dfplan, planted, place, command, monkeypatch
):
    def stop(self, *args, **kwargs):
        raise UserError("stopped before compiling")

    monkeypatch.setattr(Agent, "plan_from", stop)
    options = {"plan": ["--start", 0, 0, 0], "eval": ["--max-steps", 2]}.get(command, [])
    done = dfplan(command, planted, *options, "--trust-code")
    assert (place / "ran").exists()
    assert done.code == 2 and "--trust-code" not in done.err


def test_a_module_that_fails_is_named(dfplan, planted, place):
    (place / "planted.py").write_text("import no_such_module_2\n")
    done = dfplan("eval", planted, "--trust-code")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "'planted'" in done.err and "no_such_module_2" in done.err


def test_reports_embed_no_file_from_elsewhere(place):
    (place / "secret").write_text("key")
    (place / "results").mkdir()
    (place / "results" / "plans.png").symlink_to(place / "secret")
    (place / "results" / "denoising.gif").touch()
    figures = [place / "results" / name for name in ("plans.png", "denoising.gif", "none.png")]
    assert [report._is_own_file(path) for path in figures] == [False, True, False]


def test_a_checkpoint_names_no_files_elsewhere(dfplan, untrusted_run, place):
    run = shutil.copytree(untrusted_run, place / "copy")
    (place / "outside").write_bytes(b"secret")
    contents = run / "checkpoints" / "4" / "contents.json"
    record = json.loads(contents.read_text())
    name = "weights/../../../../outside"
    record["files"][name] = zlib.crc32(b"secret")
    contents.write_text(json.dumps(record))
    done = dfplan("info", run)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert repr(name) in done.err


def texts(record, path=()):
    """Yield the path of every text in a record."""
    for key, value in record.items():
        if isinstance(value, dict):
            yield from texts(value, (*path, key))
        elif isinstance(value, str):
            yield (*path, key)


def test_no_text_in_a_run_is_imported(planted, place, monkeypatch):
    monkeypatch.syspath_prepend(str(place))
    record = json.loads((planted / "config.json").read_text())
    record.pop("checksum", None)
    paths = list(texts(record))
    assert len(paths) > 20
    (place / "other").mkdir()
    for path in paths:
        changed = json.loads(json.dumps(record))
        section = changed
        for key in path[:-1]:
            section = section[key]
        section[path[-1]] = "planted:track"
        (place / "other" / "config.json").write_text(json.dumps(changed))
        try:
            run = resolve_run("other").run
        except UserError:
            assert not ran(), path
            continue
        for use, value in (
            (Run.make_planner, run),
            (make_env, run.task.env),
            (load_function, run.task.tracker),
            (load_function, run.task.policy),
            (checkpoint_folder, run.task),
        ):
            with contextlib.suppress(UserError):
                use(value)
        assert not ran(), path
