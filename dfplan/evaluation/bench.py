"""How fast a run trains and plans here, beside the floor that the machine's matrix products set."""

import dataclasses
import functools
import os
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.control.batch import BatchPlanner, runs_apart
from dfplan.data.windows import TrainingArrays
from dfplan.model import Model
from dfplan.planner.diffusion_planner import DiffusionPlanner
from dfplan.planner.plan import History, Weights
from dfplan.training.step import TrainSpec, init_state, train_step, train_until

ROWS = 10_000
"""Of the corpus that training is timed on, and of the matrix product."""
CALLS = (3, 100)
"""Timed calls of one measurement, at least and at most."""
PRODUCTS = 8
"""Pairs of products, there and back, that the machine's rate is measured on at once."""
STEPS = 16
"""Training steps of one call. A run makes `training.log_every` of them in one: each call begins in
fresh memory, and the system hands out its pages one by one, for up to half of a step's time."""


def gemm_rate(model: Model, seconds: float) -> float:
    """FLOP/s of float32 products of the size of the network's largest.

    Many of them in one program, there and back: a single one would wait for the fresh memory of its
    result, and be slower than what stands beside it. The fastest call's, as this makes a floor.
    """
    width, hidden = model.net.width, model.net.mlp_ratio * model.net.width

    @jax.jit
    def products(x, there, back):
        return jax.lax.fori_loop(0, PRODUCTS, lambda _, x: jnp.dot(jnp.dot(x, there), back), x)

    there, back = jnp.ones((width, hidden)) / width, jnp.ones((hidden, width)) / hidden
    x, flops = jnp.ones((ROWS, width)), 4 * PRODUCTS * ROWS * width * hidden
    return flops / float(np.min(timed(lambda: products(x, there, back), seconds)))


def bench_plan(
    planner: DiffusionPlanner, weights: Weights, batch: int, gemm: float, seconds: float
) -> dict[str, float | None]:
    """One plan for each of `batch` robots to the end of the horizon, as an agent has them made.

    Without a goal, so that no plan ends early: this is the longest that one takes.

    Args:
        planner: the planner. weights: its weights.
        batch: robots.
        gemm: FLOP/s of the floor, see `gemm_rate`.
        seconds: spent on timing, about.

    Returns:
        batch, horizon, p50_ms and p99_ms, gflop, floor_ms, over_floor (p50 over the floor), and
        memory_mb, that of one program with its arguments, None where XLA does not tell.
    """
    history, plans = random_history(planner, weights, batch), BatchPlanner(planner, weights)
    seeds, counts = np.arange(batch), np.zeros(batch, int)
    call = functools.partial(plans.plan, seeds, counts, history, None, limit=batch)
    p50, p99 = np.percentile(1000 * timed(call, seconds), [50, 99])
    return {
        "batch": batch,
        "horizon": planner.horizon,
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        **_beside_floor(float(p50), plan_flops(planner, batch), gemm),
        "memory_mb": _memory(planner, weights, history),
    }


def bench_training(spec: TrainSpec, gemm: float, seconds: float) -> dict[str, float]:
    """Steps of training on random data; the time depends on shapes alone.

    Args:
        spec: what is trained.
        gemm: FLOP/s of the floor, see `gemm_rate`.
        seconds: spent on timing, about.

    Returns:
        batch, tokens (of a window), ms_per_step, tokens_per_second, gflop, floor_ms, over_floor.
    """
    training_arrays = random_training_arrays(spec.model)
    state = init_state(spec)
    lowered = jax.jit(train_step, static_argnums=0).lower(spec, training_arrays, state)

    def steps():
        nonlocal state
        state, metrics = train_until(spec, training_arrays, state, state.step + STEPS)
        return metrics

    ms = 1000 * float(np.median(timed(steps, seconds))) / STEPS
    return {
        "batch": spec.training.batch_size,
        "tokens": spec.data.tokens,
        "ms_per_step": ms,
        "tokens_per_second": 1000 * spec.tokens_per_step / ms,
        **_beside_floor(ms, _flops(lowered), gemm),
    }


