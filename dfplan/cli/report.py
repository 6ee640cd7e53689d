"""`dfplan report`."""

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

from dfplan import __version__
from dfplan.cli import eval as eval_command
from dfplan.cli.common import (
    File,
    Flag,
    Integer,
    RunDir,
    check_at_least,
    check_outputs,
    check_seed,
    console,
    parse,
    write_json,
)
from dfplan.cli.info import run_facts
from dfplan.cli.own_code import trust_run
from dfplan.cli.render import record_episodes
from dfplan.cli.runs import open_agent
from dfplan.config import Config, flatten
from dfplan.evaluation.time_limit import limit_steps
from dfplan.plots.write_video import write_video
from dfplan.report.curves import draw_curves
from dfplan.report.html import Figure, Report, Setting, render_html
from dfplan.report.result import headlines, read_result, result_table
from dfplan.runs.resolve import ResolvedRun, resolve_run
from dfplan.training.metrics import read_metrics
from dfplan.types import UserError
from dfplan.util import files
from dfplan.util.printable import counted

MAX_VIDEO_BYTES = 1_000_000
VIDEO_SIZES = (400, 280, 200, 140)
"""Longest side in pixels, in the order in which they are tried."""
VIDEO_SECONDS = 20.0
CAPTIONS = {
    "plans.png": "Plans and paths driven in the slowest episodes of the evaluation.",
    "denoising.gif": "One plan being denoised, token by token.",
}


@dataclasses.dataclass(frozen=True)
class Args:
    """Write a report about a run: one HTML file that needs no other file and no network.

    It shows what was trained and how, training curves, evaluations, plans, a video of an episode
    and all settings. Evaluations are read from results of `dfplan eval --out`; if there are none, a
    few episodes are played.

    Attributes:
        run: Run directory, or a task name for its pretrained planner (see `dfplan tasks`).
        out: Output file.
        results: Directories written by `dfplan eval --out`, or JSON files written by `dfplan
            eval --json`; the figures next to the first one are shown. By default, the results in
            the run directory.
        episodes: Number of episodes to play if there are no results.
        seed: Seed of the first of these episodes, and of the video.
        max_steps: Maximum episode length, for environments without a time limit of their own.
        trust_code: Import all code that the run names (environment, tracker, policy), also from
            the current directory; by default only what installed packages declare.
        json: Also write the report's path and size to this file.
    """

    run: RunDir
    out: Path = Path("report.html")
    results: Annotated[
        tuple[Path, ...], tyro.conf.arg(metavar="PATH ...", help_behavior_hint="")
    ] = ()
    episodes: int = 10
    seed: int = 1000
    max_steps: Integer = None
    trust_code: Flag = False
    json: File = None


def main(argv: Sequence[str]) -> int:
    """Write a report."""
    args = parse(Args, "report", argv)
    resolved = resolve_run(args.run)
    if args.trust_code:
        resolved = trust_run(resolved)
    check_at_least(1, episodes=args.episodes, max_steps=args.max_steps)
    check_seed(args.seed)
    check_outputs(args.out, args.json)
    with files.scratch_directory(args.out) as work:
        paths = list(dict.fromkeys(args.results)) or _find_results(resolved.directory)
        if paths:
            sources = [f"Read from {path}." for path in paths]
        else:
            paths = [_evaluate(args, work)]
            sources = ["Played for this report."]
        results = {path: read_result(path) for path in paths}
        video = _record_video(args, resolved, work / "video.gif")
        html = render_html(_report(resolved, results, sources, video=video, argv=argv))
    files.write_text(args.out, html)
    size = len(html.encode())
    console.print(f"wrote {args.out}: {size / 1e6:.2f} MB")
    write_json(args.json, {"report": str(args.out), "bytes": size})
    return 0


def _find_results(directory: Path) -> list[Path]:
    return sorted([*directory.glob("result.json"), *directory.glob("*/result.json")])


def _evaluate(args: Args, out: Path) -> Path:
    """Play some episodes, and return the file of the result, with figures next to it."""
    console.print(f"no results in {args.run}: playing {counted(args.episodes, 'episode')}")
    options = ["--episodes", args.episodes, "--seed", args.seed, "--out", out]
    if args.max_steps:
        options += ["--max-steps", args.max_steps]
    if args.trust_code:
        options += ["--trust-code"]
    eval_command.main([str(args.run), *map(str, options)], list_figures=False)
    return out / "result.json"


def _record_video(args: Args, resolved: ResolvedRun, path: Path) -> Figure | None:
    """Record an episode as a GIF that fits into a report; None if that is not possible."""
    task = limit_steps(resolved.run.task, args.max_steps)
    try:
        agent = open_agent(resolved)
        frames, fps, drawn = record_episodes(
            agent, task, [args.seed], size=VIDEO_SIZES[0], seconds=VIDEO_SECONDS
        )
    except UserError as error:  # Such as an environment that is not installed.
        console.print(f"note: no video: {error}")
        return None
    for size in VIDEO_SIZES:
        write_video(path, frames, fps, size=size)
        if path.stat().st_size <= MAX_VIDEO_BYTES:
            break
    caption = f"Episode with seed {args.seed}, {drawn}: active plan, candidates and path driven."
    return Figure(path, caption)


def _report(
    resolved: ResolvedRun,
    results: Mapping[Path, dict[str, Any]],
    sources: Sequence[str],
    video: Figure | None,
    argv: Sequence[str],
) -> Report:
    task = resolved.run.task
    config = resolved.run.config.to_dict()
    first = next(iter(results))
    folder = first if first.is_dir() else first.parent
    figures = [] if video is None else [video]
    figures += [Figure(folder / name, caption) for name, caption in CAPTIONS.items()]
    metrics = read_metrics(resolved.directory)
    return Report(
        title=task.name or task.env or task.dataset,
        subtitle=task.description,
        headlines=headlines(results[first]),
        facts=run_facts(resolved),
        curves=draw_curves(metrics) if metrics else "",
        tables=[
            result_table(result, source, config["planner"])
            for result, source in zip(results.values(), sources, strict=True)
        ],
        figures=[figure for figure in figures if _is_own_file(figure.path)],
        settings=_settings(config),
        footer=f"Written by dfplan {__version__}: {shlex.join(['dfplan', 'report', *argv])}",
    )


def _is_own_file(path: Path) -> bool:
    """Return whether a file exists and is not a link to another folder (reports embed files)."""
    return path.is_file() and path.resolve().parent == path.parent.resolve()


def _settings(config: Mapping[str, Any]) -> dict[str, list[Setting]]:
    """Return the settings of a run by section, with the defaults marked."""
    default = Config().to_dict()
    sections = {}
    for section, values in config.items():
        defaults = flatten(default[section])
        sections[section] = [
            Setting(name, str(value), is_default=value == defaults[name])
            for name, value in flatten(values).items()
        ]
    return sections
