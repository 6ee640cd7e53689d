"""Measure the latencies: python -m experiments.latency.run [--seconds 3] [--out DIR]."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dfplan.agent import Agent
from dfplan.bench import bench_plan, bench_training, gemm_rate, machine, with_horizon
from dfplan.cli.common import console, write_json
from dfplan.compilation import keep_compiled
from dfplan.evaluate import plan_latency
from dfplan.find import Found, find_run
from dfplan.planner.plan import Weights
from dfplan.run import load_weights
from dfplan.training.step import Recipe
from experiments.latency.compare import measure_dfplan, measure_torch
from experiments.latency.episodes import SEED
from experiments.latency.figure import draw
from experiments.maze2d.environment import first_observations
from experiments.maze2d.markdown import number, table

HERE = Path(__file__).parent
RUN = "pointmaze-large"
HORIZONS = (16, 64, 128, 512)
BATCHES = (1, 16, 256)
EPISODES = 50
MOST = 256 * 64
"""Tokens that are planned at once; more would take minutes a call on two cores."""
COLUMNS = ("batch", "horizon", "p50_ms", "p99_ms", "gflop", "floor_ms", "over_floor", "memory_mb")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and write latency.json, latency.md and latency.png."""
    parser = argparse.ArgumentParser(prog="python -m experiments.latency.run", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="spent on each figure, about")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of what is written")
    parser.add_argument("--horizons", type=int, nargs="+", default=HORIZONS)
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    keep_compiled()
    result = measure(args.horizons, args.batches, args.seconds)
    text = page(result)
    console.print(text)
    write_json(args.out / "latency.json", result)
    (args.out / "latency.md").write_text(text + "\n")
    draw(args.out / "latency.png", result["plans"])
    return 0


def measure(horizons: Sequence[int], batches: Sequence[int], seconds: float) -> dict[str, Any]:
    """All figures, measured one after the other in this process."""
    found = find_run(RUN)
    run, weights = found.run, load_weights(found.run, found.directory)
    gemm = gemm_rate(run.model, seconds)
    recipe = Recipe(run.model, run.config.data, run.config.training)
    pairs = [(h, b) for h in horizons for b in batches if h * b <= MOST]
    return {
        "run": found.name,
        "machine": machine(gemm),
        "training": bench_training(recipe, gemm, seconds),
        "plans": [
            bench_plan(with_horizon(run.planner, h), weights, b, gemm, seconds) for h, b in pairs
        ],
        "reference": {
            "dfplan": {**measure_dfplan(gemm, seconds), "own_plan_ms": own_plan(found, weights)},
            "torch": measure_torch(seconds),
        },
    }


def own_plan(found: Found, weights: Weights) -> float:
    """Median milliseconds of the trained planner's plan from scratch, on the task's episodes."""
    seeds = range(SEED, SEED + EPISODES)
    observations = first_observations(found.run.task, seeds)
    return plan_latency(Agent.of(found.run, weights), observations)["p50"]


def page(result: dict[str, Any]) -> str:
    """The figures as Markdown."""
    where, training = result["machine"], result["training"]
    parts = [
        f"{where['device']}, {where['cores']} cores, {where['gemm_gflops']:.0f} GFLOP/s in float32 "
        f"products, jax {where['jax']}.",
        f"Training: {training['tokens_per_second']:,.0f} tokens/s, "
        f"{training['over_floor']:.1f} times the floor.",
        table(COLUMNS, [[_cell(row[name]) for name in COLUMNS] for row in result["plans"]], ()),
        _beside_torch(**result["reference"]),
    ]
    return "\n\n".join(parts)


REFERENCE = (
    # JAX always compiles, so dfplan's step has no other figure for torch.compile.
    ("training step, float32", "training", "training_ms"),
    ("training step, bfloat16", "training_bf16", "training_bf16_ms"),
    ("training step, float32, torch.compile", "training", "training_compiled_ms"),
    ("training step, bfloat16, torch.compile", "training_bf16", "training_bf16_compiled_ms"),
    ("guided plan", "plan", "plan_ms"),
    (f"dfplan's own plan of {RUN}, the reference's guided one", "own_plan", "plan_ms"),
)
"""Label, name of dfplan's figures and PyTorch's."""


def _beside_torch(dfplan: dict[str, float], torch: dict[str, Any] | None) -> str:
    rows = []
    for label, name, torch_key in REFERENCE:
        own, floor = dfplan[f"{name}_ms"], dfplan.get(f"{name}_floor_ms")
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
