"""One training step and one guided plan of the reference architecture, in dfplan and PyTorch."""

import functools
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from dfplan.control.batch import BatchPlanner, PlanRequest
from dfplan.diffusion.config import DiffusionConfig
from dfplan.evaluation.bench import bench_training, random_history, timed
from dfplan.evaluation.flops import plan_flops
from dfplan.model import Model
from dfplan.nets.config import NetConfig
from dfplan.planner.conditioning_config import GoalConfig
from dfplan.planner.config import PlannerConfig
from dfplan.planner.diffusion_planner import DiffusionPlanner
from dfplan.planner.plan import Weights
from dfplan.planner.sampling_config import SamplingConfig
from dfplan.representation.layout import Layout
from dfplan.representation.normalizer import Normalizer
from dfplan.representation.tokens import DataConfig, TokenLayout
from dfplan.training.config import TrainingConfig
from dfplan.training.step import TrainSpec
from experiments.latency import network_sizes as sizes

DATA = DataConfig(tokens=sizes.TOKENS)
ACTIONS = 2
"""Actions of the task; the tokens hold none."""


def measure_dfplan(gemm: float, seconds: float) -> dict[str, float]:
    """Return milliseconds of a training step (float32, bfloat16) and of a guided plan in dfplan.

    The floors are the times of the float32 matrix products alone. dfplan's sequences hold a goal
    token in addition to the reference's tokens.

    Args:
        gemm: Rate of float32 matrix products, FLOP/s.
        seconds: Time to spend on each measurement.
    """
    training = bench_training(reference_recipe("float32"), gemm, seconds)
    training_bf16 = bench_training(reference_recipe("bfloat16"), gemm, seconds)
    planner = DiffusionPlanner(_model("float32"), _config(), sizes.FUTURE)
    return {
        "training_ms": training["ms_per_step"],
        "training_bf16_ms": training_bf16["ms_per_step"],
        "training_floor_ms": training["floor_ms"],
        "plan_ms": _guided_plan_ms(planner, seconds),
        "plan_floor_ms": 1000 * plan_flops(planner, 1, guided=True) / gemm,
    }


def measure_torch(seconds: float) -> dict[str, Any] | None:
    """Return the same times in PyTorch, also with torch.compile; None without PyTorch."""
    try:
        import torch
    except ImportError:
        return None
    from experiments.latency.torch_reference import Reference, Trainer, guided_plan

    torch.manual_seed(0)
    net = Reference().eval()
    levels = torch.as_tensor(_planner_levels())
    return {
        "version": torch.__version__,
        "threads": torch.get_num_threads(),
        "training_ms": _median_ms(Trainer(), seconds),
        "training_bf16_ms": _median_ms(Trainer(bfloat16=True), seconds),
        "training_compiled_ms": _median_ms(Trainer(compiled=True), seconds),
        "training_bf16_compiled_ms": _median_ms(Trainer(bfloat16=True, compiled=True), seconds),
        "plan_ms": _median_ms(functools.partial(guided_plan, net, levels), seconds),
    }


def reference_recipe(dtype: str) -> TrainSpec:
    """Return dfplan's training of the reference architecture, in one precision."""
    return TrainSpec(_model(dtype), DATA, TrainingConfig(batch_size=sizes.BATCH))


def _model(dtype: str) -> Model:
    layout = Layout(sizes.FEATURES, ACTIONS, goal_dims=(0, 1))
    return Model(TokenLayout.create(layout, DATA), _net(dtype), DiffusionConfig())


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
        candidates=1,
        sampling=SamplingConfig(matrix=sizes.MATRIX, steps=sizes.STEPS, rho=1.0),
        goal=GoalConfig(conditioning="guidance"),
    )


def _planner_levels() -> np.ndarray:
    return (_config().sampling.make_matrix(sizes.FUTURE) / sizes.STEPS).astype(np.float32)


def _guided_plan_ms(planner: DiffusionPlanner, seconds: float) -> float:
    def identity(dim: int) -> Normalizer:
        return Normalizer(jnp.zeros(dim), jnp.ones(dim))

    weights = Weights(planner.model.init(0), identity(sizes.FEATURES), identity(ACTIONS))
    plans = BatchPlanner(planner, weights)
    history = random_history(planner, weights, 1)
    goal = np.ones((1, 2), np.float32)
    request = PlanRequest(np.zeros(1, int), np.zeros(1, int), history, goal)
    return _median_ms(lambda: plans.plan(request, limit=1), seconds)


def _median_ms(call: Callable[[], Any], seconds: float) -> float:
    return 1000 * float(np.median(timed(call, seconds)))
