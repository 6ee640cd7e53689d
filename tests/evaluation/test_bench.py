"""Timings next to the floor: FLOPs that are counted, and numbers that agree with each other."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest

from dfplan.diffusion.config import DiffusionConfig
from dfplan.evaluation import bench
from dfplan.evaluation.flops import plan_flops
from dfplan.model import Model
from dfplan.nets.config import NetConfig
from dfplan.planner.diffusion_planner import DiffusionPlanner
from dfplan.planner.plan import Weights
from dfplan.representation.config import DataConfig
from dfplan.representation.layout import Layout
from dfplan.representation.normalizer import Normalizer
from dfplan.representation.tokens import TokenLayout
from dfplan.training.config import TrainingConfig
from dfplan.training.step import TrainSpec
from tests.planner.tiny import planner_config

GEMM = 1e9
DATA = DataConfig(tokens=6)
NET = NetConfig(width=32, layers=2, heads=2)
MODEL = Model(
    TokenLayout.create(Layout(4, 2, goal_dims=(0, 1)), DATA), NET, DiffusionConfig("cosine")
)
PLANNER = DiffusionPlanner(MODEL, planner_config(**{"sampling.steps": 2}), 6)


def planner(horizon=6, **config):
    changed = dataclasses.replace(PLANNER, config=planner_config(**config))
    return bench.with_horizon(changed, horizon)


def dense_flops(rows):
    """FLOPs of the products with the blocks' weights: two per weight and row."""
    return 2 * rows * NET.layers * 12 * NET.width**2


def test_flops_are_those_of_the_windows_that_are_computed():
    one = plan_flops(planner(**{"sampling.steps": 1}), 1)
    two = plan_flops(planner(**{"sampling.steps": 2}), 1)
    step = (two - one) / 6  # 6 tokens, one more step each
    # Each step evaluates a window of two tokens for 4 candidates.
    assert dense_flops(2 * 4) < step < 1.5 * dense_flops(2 * 4)
    prefix = one - 6 * step  # goal and present of one robot, once
    assert dense_flops(2) < prefix < 1.5 * dense_flops(2)
    assert plan_flops(planner(**{"sampling.steps": 1}), 3) == pytest.approx(3 * one, rel=0.05)
    # A gradient needs all 6 tokens at each step, forward and backward.
    guided = plan_flops(planner(**{"sampling.steps": 1}), 1, guided=True) - prefix
    assert 2 * dense_flops(6 * 4) < guided / 6 < 3 * dense_flops(6 * 4)


def test_calls_are_timed_one_by_one_except_the_first():
    calls = []
    times = bench.timed(lambda: calls.append(0), seconds=0.0)
    assert (len(times), len(calls)) == (3, 4)
    assert len(bench.timed(lambda: None, seconds=60.0)) == 100


def test_a_plan_next_to_its_floor():
    states = Normalizer(jnp.ones(4), jnp.ones(4))
    actions = Normalizer(jnp.zeros(2), jnp.ones(2))
    weights = Weights(MODEL.init(0), states, actions)
    settings = {"sampling.steps": 2, "timing.near_tokens": 1}
    result = bench.bench_plan(planner(horizon=9, **settings), weights, 2, gemm=GEMM, seconds=0.0)
    assert (result["batch"], result["horizon"]) == (2, 9)
    assert 0 < result["p50_ms"] <= result["p99_ms"]
    assert 0 < result["first_p50_ms"] <= result["first_p99_ms"]
    assert result["floor_ms"] == pytest.approx(1000 * result["gflop"])
    assert result["over_floor"] == pytest.approx(result["p50_ms"] / result["floor_ms"])
    arguments = sum(leaf.nbytes for leaf in jax.tree.leaves(weights.params["denoiser"]))
    assert result["memory_mb"] > arguments / 1e6


def test_training_next_to_its_floor():
    spec = TrainSpec(MODEL, DATA, TrainingConfig(batch_size=5))
    result = bench.bench_training(spec, GEMM, 0.0)
    assert result["tokens_per_second"] == pytest.approx(1000 * 5 * 6 / result["ms_per_step"])
    # Forward, and twice that backward; the goal token adds one to the six.
    assert result["gflop"] > 3 * dense_flops(5 * 7) / 1e9


def test_the_time_of_a_call_is_divided_by_its_steps(monkeypatch):
    steps = []

    def record(spec, training_arrays, state, stop):
        steps.append(int(stop - state.step))
        return state._replace(step=stop), {}

    monkeypatch.setattr(bench, "train_until", record)
    monkeypatch.setattr(bench, "timed", lambda call, seconds: [call() or 0.8])
    result = bench.bench_training(TrainSpec(MODEL, DATA, TrainingConfig(batch_size=5)), GEMM, 0.0)
    assert steps == [bench.STEPS] and result["ms_per_step"] == 800 / bench.STEPS
