"""`dfplan bench`."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from dfplan.cli.common import (
    File,
    RunDir,
    check_outputs,
    console,
    need_at_least,
    parse_with_run,
    write_json,
)
from dfplan.evaluation.bench import bench_plan, bench_training, gemm_rate, machine, with_horizon
from dfplan.planner.config import PlannerConfig
from dfplan.planner.diffusion_planner import as_diffusion_planner
from dfplan.runs.run import load_weights
from dfplan.training.step import TrainSpec
from dfplan.types import UserError


@dataclasses.dataclass(frozen=True)
class Args:
    """Time the planning and the training of a run, beside what the machine could do.

    Plans are timed to the end of their horizon; `dfplan eval` tells what one takes on a task, where
    it ends at the arrival. The floor is the FLOPs counted by XLA over the machine's rate of matrix
    products, measured in the same run.

    Attributes:
        run: directory of a run, or name of a task that comes trained (see `dfplan tasks`);
            before all options.
        batches: robots that are planned for at once.
        horizons: future tokens per plan; 0 for the run's own.
        seconds: spent on each measurement, about.
        plans_only: leave training out.
        json: also write the result to this file.
    """

    run: RunDir
    batches: tuple[int, ...] = (1, 16)
    horizons: tuple[int, ...] = (0,)
    seconds: float = 2.0
    plans_only: bool = False
    json: File = None
    planner: PlannerConfig = PlannerConfig()


def main(argv: Sequence[str]) -> int:
    """Time a run."""
    args, found = parse_with_run(
        Args, "bench", argv, lambda name, found: Args(name, planner=found.run.config.planner)
    )
    need_at_least(1, batches=min(args.batches, default=0))
    need_at_least(0, horizons=min(args.horizons, default=-1))
    if not args.seconds >= 0:
        raise UserError(f"--seconds must be at least 0, got {args.seconds}")
    check_outputs(args.json)
    run = found.run.replace_planner(args.planner)
    weights = load_weights(run, found.directory)
    gemm = gemm_rate(run.model, args.seconds)
    result: dict[str, Any] = {"run": found.name, "machine": machine(gemm)}
    console.print("  ".join(f"{k} {_text(v)}" for k, v in result["machine"].items()))
    if not args.plans_only:
        spec = TrainSpec(run.model, run.config.data, run.config.training)
        result["training"] = bench_training(spec, gemm, args.seconds)
        console.print("training: " + _line(result["training"]))
    own = as_diffusion_planner(run.make_planner())
    planners = [with_horizon(own, horizon or own.horizon) for horizon in args.horizons]
    result["plans"] = []
    for planner in planners:
        for batch in args.batches:
            result["plans"].append(bench_plan(planner, weights, batch, gemm, args.seconds))
            console.print("plan: " + _line(result["plans"][-1]))
    write_json(args.json, result)
    return 0


def _line(row: dict[str, Any]) -> str:
    return "  ".join(f"{name} {_text(value)}" for name, value in row.items())


def _text(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
