"""Measure planning and training times: python -m experiments.latency.run."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dfplan.agent import Agent
from dfplan.cli.common import console, write_json
from dfplan.evaluation.bench import bench_plan, bench_training, gemm_rate, machine, with_horizon
from dfplan.evaluation.latency import plan_latency
from dfplan.planner.diffusion_planner import as_diffusion_planner
from dfplan.planner.plan import Weights
from dfplan.runs.resolve import ResolvedRun, resolve_run
from dfplan.runs.run import load_weights
from dfplan.training.step import TrainSpec
from dfplan.util.compilation_cache import enable_compilation_cache
from experiments.common.environment import first_observations
from experiments.common.markdown import number, table
from experiments.latency.compare import measure_dfplan, measure_torch
from experiments.latency.episodes import SEED
from experiments.latency.figure import draw

HERE = Path(__file__).parent
RUN = "pointmaze-large"
HORIZONS = (16, 64, 128, 512)
BATCHES = (1, 16, 256)
EPISODES = 50
MAX_TOKENS = 256 * 64
"""Tokens to plan at once; more would take minutes per call on two cores."""
COLUMNS = ("batch", "horizon", "p50_ms", "p99_ms", "gflop", "floor_ms", "over_floor", "memory_mb")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and write latency.json, latency.md and latency.png."""
    parser = argparse.ArgumentParser(prog="python -m experiments.latency.run", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=3.0, help="approximate time spent on each measurement"
    )
    parser.add_argument("--out", type=Path, default=HERE, help="output folder")
    parser.add_argument("--horizons", type=int, nargs="+", default=HORIZONS)
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    enable_compilation_cache()
    result = measure(args.horizons, args.batches, args.seconds)
    text = page(result)
    console.print(text)
    write_json(args.out / "latency.json", result)
    (args.out / "latency.md").write_text(text + "\n")
    draw(args.out / "latency.png", result["plans"])
    return 0


def measure(horizons: Sequence[int], batches: Sequence[int], seconds: float) -> dict[str, Any]:
    """Run all measurements one after the other in this process."""
    resolved = resolve_run(RUN)
    run = resolved.run
    weights = load_weights(run, resolved.directory)
    gemm = gemm_rate(run.model, seconds)
    recipe = TrainSpec(run.model, run.config.data, run.config.training)
    sizes = [(h, b) for h in horizons for b in batches if h * b <= MAX_TOKENS]
    return {
        "run": resolved.name,
        "machine": machine(gemm),
        "training": bench_training(recipe, gemm, seconds),
        "plans": [
            bench_plan(
                with_horizon(as_diffusion_planner(run.make_planner()), h),
                weights,
                batch=b,
                gemm=gemm,
                seconds=seconds,
            )
            for h, b in sizes
        ],
        "reference": {
            "dfplan": {
                **measure_dfplan(gemm, seconds),
                "own_plan_ms": own_plan_ms(resolved, weights),
            },
            "torch": measure_torch(seconds),
        },
    }


def own_plan_ms(resolved: ResolvedRun, weights: Weights) -> float:
    """Return the median milliseconds of the pretrained planner's plans on its task's episodes.

    Each plan is sampled from scratch.
    """
    observations = first_observations(resolved.run.task, range(SEED, SEED + EPISODES))
    return plan_latency(Agent.from_run(resolved.run, weights), observations)["p50"]


def page(result: dict[str, Any]) -> str:
    """Return the measurements as Markdown."""
    host = result["machine"]
    training = result["training"]
    plans = [[_cell(row[name]) for name in COLUMNS] for row in result["plans"]]
    sections = [
        f"{host['device']}, {host['cores']} cores, {host['gemm_gflops']:.0f} GFLOP/s in float32 "
        f"products, jax {host['jax']}.",
        f"Training: {training['tokens_per_second']:,.0f} tokens/s, "
        f"{training['over_floor']:.1f} times the floor.",
        table(COLUMNS, plans, ()),
        _torch_table(**result["reference"]),
    ]
    return "\n\n".join(sections)


REFERENCE = (
    # JAX always compiles, so dfplan's step has no separate time for torch.compile.
    ("training step, float32", "training", "training_ms"),
    ("training step, bfloat16", "training_bf16", "training_bf16_ms"),
    ("training step, float32, torch.compile", "training", "training_compiled_ms"),
    ("training step, bfloat16, torch.compile", "training_bf16", "training_bf16_compiled_ms"),
    ("guided plan", "plan", "plan_ms"),
    (f"dfplan's own plan of {RUN}, the reference's guided plan", "own_plan", "plan_ms"),
)
"""Row label, name of dfplan's times, and key of PyTorch's time."""


def _torch_table(dfplan: dict[str, float], torch: dict[str, Any] | None) -> str:
    rows = []
    for label, name, torch_key in REFERENCE:
        own = dfplan[f"{name}_ms"]
        floor = dfplan.get(f"{name}_floor_ms")
        other = torch[torch_key] if torch else None
        ratio = number(other and other / own, 2)
        rows.append([label, number(own, 0), number(floor, 0), number(other, 0), ratio])
    version = f"PyTorch {torch['version']}" if torch else "PyTorch (not installed)"
    columns = ("", "dfplan, ms", "its floor, ms", f"{version}, ms", "ratio")
    return table(columns, rows)


def _cell(value: float | None) -> str:
    return number(value, 0 if isinstance(value, int) or (value or 0) >= 100 else 1)


if __name__ == "__main__":
    raise SystemExit(main())
