"""`dfplan bench`."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from dfplan.cli.common import (
    File,
    Flag,
    RunDir,
    check_at_least,
    check_outputs,
    console,
    write_result,
)
from dfplan.cli.runs import parse_with_run
from dfplan.evaluation.bench import bench_plan, bench_training, gemm_rate, machine, with_horizon
from dfplan.planner.config import PlannerConfig
from dfplan.planner.diffusion_planner import as_diffusion_planner
from dfplan.training.step import TrainSpec
from dfplan.types import UserError


@dataclasses.dataclass(frozen=True)
class Args:
    """Measure the planning and training speed of a run, next to the speed limit of the machine.

    Plans are timed over their full horizon; `dfplan eval` reports the latency on a task, where
    planning may stop once a plan reaches the goal. The floor is the number of FLOPs counted by XLA,
    divided by the rate of matrix products, which is measured in the same run.

    Attributes:
        run: Run directory, or a task name for its pretrained planner (see `dfplan tasks`); must
            precede the options.
        batches: Numbers of robots to plan for at once.
        horizons: Numbers of future tokens per plan; 0 for the run's own.
        seconds: Approximate duration of each measurement.
        plans_only: Skip the measurement of training.
        json: Also write the result to this file.
    """

    run: RunDir
    batches: tuple[int, ...] = (1, 16)
    horizons: tuple[int, ...] = (0,)
    seconds: float = 2.0
    plans_only: Flag = False
    json: File = None
    planner: PlannerConfig = PlannerConfig()


def main(argv: Sequence[str]) -> int:
    """Measure the speed of a run."""
    args, resolved = parse_with_run(Args, "bench", argv)
    check_at_least(1, batches=min(args.batches, default=0))
    check_at_least(0, horizons=min(args.horizons, default=-1))
    if not args.seconds >= 0:
        raise UserError(f"--seconds must be at least 0, got {args.seconds}")
    check_outputs(args.json)
    run = resolved.run
    weights = resolved.load_weights()
    gemm = gemm_rate(run.model, args.seconds)
    result: dict[str, Any] = {"run": resolved.name, "machine": machine(gemm)}
    console.print(_row(result["machine"]))
    if not args.plans_only:
        spec = TrainSpec(run.model, run.config.data, run.config.training)
        result["training"] = bench_training(spec, gemm, args.seconds)
        console.print("training: " + _row(result["training"]))
    own = as_diffusion_planner(run.make_planner())
    planners = [with_horizon(own, horizon or own.horizon) for horizon in args.horizons]
    result["plans"] = []
    for planner in planners:
        for batch in args.batches:
            result["plans"].append(
                bench_plan(planner, weights, batch, gemm=gemm, seconds=args.seconds)
            )
            console.print("plan: " + _row(result["plans"][-1]))
    write_result(args.json, result)
    return 0


def _row(values: dict[str, Any]) -> str:
    return "  ".join(f"{name} {_format(value)}" for name, value in values.items())


def _format(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
