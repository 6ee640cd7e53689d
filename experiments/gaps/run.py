"""Gaps in tracks, filled by three methods: python -m experiments.gaps.run."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dfplan.cli import main as dfplan
from dfplan.data.store.listing import local_ids
from experiments.common.markdown import cell, number, table
from experiments.common.training import train_to_end
from experiments.gaps.tracks import maze_tracks, plaza_tracks, write_csv

MAZE = "gaps/maze-states-v0"
GAPS = (4, 8, 12)
TOKENS = 24
SHARES = {"train": (0.0, 0.8), "calibration": (0.8, 0.9), "test": (0.9, 1.0)}
WALKERS = 700
MAZE_STEPS = 300_000


def main(argv: Sequence[str] | None = None) -> None:
    """Make tracks, train a network on each kind, and print the errors of each method."""
    parser = argparse.ArgumentParser(prog="python -m experiments.gaps.run", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/gaps"))
    parser.add_argument("--training-steps", type=int, default=4_000)
    parser.add_argument("--windows", type=int, default=100, help="gaps to fill")
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    for kind in ("maze", "plaza"):
        make_datasets(kind, args.out)
        run = args.out / kind
        train_to_end(run, train_command(kind, run, args.training_steps))
        results = {gap: measure(kind, run, gap, args.windows) for gap in GAPS}
        print(f"{kind}\n\n{gap_table(results)}\n", flush=True)


def make_datasets(kind: str, out: Path) -> None:
    """Make the tracks of a kind and import them as training, calibration and test sets."""
    if dataset_id(kind, "test") in local_ids():
        return
    if kind == "maze" and MAZE not in local_ids():
        _run(["collect", "pointmaze-medium", "--dataset", MAZE, "--steps", str(MAZE_STEPS)])
    tracks = maze_tracks(MAZE) if kind == "maze" else plaza_tracks(WALKERS, seed=0)
    for part, (begin, end) in SHARES.items():
        file = out / f"{kind}-{part}.csv"
        write_csv(file, tracks[int(begin * len(tracks)) : int(end * len(tracks))])
        if dataset_id(kind, part) not in local_ids():
            _run(["import", str(file), "--dataset", dataset_id(kind, part)])


def dataset_id(kind: str, part: str) -> str:
    """Return the Minari id of a part of the tracks."""
    return f"gaps/{kind}-{part}-v0"


def train_command(kind: str, run: Path, steps: int) -> list[str]:
    """Return the arguments of `dfplan` that train a network which sees both sides of a gap."""
    settings = {
        "--dataset": dataset_id(kind, "train"),
        "--out": run,
        "--env": "none",
        "--preset": "small",
        "--data.tokens": TOKENS,
        "--net.kind": "bidirectional",
        "--planner.sampling.matrix": "full_sequence",
        "--training.steps": steps,
    }
    return ["train", *(str(text) for option in settings.items() for text in option)]


def measure(kind: str, run: Path, gap: int, windows: int) -> dict[str, Any]:
    """Return the measurements of `dfplan predict --gap`, from a file if they exist already."""
    file = run / f"gap-{gap}.json"
    if not file.exists():
        settings = {
            "--dataset": dataset_id(kind, "test"),
            "--calibration": dataset_id(kind, "calibration"),
            "--gap": gap,
            "--windows": windows,
            "--planner.candidates": 16,
            "--planner.sampling.steps": 10,
            "--json": file,
        }
        options = [str(text) for option in settings.items() for text in option]
        _run(["predict", str(run), *options])
    return json.loads(file.read_text())["measured"]


def gap_table(results: Mapping[int, Mapping[str, Any]]) -> str:
    """Return errors, and the coverage of 90 % intervals, as Markdown; a row per method and gap."""
    rows = []
    for gap, measured in results.items():
        for method, values in measured.items():
            coverage = values.get("coverage_90%", {}).get("mean")
            rows.append([str(gap), method, cell(values["error"], 3), number(coverage, 3)])
    header = ["missing steps", "filled by", "error, m", "in the 90 % interval"]
    return table(header, rows, text=(0, 1))


def _run(arguments: list[str]) -> None:
    """Run a command of `dfplan`.

    Raises:
        SystemExit: If it fails, with its exit code.
    """
    code = dfplan(arguments)
    if code:
        raise SystemExit(code)


if __name__ == "__main__":
    main()
