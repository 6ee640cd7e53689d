"""`dfplan eval`."""

import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dfplan.cli.common import check_outputs, console, write_result
from dfplan.cli.eval_jobs import Evaluated, clear_cache, control_steps, evaluate, prepared
from dfplan.cli.evaluation import Args, Evaluation, note_missing_goal
from dfplan.cli.figures import FILES, draw_evaluation
from dfplan.cli.progress_bar import step_bar
from dfplan.cli.rendering import off_screen
from dfplan.cli.runs import open_agent
from dfplan.cli.table import PlainTable
from dfplan.evaluation.metrics import METRICS
from dfplan.report.result import format_interval, format_latency, headline_names
from dfplan.types import UserError
from dfplan.util.printable import counted

UNFINISHED = "unfinished"
"""Folder in --out that keeps finished work of an unfinished evaluation."""


@off_screen()
def main(argv: Sequence[str], *, list_figures: bool = True) -> int:
    """Evaluate runs.

    Args:
        argv: Arguments of the command.
        list_figures: Whether to print the paths of the figures.
    """
    with contextlib.ExitStack() as stack:
        stack.callback(clear_cache)
        evaluations = [prepared(one) for one in _split(argv)]
        for evaluation in evaluations:
            stack.callback(evaluation.env.close)
        args = evaluations[0].args
        folders = _folders(args.out, evaluations)
        outputs = [folder / file for folder in folders for file in ("result.json", *FILES)]
        check_outputs(args.json, *outputs)
        for evaluation in evaluations:
            note_missing_goal(evaluation)
        evaluated = _evaluate(args, evaluations)
        # All else may fail or be interrupted, so the results are written first.
        for folder, one in zip(folders, evaluated, strict=False):
            write_result(folder / "result.json", one.result)
        _write_json(args.json, evaluated)
        if args.out:
            shutil.rmtree(args.out / UNFINISHED, ignore_errors=True)
        _print(evaluations, evaluated)
        for folder, evaluation, one in zip(folders, evaluations, evaluated, strict=False):
            for path in _draw(folder, evaluation, one):
                if list_figures:
                    console.print(f"wrote {path}")
    return 0


def _split(argv: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the arguments of each run: its name and all options.

    Raises:
        UserError: If a run is named twice.
    """
    first = next((i for i, arg in enumerate(argv) if arg.startswith("-")), len(argv))
    runs = argv[:first]
    for run in runs:
        if runs.count(run) > 1:
            raise UserError(f"run {run} is named twice")
    return [(run, *argv[first:]) for run in runs] or [tuple(argv)]


def _folders(out: Path | None, evaluations: Sequence[Evaluation]) -> list[Path]:
    """Return the folder of each run's files; none without --out.

    Raises:
        UserError: If two runs would share a folder.
    """
    if out is None or len(evaluations) == 1:
        return [out] if out else []
    folders: dict[Path, Path] = {}
    for run in (evaluation.args.run for evaluation in evaluations):
        folder = out / "-".join(part for part in run.parts if part != run.root)
        if folder in folders:
            raise UserError(f"the results of {folders[folder]} and {run} would share {folder}")
        folders[folder] = run
    return list(folders)


def _evaluate(args: Args, evaluations: Sequence[Evaluation]) -> list[Evaluated]:
    total = sum(control_steps(evaluation) for evaluation in evaluations)
    with (
        args.ray.executor() as executor,
        step_bar("evaluating (control steps)", total) as advance,
    ):
        return evaluate(
            evaluations,
            executor=executor,
            folder=args.out and args.out / UNFINISHED,
            progress=advance,
        )


def _print(evaluations: Sequence[Evaluation], evaluated: Sequence[Evaluated]) -> None:
    """Print the result of one run, or a table of several."""
    if len(evaluated) == 1:
        console.print(_table(evaluated[0].result))
        return
    metrics = [one.result["metrics"] for one in evaluated]
    names = headline_names({name for run in metrics for name, value in run.items() if value})
    table = PlainTable("run", *(name.replace("_", " ") for name in names))
    for evaluation, run in zip(evaluations, metrics, strict=True):
        table.add_row(str(evaluation.args.run), *(format_interval(run[name]) for name in names))
    console.print(table)


def _write_json(path: Path | None, evaluated: Sequence[Evaluated]) -> None:
    results = [one.result for one in evaluated]
    write_result(path, results[0] if len(results) == 1 else {"runs": results})


def _draw(folder: Path, evaluation: Evaluation, evaluated: Evaluated) -> list[Path]:
    return draw_evaluation(
        folder,
        open_agent(evaluation.resolved),
        evaluation.task,
        make=evaluation.make,
        episodes=evaluated.episodes,
    )


def _table(result: dict[str, Any]) -> str:
    """Format a result with one row per metric, and columns for the planner and the baselines."""
    columns = {"planner": result["metrics"], **result.get("baselines", {})}
    rows = [("metric", *columns)]
    for name in METRICS:
        cells = [format_interval(metrics[name]) for metrics in columns.values()]
        if any(cells):
            rows.append((name, *cells))
    return "\n".join(
        [
            f"{result['task']}, {counted(result['episodes'], 'episode')}: mean (95% CI)",
            *_aligned(rows),
            *_aligned(_task_rows(result.get("tasks", {}))),
            format_latency(result["metrics"]["latency_ms"]),
        ]
    )


def _task_rows(tasks: dict[str, dict[str, Any]]) -> list[tuple[str, ...]]:
    """Return a header, one row per task, and an overall row; nothing without tasks."""
    rows = []
    for name, scores in tasks.items():
        if not rows:
            rows.append(("task", *scores))
        rows.append((name, *(format_interval(score) for score in scores.values())))
    return rows


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """Return the rows as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