def plan_flops(planner: DiffusionPlanner, batch: int, guided: bool = False) -> float:
    """FLOPs of the network's evaluations in one plan, sampled to the end of the horizon.

    XLA counts those of one; a loop's body it would count once, however often it runs.

    Args:
        planner: with its horizon.
        batch: robots.
        guided: by a gradient, which is then counted, and asks for all tokens to the last one.
    """
    matrix = planner.config.sampling.make_matrix(planner.horizon)
    known = planner.config.history.tokens + planner.model.layout.has_goal
    capacity, rows = known + planner.horizon, batch * planner.config.candidates
    once = _extend_flops(planner.model, batch, known, capacity)
    return once + sum(
        len(phase.start) * _extend_flops(planner.model, rows, phase.width, capacity, guided)
        for phase in planner.windows(matrix, guided)
    )


def timed(call: Callable[[], Any], seconds: float) -> np.ndarray:
    """Seconds of each of many calls, after one that compiles."""
    jax.block_until_ready(call())
    least, most = CALLS
    times: list[float] = []
    while len(times) < least or (sum(times) < seconds and len(times) < most):
        begin = time.perf_counter()
        jax.block_until_ready(call())
        times.append(time.perf_counter() - begin)
    return np.array(times)


def machine(gemm: float) -> dict[str, Any]:
    """Where a measurement was made."""
    device = jax.devices()[0]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "device": f"{device.platform} {device.device_kind}".strip(),
        "cores": cores,
        "jax": jax.__version__,
        "gemm_gflops": gemm / 1e9,
    }


def with_horizon(planner: DiffusionPlanner, horizon: int) -> DiffusionPlanner:
    """The planner with plans of that many tokens."""
    config = dataclasses.replace(planner.config, horizon=horizon)
    return dataclasses.replace(planner, config=config, horizon=horizon)


def _beside_floor(ms: float, flops: float, gemm: float) -> dict[str, float]:
    floor = 1000 * flops / gemm
    return {"gflop": flops / 1e9, "floor_ms": floor, "over_floor": ms / floor}


def _extend_flops(
    model: Model, rows: int, width: int, capacity: int, gradient: bool = False
) -> float:
    """Of one evaluation of a window; without the modulation, which a plan computes but once."""

    def extend(params, x, level, shared):
        net = model.denoiser(params)
        cache = net.init_cache(rows, capacity)
        return net.extend(cache, x, level, jnp.int32(0), lambda _: shared)[0]

    params = jax.eval_shape(lambda: model.init(0))
    shapes = (model.layout.features,), (), (6 * model.net.width,)
    args = [jax.ShapeDtypeStruct((rows, width, *last), jnp.float32) for last in shapes]
    pulled = jax.value_and_grad(lambda *args: jnp.sum(extend(*args)), argnums=1)
    return _flops(jax.jit(pulled if gradient else extend).lower(params, *args))


def _flops(lowered: Any) -> float:
    return float(lowered.cost_analysis()["flops"])


def _memory(planner: DiffusionPlanner, weights: Weights, history: History) -> float | None:
    if runs_apart():
        history = jax.tree.map(lambda a: a[:1], history)
    keys = jax.random.split(jax.random.key(0), len(history.level))
    used = (
        DiffusionPlanner.plan.lower(planner, weights, keys, history, None)
        .compile()
        .memory_analysis()
    )
    if used is None:
        return None
    sizes = (used.argument_size_in_bytes, used.output_size_in_bytes, used.temp_size_in_bytes)
    return sum(sizes) / 1e6


def random_history(planner: DiffusionPlanner, weights: Weights, batch: int) -> History:
    """Random observations of `batch` robots, as far from the data's mean as the data's own."""
    layout, tokens = planner.model.layout, planner.config.history.tokens
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(batch, tokens, layout.frame_count, layout.state_dim))
    actions = np.zeros((batch, tokens, layout.stride, layout.action_dim), np.float32)
    level = np.full((batch, tokens), planner.config.history.level, np.float32)
    return History(
        weights.states.decode(frames.astype(np.float32)), jnp.asarray(actions), jnp.asarray(level)
    )


def random_training_arrays(model: Model) -> TrainingArrays:
    """One episode of normal noise."""
    layout, rng = model.layout, np.random.default_rng(0)
    state, action = (
        jnp.asarray(rng.normal(size=(ROWS, dim)), jnp.float32)
        for dim in (layout.state_dim, layout.action_dim)
    )
    row = jnp.arange(ROWS, dtype=jnp.int32)
    first, last = jnp.zeros_like(row), jnp.full_like(row, ROWS - 1)
    begin = row[: -layout.stride]
    return TrainingArrays(state, action, first, last, begin, state[0], action[0], row / ROWS)
