"""Kill every command that writes, at random times and at file operations, and run it again.

    python -m scripts.kill               # 200 random times and all file operations per command
    python -m scripts.kill --random 10 --chosen 10 --commands train pack

After each kill, the output of the command must be complete or absent, all other files must be
unchanged, and the same command (or `--resume` of the training) must succeed and leave no hidden
file. "Chosen" kills happen right before an operation that opens a file for writing, renames or
removes something, or creates a directory. Prints one line of counts per command; exits with code 1
on a failure.
"""

import argparse
import collections
import contextlib
import functools
import io
import json
import os
import random
import re
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.faults import count_instants, kill_after, kill_at

TASK = "pointmaze-umaze"
SMALL = """
--training.steps 12 --training.batch-size 4 --training.log-every 3 --training.save-every 3
--net.width 16 --net.layers 1 --net.heads 2 --training.objective.no-two-stream
--training.optimizer.name adamw --diffusion.schedule cosine
"""
DATASET = "dfplan/pointmaze-umaze-v0"
COMMANDS = {
    "train": f"train {TASK} --out run {SMALL}",
    "train --init-from": f"train --init-from ../base --out run {SMALL}",
    "pack": "pack ../base --out packed",
    "export": "export ../base --out exported --platforms cpu",
    "eval": "eval ../base --episodes 1 --max-steps 8 --out eval --json eval.json",
    "report": "report ../base --results ../eval --max-steps 8 --out report.html",
    "render": "render ../base --max-steps 8 --size 64 --out episode.gif --json r.json",
    "plan": "plan ../base --start 1 1 --goal 1 -1 --json plan.json --png plan.png",
    "predict": f"predict ../base --dataset {DATASET} --windows 4 --planner.candidates 2 "
    "--json predict.json --png predict.png",
    "dataset show": f"dataset show {DATASET} --plot d.png --json d.json",
    "collect": "collect --env dfplan/PointMaze_UMaze_D4RL-v0 --dataset killed/walk-v0 --steps 300",
}
OTHERS = {"another.json": "{}", "run-2/config.json": "another's", "killed/other-v0/data": "x"}


