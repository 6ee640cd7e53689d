"""`dfplan predict`."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

from dfplan.cli.common import (
    File,
    Flag,
    RunDir,
    Text,
    check_at_least,
    check_outputs,
    check_png,
    check_seed,
    console,
    write_result,
)
from dfplan.cli.forecasts import measure, summary, table_of
from dfplan.cli.gaps import Filler, Stretch, better_method, gap_table, measure_gaps
from dfplan.cli.progress_bar import step_bar
from dfplan.cli.runs import parse_with_run
from dfplan.cli.track_files import fill_files
from dfplan.forecast.fill import check_fill
from dfplan.forecast.sample import check_forecast, sample_futures
from dfplan.forecast.windows import (
    COVERAGES,
    ForecastWindows,
    calibrate,
    held_out,
    interval,
    latest,
)
from dfplan.planner.config import PlannerConfig
from dfplan.planner.diffusion_planner import DiffusionPlanner, as_diffusion_planner
from dfplan.planner.plan import Weights
from dfplan.plots.forecast import draw_forecasts
from dfplan.representation.layout import Layout
from dfplan.runs.data import load_data
from dfplan.runs.resolve import ResolvedRun
from dfplan.runs.run import Run
from dfplan.types import UserError

SAMPLES = 64
TOGETHER_STEPS = 10

Files = Annotated[tuple[Path, ...], tyro.conf.arg(metavar="PATH ...", help_behavior_hint="")]
Names = Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME ...", help_behavior_hint="")]


@dataclasses.dataclass(frozen=True)
class Args:
    """Forecast trajectories and fill their gaps: samples, their mean, and calibrated intervals.

    Without --from-end, windows are drawn from the dataset, and the forecasts are compared with what
    actually followed. The number of observed tokens is `--planner.history.tokens`, that of
    predicted tokens `--planner.horizon` (0: the same number as in training), and that of sampled
    futures `--planner.candidates`.

    --gap and --fill fill gaps instead. This takes a network of the kind "bidirectional", which sees
    both sides of a gap.

    Attributes:
        run: Run directory, or a task name for its pretrained planner (see `dfplan tasks`); must
            precede the options.
        dataset: Minari id of the trajectories, preferably held out from training.
            (required, except with --fill alone)
        windows: Number of windows to draw.
        calibration: Minari id of the calibration set: intervals are rescaled on it to nominal
            coverage (conformal prediction).
        from_end: Forecast beyond the end of each episode instead, where there is no ground truth.
        tokens: Number of tokens to predict, which may exceed the training horizon: then windows
            of `--planner.horizon` tokens are chained; 0 for one window.
        gap: Fill held-out gaps of this many tokens in the dataset, and compare the result with the
            truth, with straight lines and with a Kalman smoother.
        fill: Fill the gaps in these files of tracks; formats as in `dfplan import`.
        columns: Columns of the files that form the state; x and y by default.
        csv: Write the completed tracks of --fill to this file.
        seed: Random seed of the windows and the samples.
        json: Write the forecasts and their errors to this file.
        png: Draw six forecasts to this PNG file.
    """

    run: RunDir
    dataset: Text = None
    windows: int = 200
    calibration: Text = None
    from_end: Flag = False
    tokens: int = 0
    gap: int = 0
    fill: Files = ()
    columns: Names = ()
    csv: File = None
    seed: int = 0
    json: File = None
    png: File = None
    planner: PlannerConfig = PlannerConfig()


def main(argv: Sequence[str]) -> int:
    """Forecast."""
    args, resolved = parse_with_run(Args, "predict", argv, planner_defaults=forecast_settings)
    check_png("--png", args.png)
    check_seed(args.seed)
    check_at_least(1, windows=args.windows)
    check_at_least(0, tokens=args.tokens, gap=args.gap)
    check_outputs(args.json, args.png, args.csv)
    if bool(args.fill) != bool(args.csv):
        raise UserError("--fill PATH ... (input) and --csv FILE (output) must be given together")
    if args.columns and not args.fill:
        raise UserError("--columns names columns of the files of --fill; omit it, or give --fill")
    fills_gaps = args.gap or args.fill
    if args.dataset is None and not args.fill:
        raise UserError("--dataset is missing: the Minari id of the trajectories to predict")
    record = _fill(args, resolved) if fills_gaps else _forecast(args, resolved)
    write_result(args.json, record)
    for path in filter(None, (args.json, args.png, args.csv)):
        console.print(f"wrote {path}")
    return 0


def _fill(args: Args, resolved: ResolvedRun) -> dict[str, Any]:
    """Fill held-out gaps, those in files, or both; return the record."""
    if args.from_end or args.tokens or args.png:
        raise UserError("--gap and --fill do not take --from-end, --tokens and --png; omit them")
    if args.gap and args.dataset is None:
        raise UserError("--dataset is missing: the Minari id of trajectories for --gap")
    if args.calibration and not args.gap:
        raise UserError("--calibration needs --gap, the number of tokens in its gaps")
    run = resolved.run
    planner = as_diffusion_planner(run.make_planner())
    check_fill(planner)
    filler = Filler(run, planner, resolved.load_weights(), windows=args.windows, seed=args.seed)
    record: dict[str, Any] = {"run": str(args.run), "dataset": args.dataset}
    stretch: Stretch = dict.fromkeys(COVERAGES, 1.0)
    if args.gap and args.dataset:
        measured, stretch = measure_gaps(filler, args.dataset, args.gap, args.calibration)
        record |= {"calibration": args.calibration, **measured}
        console.print(
            f"{len(measured['step']):,} held-out gaps of {args.gap} states in windows of "
            f"{run.config.data.tokens}; {planner.config.candidates} samples each"
        )
        console.print(gap_table(measured["measured"]))
        if better := better_method(measured["measured"]):
            console.print(f"note: on these trajectories, the {better} fills gaps better")
    if args.fill and args.csv:
        gaps = fill_files(filler, args.fill, args.columns, out=args.csv, stretch=stretch)
        record["filled"] = gaps
        steps = sum(gap["steps"] for gap in gaps)
        console.print(f"{len(gaps):,} gaps filled with {steps:,} positions")
    return record


def _forecast(args: Args, resolved: ResolvedRun) -> dict[str, Any]:
    """Forecast, print the measured errors, draw, and return the record."""
    assert args.dataset is not None
    run = resolved.run
    data = load_data(run, args.dataset)
    calibration_data = load_data(run, args.calibration) if args.calibration else None
    planner = as_diffusion_planner(run.make_planner())
    tokens = args.tokens or planner.horizon
    check_forecast(planner, tokens)
    weights = resolved.load_weights()
    stretch = dict.fromkeys(COVERAGES, 1.0)
    if calibration_data is not None:
        windows = held_out(calibration_data, planner, args.windows, seed=args.seed, tokens=tokens)
        samples = _sample(
            "calibrating", planner, weights, windows=windows, seed=args.seed + 1, tokens=tokens
        )
        assert windows.future is not None
        stretch = {coverage: calibrate(samples, windows.future, coverage) for coverage in COVERAGES}
    if args.from_end:
        windows = latest(data, planner)
    else:
        windows = held_out(data, planner, args.windows, seed=args.seed, tokens=tokens)
    samples = _sample(
        "predicting", planner, weights, windows=windows, seed=args.seed, tokens=tokens
    )
    record = _record(args, planner, run.layout, windows=windows, samples=samples, stretch=stretch)
    console.print(summary(record))
    if windows.future is not None:
        console.print(table_of(record["measured"]))
    if args.png:
        draw_forecasts(args.png, windows, samples, layout=run.layout)
    return record


def forecast_settings(run: Run) -> PlannerConfig:
    """Return the default planner settings for a run: more samples, without reward conditioning."""
    config = dataclasses.replace(run.config.planner, candidates=SAMPLES)
    if not run.config.net.causal:
        # Tokens that are denoised together need more steps than one after the other.
        steps = max(config.sampling.steps, TOGETHER_STEPS)
        sampling = dataclasses.replace(config.sampling, steps=steps)
        config = dataclasses.replace(config, sampling=sampling)
    if not run.reward_conditioned:
        return config
    # The goal token would ask for an unusually high return.
    goal = dataclasses.replace(config.goal, conditioning="none")
    guidance = dataclasses.replace(config.guidance, samples=1)
    return dataclasses.replace(config, goal=goal, guidance=guidance)


def _sample(
    title: str,
    planner: DiffusionPlanner,
    weights: Weights,
    windows: ForecastWindows,
    seed: int,
    tokens: int,
) -> np.ndarray:
    with step_bar(title, len(windows.step)) as advance:
        return sample_futures(
            planner, weights, windows.history, seed=seed, advance=advance, tokens=tokens
        )


def _record(
    args: Args,
    planner: DiffusionPlanner,
    observations: Layout,
    *,
    windows: ForecastWindows,
    samples: np.ndarray,
    stretch: dict[float, float],
) -> dict[str, Any]:
    layout = planner.model.layout
    intervals = {}
    for coverage in COVERAGES:
        low, high = interval(samples, coverage, stretch[coverage])
        intervals[str(coverage)] = [observations.to_global(end).tolist() for end in (low, high)]
    record = {
        "run": str(args.run),
        "dataset": args.dataset,
        "calibration": args.calibration,
        "stretch": {str(coverage): factor for coverage, factor in stretch.items()},
        "stride": layout.stride,
        "observed_tokens": planner.config.history.tokens,
        "predicted_tokens": samples.shape[2],
        "samples": samples.shape[1],
        "episode": windows.episode.tolist(),
        "step": windows.step.tolist(),
        "mean": observations.to_global(samples.mean(axis=1)).tolist(),
        "intervals": intervals,
    }
    if windows.future is not None:
        position = layout.goal_dims or tuple(range(layout.state_dim))
        record["measured"] = measure(samples, windows.future, stretch, position=position)
    return record
