"""`dfplan predict`."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.table import Table

from dfplan.cli.common import (
    File,
    RunDir,
    Text,
    check_outputs,
    check_seed,
    console,
    need_at_least,
    parse_with_run,
    write_json,
)
from dfplan.cli.progress import step_bar
from dfplan.evaluation.evaluate import interval as mean_interval
from dfplan.forecast.sample import check_rolls, sample_futures
from dfplan.forecast.windows import (
    LEVELS,
    ForecastWindows,
    calibrate,
    errors,
    held_out,
    inside,
    interval,
    latest,
)
from dfplan.planner.config import PlannerConfig
from dfplan.planner.diffusion_planner import DiffusionPlanner, as_diffusion_planner
from dfplan.planner.plan import Weights
from dfplan.plots.forecast import draw_forecasts
from dfplan.runs.resolve import ResolvedRun
from dfplan.runs.run import load_weights
from dfplan.types import UserError

SAMPLES = 64
ERRORS = {"mean": "mean", "best": "best sample", "final": "mean, at the end"}


@dataclasses.dataclass(frozen=True)
class Args:
    """Continue observed trajectories: samples of what follows, their mean, and intervals.

    Without --from-end, windows are drawn from the dataset, and what really followed measures the
    forecasts. `--planner.history.tokens` says how many tokens are observed, `--planner.horizon` how many
    are predicted (0: all that training had), `--planner.candidates` how many samples are drawn.

    Attributes:
        run: directory of a run, or name of a task that comes trained; before all options.
        dataset: Minari id of the trajectories; best ones that the run was not trained on.
        windows: how many to draw.
        calibration: Minari id of other trajectories, on which intervals are stretched until they
            hold the share that they promise.
        from_end: go on from the end of every episode instead, where nothing is known.
        tokens: to predict, also more than training had: windows of `--planner.horizon` tokens then
            follow each other; 0 for one window.
        seed: of the windows and the samples.
        json: write the forecasts, and how good they are, to this file.
        png: draw six of them in this file.
    """

    run: RunDir
    dataset: Text = None
    windows: int = 200
    calibration: Text = None
    from_end: bool = False
    tokens: int = 0
    seed: int = 0
    json: File = None
    png: File = None
    planner: PlannerConfig = PlannerConfig()


def main(argv: Sequence[str]) -> int:
    """Predict."""
    args, found = parse_with_run(Args, "predict", argv, _defaults)
    if args.dataset is None:
        raise UserError("--dataset is missing: the Minari id of the trajectories to continue")
    if args.png and args.png.suffix.lower() != ".png":
        raise UserError(f"--png {args.png} must end in .png")
    check_seed(args.seed)
    need_at_least(1, windows=args.windows)
    need_at_least(0, tokens=args.tokens)
    check_outputs(args.json, args.png)
    run = found.run.replace_planner(args.planner)
    data = run.load_data(args.dataset)
    held = run.load_data(args.calibration) if args.calibration else None
    planner = as_diffusion_planner(run.planner)
    tokens = args.tokens or planner.horizon
    if tokens > planner.horizon:
        check_rolls(planner)
    weights = load_weights(run, found.directory)
    stretch = dict.fromkeys(LEVELS, 1.0)
    if held is not None:
        known = held_out(held, planner, args.windows, args.seed, tokens)
        samples = _sample("calibrating", planner, weights, known, args.seed + 1, tokens)
        assert known.future is not None
        stretch = {level: calibrate(samples, known.future, level) for level in LEVELS}
    windows = (
        latest(data, planner)
        if args.from_end
        else held_out(data, planner, args.windows, args.seed, tokens)
    )
    samples = _sample("predicting", planner, weights, windows, args.seed, tokens)
    record = _record(args, planner, windows, samples, stretch)
    console.print(_sentence(record))
    if windows.future is not None:
        console.print(_table(record["measured"]))
    if args.png:
        draw_forecasts(args.png, windows, samples, run.layout)
    write_json(args.json, record)
    for path in filter(None, (args.json, args.png)):
        console.print(f"wrote {path}")
    return 0


def _defaults(name: Path, found: ResolvedRun) -> Args:
    config = dataclasses.replace(found.run.config.planner, candidates=SAMPLES)
    if found.run.reward_conditioned:  # its token would ask for more than what is usual
        goal = dataclasses.replace(config.goal, conditioning="none")
        guidance = dataclasses.replace(config.guidance, samples=1)
        config = dataclasses.replace(config, goal=goal, guidance=guidance)
    return Args(name, planner=config)


def _sample(
    what: str,
    planner: DiffusionPlanner,
    weights: Weights,
    windows: ForecastWindows,
    seed: int,
    tokens: int,
) -> np.ndarray:
    with step_bar(what, len(windows.step)) as advance:
        return sample_futures(planner, weights, windows.history, seed, advance, tokens)


def _record(
    args: Args,
    planner: DiffusionPlanner,
    windows: ForecastWindows,
    samples: np.ndarray,
    stretch: dict[float, float],
) -> dict[str, Any]:
    layout = planner.model.layout
    record = {
        "run": str(args.run),
        "dataset": args.dataset,
        "calibration": args.calibration,
        "stretch": {str(level): factor for level, factor in stretch.items()},
        "stride": layout.stride,
        "observed_tokens": planner.config.history.tokens,
        "predicted_tokens": samples.shape[2],
        "samples": samples.shape[1],
        "episode": windows.episode.tolist(),
        "step": windows.step.tolist(),
        "mean": samples.mean(axis=1).tolist(),
        "intervals": {
            str(level): [end.tolist() for end in interval(samples, level, stretch[level])]
            for level in LEVELS
        },
    }
    if windows.future is not None:
        position = layout.goal_dims or tuple(range(layout.state_dim))
        found = errors(samples, windows.future, position)
        covered = {
            f"coverage_{level:.0%}": inside(samples, windows.future, level, stretch[level])
            for level in LEVELS
        }
        record["measured"] = {
            **{name: mean_interval(hits.mean(axis=(1, 2))) for name, hits in covered.items()},
            **{f"error_{name}": mean_interval(values) for name, values in found.items()},
        }
    return record


def _sentence(record: dict[str, Any]) -> str:
    steps = record["predicted_tokens"] * record["stride"]
    return (
        f"{len(record['step']):,} forecasts of {record['predicted_tokens']} states, {steps} "
        f"control steps, after {record['observed_tokens']} observed; "
        f"{record['samples']} samples each"
    )


def _table(measured: dict[str, Any]) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("measured", no_wrap=True)
    table.add_column("mean (95 % interval)", no_wrap=True)
    for name, value in measured.items():
        kind, _, what = name.partition("_")
        label = (
            f"truths in the {what} interval" if kind == "coverage" else f"truth to {ERRORS[what]}"
        )
        table.add_row(
            label, f"{value['mean']:.3f} ({value['ci_low']:.3f} to {value['ci_high']:.3f})"
        )
    return table
