"""`dfplan sweep`."""

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import tyro

from dfplan.cli.common import (
    File,
    Folder,
    check_at_least,
    check_outputs,
    check_seed,
    console,
    parse,
    write_result,
)
from dfplan.cli.ray_args import RayArgs, RayOptions
from dfplan.cli.sweep_jobs import train_and_evaluate
from dfplan.cli.sweep_progress import training_bar
from dfplan.cli.table import PlainTable
from dfplan.cli.train import parse_training
from dfplan.data.minari_io import open_dataset
from dfplan.data.shards.layout import is_shards
from dfplan.evaluation.bootstrap import mean_interval
from dfplan.evaluation.metrics import METRICS
from dfplan.report.result import format_interval, headline_names
from dfplan.tasks.protocols import PROTOCOLS, assign_tasks
from dfplan.tasks.registry import get_task
from dfplan.types import UserError
from dfplan.util.jobs import Job, run_jobs
from dfplan.util.readers.json import read_json
from dfplan.util.threads import thread_limits
from dfplan.util.variables import environment_variables

RESULTS = "results"
"""Folder in --out with a result per run."""
SUMMARY = "sweep.json"
OWN_SETTINGS = ("training.seed",)
"""Settings that differ between the runs of a sweep."""


@dataclasses.dataclass(frozen=True)
class Args:
    """Train and evaluate a grid of tasks and training seeds: dfplan sweep TASK ... --out DIR.

    Settings of `dfplan train`, such as --training.steps 2000, apply to all runs. The run of a task
    and a training seed is DIR/TASK-SEED. The same command continues what was interrupted or has
    failed, and skips what is done. Without --ray, the runs follow one another, with --job-cpus
    threads each.

    Attributes:
        tasks: Names of tasks (see `dfplan tasks`); must precede the options.
        seeds: Training seeds.
        out: Directory of the runs and their results, which all machines share. (required)
        preset: Size of network and training: small, default or large.
        episodes: Number of episodes of each evaluation.
        eval_seed: Seed of the first of these episodes, the same for all runs.
        json: Also write the results to this file.
    """

    tasks: Annotated[
        tuple[str, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="TASK ...", help_behavior_hint=""),
    ] = ()
    seeds: Annotated[
        tuple[int, ...], tyro.conf.arg(metavar="INT ...", help_behavior_hint="(default: 0)")
    ] = (0,)
    out: Folder = None
    preset: str = "default"
    episodes: int = 50
    eval_seed: int = 1000
    json: File = None
    ray: RayOptions = RayArgs()


class SweptRun(NamedTuple):
    """A run of a sweep.

    Attributes:
        task: Name of its task.
        seed: Training seed.
    """

    task: str
    seed: int

    @property
    def name(self) -> str:
        """Name of its directory."""
        return f"{self.task}-{self.seed}"


def main(argv: Sequence[str]) -> int:
    """Train and evaluate runs."""
    own, settings = split_settings(argv)
    args = parse(Args, "sweep", own)
    if args.out is None:
        raise UserError("--out is missing: the directory of the runs")
    steps = _check(args, settings)
    runs = [SweptRun(task, seed) for task in args.tasks for seed in args.seeds]
    jobs = [_job(run, args, args.out, settings=settings) for run in runs]
    errors: dict[str, UserError] = {}
    total = len(jobs)
    done = sum(job.result_file(args.out / RESULTS).exists() for job in jobs)

    def ended(job: Job, error: UserError | None) -> None:
        nonlocal done
        done += 1
        if error is not None:
            errors[job.name] = error
        console.print(f"{done} of {total}: {job.name} {f'failed: {error}' if error else 'done'}")

    console.print(f"{done} of {total} runs are done; results in {args.out}")
    with (
        _same_threads(args.ray),
        args.ray.executor() as executor,
        _progress(args.ray, {args.out / run.name: steps[run.task] for run in runs}),
    ):
        try:
            files = run_jobs(jobs, args.out / RESULTS, executor=executor, ended=ended)
        except KeyboardInterrupt as interrupt:
            interrupt.args = ("the same command continues the sweep",)
            raise
    records = {run: read_json(file) for run, file in zip(runs, files, strict=True) if file.exists()}
    summary = _summarize(records)
    console.print(_table(records, summary))
    record = {
        "tasks": summary,
        "runs": [{"task": r.task, "seed": r.seed, **record} for r, record in records.items()],
        "failed": {name: str(error) for name, error in errors.items()},
    }
    for path in (args.out / SUMMARY, args.json):
        write_result(path, record)
    if errors:
        raise UserError(
            f"{len(errors)} of {total} runs failed ({', '.join(errors)}); the same command runs "
            "them again"
        )
    return 0