def main() -> int:
    """Run the harness."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--random", type=int, default=200, help="random kills per command")
    parser.add_argument("--chosen", type=int, default=10**6, help="most chosen kills per command")
    parser.add_argument("--commands", nargs="+", default=list(COMMANDS), choices=list(COMMANDS))
    parser.add_argument("--minutes", type=float, default=1e6, help="time limit per command")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--root", type=Path, help="working directory, to be used again")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        root = (args.root or Path(directory)).absolute()
        root.mkdir(parents=True, exist_ok=True)
        _prepare(root)
        failures = sum(_kill_command(name, root, args) for name in args.commands)
        os.chdir("/")
    return 1 if failures else 0


def _prepare(root: Path) -> None:
    """Make the inputs of the commands. This process must not start JAX, as it is forked."""
    os.chdir(root)
    os.environ["MINARI_DATASETS_PATH"] = str(root / "datasets")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(root / "xla")
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
    import dfplan.cli.collect
    import dfplan.cli.predict
    import dfplan.cli.report  # noqa: F401 (imported before the forks, which then start at once)

    if (root / "eval").exists():
        return
    (root / "datasets").mkdir()
    _succeed(f"collect {TASK} --steps 1500")
    _succeed(f"train {TASK} --out base {SMALL}")
    _succeed("eval base --episodes 1 --max-steps 8 --out eval")


def _succeed(command: str) -> None:
    code, output = _run(shlex.split(command))
    if code:
        raise RuntimeError(f"dfplan {command} exits with {code}: {output}")


def _run(argv: list[str]) -> tuple[int, str]:
    """Run a command in a fork; return its exit code and output."""
    with tempfile.TemporaryFile("w+") as file:
        child = os.fork()
        if child == 0:
            os._exit(_command(argv, file.fileno()))
        _, status = os.waitpid(child, 0)
        file.seek(0)
        return os.waitstatus_to_exitcode(status), file.read()


def _command(argv: list[str], output: int) -> int:
    from dfplan.cli import main as dfplan

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


def _kill_command(name: str, root: Path, args: argparse.Namespace) -> int:
    """Kill one command at all chosen and random times; print and return the number of failures."""
    argv = shlex.split(COMMANDS[name])
    folder = _fresh(root)
    kills = _choose_kills(argv, folder, args)
    expected = _Expected(_visible(folder), _curve(folder))
    counts = collections.Counter()
    problems = []
    states = set()
    end = time.perf_counter() + 60 * args.minutes
    for kind, kill in kills:
        if time.perf_counter() > end:
            break
        _fresh(root)
        counts[kind] += 1
        counts["before the end"] += kill()
        problems += _others_changed()
        problems += [problem for path in _visible(folder) if (problem := _damage(folder / path))]
        state = _state(folder)
        if state not in states:  # The command has been run again from an equal state.
            states.add(state)
            problems += _run_again(argv, folder, expected)
    print(
        f"{name}: killed at {counts['chosen']} chosen and {counts['random']} random times, "
        f"{counts['before the end']} before the end; {len(states)} different states, "
        f"{len(problems)} failures",
        flush=True,
    )
    for problem in problems[:10]:
        print(f"  {problem}", flush=True)
    return len(problems)


def _choose_kills(
    argv: list[str], folder: Path, args: argparse.Namespace
) -> list[tuple[str, Callable[[], bool]]]:
    """Run the command once in the folder, and return functions that kill it there, shuffled."""
    numbers = random.Random(args.seed)
    counted = folder.parent / "instants"
    start = time.perf_counter()
    _forked(lambda: counted.write_text(str(count_instants(folder, lambda: _quiet(argv)))))
    seconds = time.perf_counter() - start

    def run() -> int:
        return _quiet(argv)

    instants = range(1, int(counted.read_text()) + 1)
    chosen = numbers.sample(instants, min(args.chosen, len(instants)))
    moments = [numbers.uniform(0, seconds) for _ in range(args.random)]
    kills = [("chosen", functools.partial(kill_at, number, folder, run)) for number in chosen]
    kills += [("random", functools.partial(kill_after, moment, run)) for moment in moments]
    numbers.shuffle(kills)
    return kills


def _fresh(root: Path) -> Path:
    """Return a new current directory that already holds other files."""
    folder = root / "work"
    os.chdir(root)
    shutil.rmtree(folder, ignore_errors=True)
    for path, text in OTHERS.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    os.chdir(folder)
    return folder


def _quiet(argv: list[str]) -> int:
    if "killed/walk-v0" in argv:  # A dataset is written to Minari's root.
        os.environ["MINARI_DATASETS_PATH"] = os.getcwd()
    with open(os.devnull, "w") as null:
        return _command(argv, null.fileno())


def _forked(action: Callable[[], object]) -> None:
    child = os.fork()
    if child == 0:
        action()
        os._exit(0)
    os.waitpid(child, 0)


class _Expected(NamedTuple):
    """What a command that is not killed leaves: its files, and the losses of a training."""

    paths: set[str]
    curve: list[Any]


def _run_again(argv: list[str], folder: Path, expected: _Expected) -> list[str]:
    """Run a killed command again, and return what is wrong then."""
    problems = []
    out = next((a for a in argv if a in ("run", "packed", "exported")), None)
    resumes = out == "run" and Path("run").exists()
    again = ["train", "--out", "run", "--resume"] if resumes else argv
    finished = out is not None and not resumes and Path(out).exists()
    finished = finished or Path("killed/walk-v0").exists()
    if "killed/walk-v0" in argv:
        os.environ["MINARI_DATASETS_PATH"] = str(folder)
    code, output = _run(again)
    os.environ["MINARI_DATASETS_PATH"] = str(folder.parent / "datasets")
    if code != (2 if finished else 0):
        problems.append(f"run again, it exits with {code}: {output[-500:]}")
    missing = expected.paths - _visible(folder)
    problems += [f"{p} is missing" for p in missing if "/" not in p or p.endswith("config.json")]
    problems += [f"{path} was left" for path in folder.rglob("*.dfplan-*")]
    if _curve(folder) != expected.curve:
        problems.append("the training has other losses than one that is not killed")
    return problems + _others_changed()


def _others_changed() -> list[str]:
    return [f"{path} was changed" for path, text in OTHERS.items() if not _is(path, text)]


def _is(path: str, text: str) -> bool:
    with contextlib.suppress(OSError):
        return Path(path).read_text() == text
    return False


def _curve(folder: Path) -> list[Any]:
    """Return steps and losses of the training in a folder."""
    path = folder / "run" / "metrics.jsonl"
    records = map(json.loads, path.read_text().splitlines()) if path.exists() else ()
    return [(record["step"], record["loss"]) for record in records]


def _state(folder: Path) -> tuple[str, ...]:
    """Return all paths in a folder, without the random parts of their names, and file sizes."""
    paths = [f"{p.relative_to(folder)} {p.stat().st_size}" for p in folder.rglob("*")]
    return tuple(sorted(re.sub(r"[0-9a-f]{8,}|\d{10}\.\w+\.", "*", path) for path in paths))


def _visible(folder: Path) -> set[str]:
    """Return the files below a folder that no part of their path hides."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(p) for p in paths if not any(part.startswith(".") for part in p.parts)}


def _damage(path: Path) -> str:
    """Return how a file is damaged; empty if it is not."""
    data = path.read_bytes()
    try:
        if path.name in ("another.json", "data") or path.parent.name == "run-2":
            return ""
        if path.suffix == ".json":
            json.loads(data)
        if path.suffix in (".png", ".gif"):
            from PIL import Image

            with Image.open(io.BytesIO(data)) as image:
                for frame in range(getattr(image, "n_frames", 1)):
                    image.seek(frame)
                    image.load()
        if path.suffix == ".html" and not data.rstrip().endswith(b"</html>"):
            return f"{path} is cut off"
    except Exception as error:
        return f"{path} is damaged: {error}"
    return ""


if __name__ == "__main__":
    sys.exit(main())
