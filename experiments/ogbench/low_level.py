"""Compare low-level controllers on reference plans: python -m experiments.ogbench.low_level TASK.

The plans are shortest routes on the map, computed again every 20 control steps from where the robot
is, with tokens as far apart as the data move. Only the controllers differ, so a planner that uses
one of them can hardly succeed more often than it does here.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.cli.common import console
from dfplan.control.low_level import LowLevelController
from dfplan.data.minari_io import load_trajectories
from dfplan.data.trajectories import Trajectories
from dfplan.tasks.registry import get_task
from dfplan.util.compilation_cache import enable_compilation_cache
from experiments.common.markdown import number, table
from experiments.common.pages import fill_readme
from experiments.common.records import measure_once, read
from experiments.ogbench.controllers import VARIANTS, Learner
from experiments.ogbench.drive import Robots, drive, follow
from experiments.ogbench.reference import steps_per_cell

RESULTS = Path(__file__).parent / "low_level"
SEED = 37_000
QUANTILE = 0.9
"""Quantile of the data's speed that spaces the tokens, which is the speed on straight corridors."""
TIMED_CALLS = 200
METRICS = {
    "success_rate": 2,
    "mean_steps": 0,
    "steps_per_cell": 1,
    "wall_contact": 3,
    "overturned_rate": 2,
}
"""Metrics in the table, and their digits."""
COLUMNS = ("controller", "success", "steps", "steps per cell", "touching walls", "overturned")


def main(argv: Sequence[str] | None = None) -> int:
    """Learn the controllers of each task, drive with them, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m experiments.ogbench.low_level")
    parser.add_argument("tasks", nargs="+", metavar="TASK", help="tasks with collected data")
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--episodes", type=int, default=10, help="episodes per OGBench task")
    parser.add_argument(
        "--lookaheads", nargs="+", type=int, default=[0], help="control steps; 0 for the default"
    )
    parser.add_argument("--steps", type=int, default=10_000, help="optimizer steps")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    args = parser.parse_args(argv)
    enable_compilation_cache()
    for name in args.tasks:
        measure(
            name,
            variants=args.only,
            lookaheads=args.lookaheads,
            episodes=args.episodes,
            steps=args.steps,
            out=args.out,
        )
    tables = "\n\n".join(map(render, sorted(args.out.glob("ogbench-*"))))
    fill_readme(args.out, RESULTS / "README.md", {"tables": tables})
    console.print(tables)
    return 0


def measure(
    name: str,
    *,
    variants: Sequence[str],
    lookaheads: Sequence[int],
    episodes: int,
    steps: int,
    out: Path,
) -> None:
    """Measure controllers of a task, and write a record of each; measured ones are skipped."""
    task = get_task(name)
    data = load_trajectories(task.dataset, goal_dims=task.goal_dims or None)
    learner = Learner(data, task, steps)
    stride = learner.run.config.data.stride
    spacing = _spacing(data, list(task.goal_dims), stride)
    request = {"task": name, "data": data.fingerprint, "episodes": episodes, "steps": steps}
    combinations = [
        (variant, lookahead)
        for variant in variants
        for lookahead in (lookaheads if VARIANTS[variant].looks_ahead else [0])
    ]
    for variant, lookahead in combinations:

        def drive_once(variant: str = variant, lookahead: int = lookahead) -> dict[str, Any]:
            begin = time.perf_counter()
            controller = learner.learn(VARIANTS[variant], lookahead)
            seconds = time.perf_counter() - begin
            robots = Robots.reset(task, data.state.mean(axis=0), episodes, SEED)
            is_first = np.zeros(len(data.state), bool)
            is_first[data.start] = True
            return {
                "data_steps_per_cell": steps_per_cell(robots.cells, data.state[:, :2], is_first),
                "learned_in_seconds": seconds,
                **_latency(controller, robots, spacing),
                **drive(robots, follow(controller, spacing)),
            }

        record = record_name(variant, lookahead)
        measure_once(out / name / f"{record}.json", {**request, "variant": record}, drive_once)


def record_name(variant: str, lookahead: int) -> str:
    """Return the name of a record; lookahead 0 is the default one."""
    return f"{variant}-{lookahead}" if lookahead else variant


def _spacing(data: Trajectories, dims: list[int], stride: int) -> float:
    """Return the distance that the data cover per token on straight stretches, in meters."""
    points = data.state[:, dims]
    ends = np.arange(len(points)) + stride
    begin = np.flatnonzero(ends <= data.last_row)
    distance = np.linalg.norm(points[begin + stride] - points[begin], axis=-1)
    return float(np.quantile(distance, QUANTILE))


def _latency(controller: LowLevelController, robots: Robots, spacing: float) -> dict[str, float]:
    """Return the milliseconds of a call for one robot and for all of them."""
    plans = robots.plans(spacing)
    states = robots.states.astype(np.float32)
    result = {}
    for batch in (1, len(states)):
        arguments = (plans[:batch], None, np.full(batch, 5), states[:batch], robots.goals[:batch])
        controller(*arguments)
        begin = time.perf_counter()
        for _ in range(TIMED_CALLS):
            np.asarray(controller(*arguments))
        seconds = (time.perf_counter() - begin) / TIMED_CALLS
        result[f"milliseconds_for_{batch}"] = 1e3 * seconds
    return result


def render(folder: Path) -> str:
    """Return the table of a task's records."""
    records = {path.stem: read(path) or {} for path in folder.glob("*.json")}
    measured = {name: records[name] for name in sorted(records, key=_order)}
    pace = next(iter(measured.values()))["data_steps_per_cell"]
    rows = [(_label(name), *_cells(record)) for name, record in measured.items()]
    return f"`{folder.name}` (data: {pace:.1f} steps per cell)\n\n{table(COLUMNS, rows)}"


def split_name(name: str) -> tuple[str, int]:
    """Return the controller and the lookahead of a record; undo `record_name`."""
    variant, _, lookahead = name.rpartition("-")
    return (variant, int(lookahead)) if lookahead.isdecimal() else (name, 0)


def _order(name: str) -> tuple[int, int]:
    variant, lookahead = split_name(name)
    return list(VARIANTS).index(variant), lookahead


def _label(name: str) -> str:
    variant, lookahead = split_name(name)
    label = VARIANTS[variant].label
    return f"{label}, looking {lookahead} steps ahead" if lookahead else label


def _cells(record: dict[str, Any]) -> tuple[str, ...]:
    return tuple(number(record.get(name), digits) for name, digits in METRICS.items())


if __name__ == "__main__":
    raise SystemExit(main())