def _progress(ray: RayArgs, runs: Mapping[Path, int]) -> contextlib.AbstractContextManager[None]:
    """Return a context that shows the progress of trainings in other processes."""
    return training_bar(runs) if ray.is_used else contextlib.nullcontext()


def _same_threads(ray: RayArgs) -> contextlib.AbstractContextManager[None]:
    """Give this process the threads of a job on Ray; JAX heeds them if it has not begun yet."""
    return environment_variables({} if ray.is_used else thread_limits(ray.job_cpus))


def split_settings(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return a sweep's own arguments, and the settings of training, whose names have a dot."""
    own: list[str] = []
    settings: list[str] = []
    part = own
    for arg in argv:
        if arg.startswith("--"):
            part = settings if "." in arg.partition("=")[0] else own
        part.append(arg)
    return own, settings


def _check(args: Args, settings: list[str]) -> dict[str, int]:
    """Check what can be wrong before any training begins; return each task's training steps."""
    if not args.tasks:
        raise UserError("give at least one task; see `dfplan tasks`")
    if not args.seeds:
        raise UserError("give at least one training seed with --seeds")
    for what, values in (("task", args.tasks), ("seed", args.seeds)):
        if len(set(values)) < len(values):
            raise UserError(f"a {what} is named twice: {' '.join(map(str, values))}")
    for name in OWN_SETTINGS:
        if any(arg.partition("=")[0] == f"--{name}" for arg in settings):
            raise UserError(f"--{name} differs between the runs; set them with --seeds")
    check_at_least(1, episodes=args.episodes)
    check_seed(args.eval_seed)
    args.ray.check()
    check_outputs(args.json)
    steps = {}
    for name in args.tasks:
        task = get_task(name)
        assign_tasks(PROTOCOLS.make(task.protocol), args.episodes)
        trainings = [
            parse_training(_training(name, args.preset, settings, seed=seed))[0]
            for seed in args.seeds
        ]
        training = trainings[0]
        dataset = training.dataset or task.dataset
        if not is_shards(dataset):
            open_dataset(dataset)
        steps[name] = training.config.training.steps
    return steps


def _training(task: str, preset: str, settings: list[str], *, seed: int) -> list[str]:
    return [task, "--preset", preset, *settings, "--training.seed", str(seed)]


def _job(run: SweptRun, args: Args, out: Path, settings: list[str]) -> Job:
    directory = str(out / run.name)
    training = _training(run.task, args.preset, settings, seed=run.seed)
    arguments = {
        "out": directory,
        "train": [*training, "--out", directory],
        "eval": [directory, "--episodes", str(args.episodes), "--seed", str(args.eval_seed)],
    }
    return Job(run.name, train_and_evaluate, arguments)


def _summarize(records: Mapping[SweptRun, Any]) -> dict[str, dict[str, Any]]:
    """Return each task's metrics, with intervals over training seeds and episodes."""
    tasks = dict.fromkeys(run.task for run in records)
    return {
        task: _intervals([r["per_episode"] for run, r in records.items() if run.task == task])
        for task in tasks
    }


def _intervals(runs: Sequence[Mapping[str, list[float]]]) -> dict[str, Any]:
    return {
        name: mean_interval(np.array([run[name] for run in runs]))
        for name in METRICS
        if name in runs[0]
    }


def _table(records: Mapping[SweptRun, Any], summary: Mapping[str, Any]) -> PlainTable:
    """Return a table of all runs and, for each task, of their mean."""
    names = headline_names({name for metrics in summary.values() for name in metrics})
    table = PlainTable("task", "seed", *(name.replace("_", " ") for name in names))
    for task, metrics in summary.items():
        rows = {str(r.seed): v["result"]["metrics"] for r, v in records.items() if r.task == task}
        if len(rows) > 1:
            rows["all"] = metrics
        for seed, values in rows.items():
            table.add_row(task, seed, *(format_interval(values.get(name)) for name in names))
    return table
