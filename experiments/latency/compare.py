"""The reference architecture in both libraries: one training step, and one guided plan."""

import functools
from typing import Any

import jax.numpy as jnp
import numpy as np

from dfplan.bench import bench_training, plan_flops, random_history, timed
from dfplan.data.layout import Layout
from dfplan.data.tokens import DataConfig, TokenLayout
from dfplan.diffusion.config import DiffusionConfig
from dfplan.model import Model
from dfplan.nets.config import NetConfig
from dfplan.normalize import Normalizer
from dfplan.planner.batch import BatchPlanner
from dfplan.planner.config import PlannerConfig
from dfplan.planner.core import Planner
from dfplan.planner.plan import Weights
from dfplan.training.config import TrainingConfig
from dfplan.training.step import Recipe
from experiments.latency import sizes

DATA = DataConfig(tokens=sizes.TOKENS)
ACTIONS = 2
"""Of the task; the tokens hold none."""


def measure_dfplan(gemm: float, seconds: float) -> dict[str, float]:
    """Milliseconds of a training step, in float32 and bfloat16, and of a guided plan with dfplan.

    With what the float32 products alone would take. Its sequences hold a goal token besides the
    reference's tokens.
    """
    training, half = (
        bench_training(reference_recipe(dtype), gemm, seconds) for dtype in ("float32", "bfloat16")
    )
    planner = Planner(_model("float32"), _config(), sizes.FUTURE)
    return {
        "training_ms": training["ms_per_step"],
        "training_bf16_ms": half["ms_per_step"],
        "training_floor_ms": training["floor_ms"],
        "plan_ms": _guided_plan(planner, seconds),
        "plan_floor_ms": 1000 * plan_flops(planner, 1, guided=True) / gemm,
    }


def measure_torch(seconds: float) -> dict[str, Any] | None:
    """The same with PyTorch, training compiled as well; None where that is not installed."""
    try:
        import torch
    except ImportError:
        return None
    from experiments.latency.reference import Reference, Trainer, guided_plan

    torch.manual_seed(0)
    net, levels = Reference().eval(), torch.as_tensor(_planner_levels())
    return {
        "version": torch.__version__,
        "threads": torch.get_num_threads(),
        "training_ms": _median_ms(Trainer(), seconds),
        "training_bf16_ms": _median_ms(Trainer(bfloat16=True), seconds),
        "training_compiled_ms": _median_ms(Trainer(compiled=True), seconds),
        "training_bf16_compiled_ms": _median_ms(Trainer(bfloat16=True, compiled=True), seconds),
        "plan_ms": _median_ms(functools.partial(guided_plan, net, levels), seconds),
    }


def _model(dtype: str) -> Model:
    layout = Layout(sizes.FEATURES, ACTIONS, goal_dims=(0, 1))
    return Model(TokenLayout.create(layout, DATA), _net(dtype), DiffusionConfig())


def reference_recipe(dtype: str) -> Recipe:
    """Training of the reference architecture with dfplan, in one precision."""
    return Recipe(_model(dtype), DATA, TrainingConfig(batch_size=sizes.BATCH))


def _net(dtype: str) -> NetConfig:
    return NetConfig(
        width=sizes.WIDTH,
        layers=sizes.LAYERS,
        heads=sizes.HEADS,
        mlp_ratio=sizes.HIDDEN // sizes.WIDTH,
        dtype=dtype,
    )


def _config() -> PlannerConfig:
    return PlannerConfig(
        candidates=1, matrix=sizes.MATRIX, steps=sizes.STEPS, rho=1.0, goal="guidance"
    )


def _planner_levels() -> np.ndarray:
    return (_config().make_matrix(sizes.FUTURE) / sizes.STEPS).astype(np.float32)


def _guided_plan(planner: Planner, seconds: float) -> float:
    def plain(dim: int) -> Normalizer:
        return Normalizer(jnp.zeros(dim), jnp.ones(dim))

    weights = Weights(planner.model.init(0), plain(sizes.FEATURES), plain(ACTIONS))
    plans = BatchPlanner(planner, weights)
    history, goal = random_history(planner, weights, 1), np.ones((1, 2), np.float32)
    seeds, counts = np.zeros(1, int), np.zeros(1, int)
    return _median_ms(lambda: plans.plan(seeds, counts, history, goal, limit=1), seconds)


def _median_ms(call: Any, seconds: float) -> float:
    return 1000 * float(np.median(timed(call, seconds)))
