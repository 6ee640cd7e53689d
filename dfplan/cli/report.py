"""`dfplan report`."""

import dataclasses
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dfplan import __version__
from dfplan.agent import Agent
from dfplan.cli import eval as evaluation
from dfplan.cli.common import (
    File,
    Integer,
    RunDir,
    check_outputs,
    check_seed,
    console,
    need_at_least,
    parse,
    write_json,
    write_text,
)
from dfplan.cli.info import facts
from dfplan.cli.render import off_screen, shoot
from dfplan.config import Config, flatten
from dfplan.evaluation.time_limit import limit_steps
from dfplan.plots.video import write_video
from dfplan.report.curves import draw_curves
from dfplan.report.page import Page, Picture, Setting, render_page
from dfplan.report.result import figures, read_result, result_table
from dfplan.runs.resolve import ResolvedRun, resolve_run
from dfplan.runs.run import load_weights
from dfplan.training.metrics import read_metrics
from dfplan.types import UserError

FILM_BYTES = 1_000_000
FILM_SIZES = (400, 280, 200, 140)
FILM_SECONDS = 20.0
CAPTIONS = {
    "plans.png": "Plans of the evaluated episodes that took longest, and the paths driven.",
    "denoising.gif": "One plan being denoised, token by token.",
}


@dataclasses.dataclass(frozen=True)
class Args:
    """Write one HTML page about a run that needs no other file and no network.

    It shows what was trained and how, training curves, evaluations, plans, a film of an episode and
    all settings. Evaluations are read from results of `dfplan eval --out`; where there are none, a
    few episodes are played.

    Attributes:
        run: directory of a run, or name of a task that comes trained (see `dfplan tasks`);
            before all options.
        out: the page.
        results: directories that `dfplan eval --out` wrote, or its JSON files; the first one's
            pictures are shown. When left out, those in the run's directory.
        episodes: episodes to play when there are no results.
        seed: of the first of them, and of the film.
        max_steps: longest episode, for environments that have no time limit of their own.
        json: also write file and size to this file.
    """

    run: RunDir
    out: Path = Path("report.html")
    results: tuple[Path, ...] = ()
    episodes: int = 10
    seed: int = 1000
    max_steps: Integer = None
    json: File = None


def main(argv: Sequence[str]) -> int:
    """Write a report."""
    args = parse(Args, "report", argv)
    found = resolve_run(args.run)
    need_at_least(1, episodes=args.episodes, max_steps=args.max_steps)
    check_seed(args.seed)
    check_outputs(args.out, args.json)
    with tempfile.TemporaryDirectory() as work:
        paths = args.results or _results_of(found.directory)
        results = {path: read_result(path) for path in paths or [_evaluate(args, Path(work))]}
        sources = [f"Read from {path}." for path in paths] or ["Played for this page."]
        film = _film(args, found, Path(work) / "film.gif")
        page = render_page(_page(found, results, sources, film, argv))
    write_text(args.out, page)
    size = len(page.encode())
    console.print(f"wrote {args.out}: {size / 1e6:.2f} MB")
    write_json(args.json, {"report": str(args.out), "bytes": size})
    return 0


def _results_of(directory: Path) -> list[Path]:
    return sorted([*directory.glob("result.json"), *directory.glob("*/result.json")])


def _evaluate(args: Args, out: Path) -> Path:
    """Play some episodes; returns the result's file, which has its pictures beside it."""
    console.print(f"no results in {args.run}: playing {args.episodes} episodes")
    options = ["--episodes", args.episodes, "--seed", args.seed, "--out", out]
    if args.max_steps:
        options += ["--max-steps", args.max_steps]
    with off_screen():
        evaluation.main([str(args.run), *map(str, options)], names_pictures=False)
    return out / "result.json"


def _film(args: Args, found: ResolvedRun, path: Path) -> Picture | None:
    """An episode as a GIF that is not too large for a page; None where it cannot be filmed."""
    run = found.run
    task = limit_steps(run.task, args.max_steps)
    try:
        agent = Agent.from_run(run, load_weights(run, found.directory))
        frames, fps, how = shoot(agent, task, [args.seed], FILM_SIZES[0], seconds=FILM_SECONDS)
    except UserError as error:  # such as an environment that is not installed here
        console.print(f"note: no film: {error}")
        return None
    for size in FILM_SIZES:
        write_video(path, frames, fps, size)
        if path.stat().st_size <= FILM_BYTES:
            break
    caption = f"The episode of seed {args.seed}, {how}: plan, candidates and the path driven."
    return Picture(path, caption)


def _page(
    found: ResolvedRun,
    results: Mapping[Path, dict[str, Any]],
    sources: Sequence[str],
    film: Picture | None,
    argv: Sequence[str],
) -> Page:
    task, config = found.run.task, found.run.config.to_dict()
    first = next(iter(results))
    beside = first if first.is_dir() else first.parent
    pictures = [Picture(beside / name, text) for name, text in CAPTIONS.items()]
    metrics = read_metrics(found.directory)
    return Page(
        title=task.name or task.env,
        subtitle=task.description,
        figures=figures(results[first]),
        facts=facts(found),
        curves=draw_curves(metrics) if metrics else "",
        tables=[
            result_table(result, source, config["planner"])
            for result, source in zip(results.values(), sources, strict=True)
        ],
        pictures=[p for p in (film, *pictures) if p and p.path.is_file()],
        settings=_settings(config),
        footer=f"Written by dfplan {__version__}: {shlex.join(['dfplan', 'report', *argv])}",
    )


def _settings(config: Mapping[str, Any]) -> dict[str, list[Setting]]:
    default = Config().to_dict()
    return {
        section: [
            Setting(name, str(value), value == flatten(default[section])[name])
            for name, value in flatten(values).items()
        ]
        for section, values in config.items()
    }
