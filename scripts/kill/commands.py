"""The commands that are killed, their inputs, and how they run in forks."""

import contextlib
import importlib
import json
import os
import shlex
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

TASK = "pointmaze-umaze"
SMALL = """
--training.steps 6 --training.batch-size 4 --training.log-every 2 --training.save-every 2
--net.width 16 --net.layers 1 --net.heads 2 --training.objective.no-two-stream
--training.optimizer.name adamw --diffusion.schedule cosine
"""
DATASET = "dfplan/pointmaze-umaze-v0"
NEW_DATASET = "killed/walk-v0"
COMMANDS = {
    "train": f"train {TASK} --out run {SMALL}",
    "train --init-from": f"train --init-from ../base --out run {SMALL}",
    "pack": "pack ../base --out packed",
    "export": "export ../base --out exported --platforms cpu",
    "eval": "eval ../base --episodes 1 --max-steps 8 --out eval --json eval.json",
    "report": "report ../base --results ../result --max-steps 8 --out report.html",
    "render": "render ../base --max-steps 8 --size 64 --out episode.gif --json r.json",
    "plan": "plan ../base --start 1 1 --goal 1 -1 --json plan.json --png plan.png",
    "predict": f"predict ../base --dataset {DATASET} --windows 4 --planner.candidates 2 "
    "--json predict.json --png predict.png",
    "bench": "bench ../base --batches 1 --seconds 0 --json bench.json",
    "info": "info ../base --json info.json",
    "dataset show": f"dataset show {DATASET} --plot d.png --json d.json",
    "collect": f"collect --env dfplan/PointMaze_UMaze_D4RL-v0 --dataset {NEW_DATASET} --steps 300",
    "import": f"import ../walk.npz --dataset {NEW_DATASET}",
}
OTHERS = {"another.json": "{}", "run-2/config.json": "another's", "killed/other-v0/data": "x"}
"""Files that lie beside a command's output, and must stay as they are."""


def prepare(root: Path) -> None:
    """Make the inputs of the commands in `root`, unless an earlier call has made them."""
    root.mkdir(parents=True, exist_ok=True)
    os.chdir(root)
    os.environ["MINARI_DATASETS_PATH"] = str(root / "datasets")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(root / "xla")
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
    warnings.filterwarnings("ignore", message=".*os.fork.*")  # No JAX runs in this process.
    if (root / "result").exists():
        return
    (root / "datasets").mkdir()
    rows = np.random.default_rng(0).normal(size=(300, 6))
    terminals = np.arange(300) % 30 == 29
    np.savez("walk.npz", observations=rows[:, :4], actions=rows[:, 4:], terminals=terminals)
    for command in (
        f"collect {TASK} --steps 1500",
        f"train {TASK} --out base {SMALL}",
        "eval base --episodes 1 --max-steps 8 --out result",
    ):
        code, output = run(shlex.split(command))
        if code:
            raise RuntimeError(f"dfplan {command} exits with {code}: {output}")


def fresh_folder(folder: Path) -> None:
    """Replace a folder by a new one that holds only `OTHERS`, and change into it."""
    os.chdir(folder.parent)
    shutil.rmtree(folder, ignore_errors=True)
    for path, text in OTHERS.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    os.chdir(folder)


def import_modules(argv: list[str]) -> None:
    """Import everything that a command imports, so that its forks start at once.

    A fork runs the command and reports its modules. This process does not run it, because JAX would
    start threads, which forks do not inherit.
    """
    with tempfile.TemporaryDirectory() as name:
        report = Path(name) / "modules.json"

        def list_modules() -> None:
            run_quietly(argv)
            report.write_text(json.dumps(sorted(sys.modules)))

        in_fork(list_modules)
        for module in json.loads(report.read_text()):
            with contextlib.suppress(ImportError):  # Some modules exist only in memory.
                importlib.import_module(module)
    threads = os.listdir("/proc/self/task")
    if len(threads) > 1:
        raise RuntimeError(f"imports of dfplan {argv[0]} started {len(threads) - 1} threads")


def in_fork(action: Callable[[], object]) -> None:
    """Run an action in a fork, and wait for its end."""
    child = os.fork()
    if child == 0:
        try:
            action()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def run(argv: list[str]) -> tuple[int, str]:
    """Run a command in a fork; return its exit code and output."""
    with tempfile.TemporaryFile("w+") as file:
        child = os.fork()
        if child == 0:
            os._exit(_command(argv, file.fileno()))
        _, status = os.waitpid(child, 0)
        file.seek(0)
        return os.waitstatus_to_exitcode(status), file.read()


def run_quietly(argv: list[str]) -> int:
    """Run a command in this process without output; return its exit code."""
    with open(os.devnull, "w") as null:
        return _command(argv, null.fileno())


def _command(argv: list[str], output: int) -> int:
    from dfplan.cli import main as dfplan

    if NEW_DATASET in argv:  # A dataset is written to Minari's root.
        os.environ["MINARI_DATASETS_PATH"] = os.getcwd()
    os.dup2(output, 1)
    os.dup2(output, 2)
    try:
        return dfplan(argv)
    except BaseException:
        import traceback

        traceback.print_exc()
        return 70
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
