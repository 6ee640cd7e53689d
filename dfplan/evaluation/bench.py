"""Training and planning speed of a run on this machine, next to a floor set by matrix products."""

import dataclasses
import functools
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.control.batch import BatchPlanner, PlanRequest, runs_apart
from dfplan.control.loop_state import PlanInputs
from dfplan.data.draw import RowIndex
from dfplan.data.training_arrays import Rest, TrainingArrays
from dfplan.evaluation.flops import count_flops, plan_flops
from dfplan.model import Model
from dfplan.planner.call import PlanCall
from dfplan.planner.diffusion_planner import DiffusionPlanner
from dfplan.planner.plan import History, Weights
from dfplan.training.step import TrainSpec, init_state, train_step, train_until
from dfplan.util.threads import cores

ROWS = 10_000
"""Rows of the random dataset that training is timed on, and of the matrix product."""
MIN_CALLS = 3
MAX_CALLS = 100
PRODUCTS = 8
"""Pairs of matrix products, there and back, in one program."""
STEPS = 16
"""Training steps per call. A run makes `training.log_every` of them per call: each call starts in
fresh memory, whose pages the system hands out one by one, for up to half of a step's time."""


def gemm_rate(model: Model, seconds: float) -> float:
    """Measure the FLOP/s of float32 matrix products of the size of the network's largest.

    One program computes many products, there and back: a single one would wait for the fresh memory
    of its result and be slower than the programs it is compared with. The rate is that of the
    fastest call, since it serves as a floor.

    Args:
        model: Model whose network sets the size of the products.
        seconds: Approximate time to spend.
    """
    width = model.net.width
    hidden = model.net.mlp_ratio * model.net.width

    @jax.jit
    def products(x, up, down):
        return jax.lax.fori_loop(0, PRODUCTS, lambda _, x: jnp.dot(jnp.dot(x, up), down), x)

    x = jnp.ones((ROWS, width))
    up = jnp.ones((width, hidden)) / width
    down = jnp.ones((hidden, width)) / hidden
    flops = 4 * PRODUCTS * ROWS * width * hidden
    return flops / float(np.min(timed(lambda: products(x, up, down), seconds)))


def bench_plan(
    planner: DiffusionPlanner, weights: Weights, batch: int, gemm: float, seconds: float
) -> dict[str, float | None]:
    """Time one plan for each of `batch` robots, made as an agent makes them.

    There is no goal, so that no plan ends early: each is sampled to the end of the horizon, which
    takes longest.

    Args:
        planner: Planner.
        weights: Weights of the planner.
        batch: Number of robots.
        gemm: FLOP/s of matrix products, see `gemm_rate`.
        seconds: Approximate time to spend.

    Returns:
        batch, horizon, p50_ms and p99_ms, gflop, floor_ms, over_floor (p50 over the floor), and
        memory_mb, the memory of one program with its arguments; None if XLA does not report it.
        With `timing.near_tokens` also first_p50_ms and first_p99_ms, the time after which a robot
        can begin to follow its plan (time to first action).
    """
    history = random_history(planner, weights, batch)
    batch_planner = BatchPlanner(planner, weights)
    request = PlanRequest(np.arange(batch), np.zeros(batch, int), history)
    call = functools.partial(batch_planner.plan, request, limit=batch)
    p50, p99 = np.percentile(1000 * timed(call, seconds), [50, 99])
    first = {}
    if planner.config.timing.near_tokens:
        inputs = _plan_inputs(history, batch)
        begin = functools.partial(batch_planner.begin_plans, inputs, limit=batch)
        first_p50, first_p99 = np.percentile(1000 * timed(lambda: begin()[0], seconds), [50, 99])
        first = {"first_p50_ms": float(first_p50), "first_p99_ms": float(first_p99)}
    return {
        "batch": batch,
        "horizon": planner.horizon,
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        **first,
        **_relative_to_floor(float(p50), plan_flops(planner, batch), gemm),
        "memory_mb": _memory_mb(planner, weights, history),
    }


def bench_training(spec: TrainSpec, gemm: float, seconds: float) -> dict[str, float]:
    """Time training steps on random data; their time depends on shapes alone.

    Args:
        spec: Training specification.
        gemm: FLOP/s of matrix products, see `gemm_rate`.
        seconds: Approximate time to spend.

    Returns:
        batch, tokens (per window), ms_per_step, tokens_per_second, gflop, floor_ms, over_floor.
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
        **_relative_to_floor(ms, count_flops(lowered), gemm),
    }


def timed(call: Callable[[], Any], seconds: float) -> np.ndarray:
    """Return the seconds of each of 3 to 100 calls, after one call that compiles.

    Args:
        call: Function to time.
        seconds: Time after which no further call is made, beyond the third.
    """
    jax.block_until_ready(call())
    times: list[float] = []
    while len(times) < MIN_CALLS or (sum(times) < seconds and len(times) < MAX_CALLS):
        start = time.perf_counter()
        jax.block_until_ready(call())
        times.append(time.perf_counter() - start)
    return np.array(times)


def machine(gemm: float) -> dict[str, Any]:
    """Describe this machine.

    Args:
        gemm: FLOP/s of matrix products, see `gemm_rate`.
    """
    device = jax.devices()[0]
    return {
        "device": f"{device.platform} {device.device_kind}".strip(),
        "cores": cores(),
        "jax": jax.__version__,
        "gemm_gflops": gemm / 1e9,
    }


def with_horizon(planner: DiffusionPlanner, horizon: int) -> DiffusionPlanner:
    """Return the planner with that many tokens per plan."""
    config = dataclasses.replace(planner.config, horizon=horizon)
    return dataclasses.replace(planner, config=config, horizon=horizon)


def random_history(planner: DiffusionPlanner, weights: Weights, batch: int) -> History:
    """Return random observations of `batch` robots, spread like the data."""
    layout = planner.model.layout
    tokens = planner.config.history.tokens
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(batch, tokens, layout.frame_count, layout.state_dim))
    actions = np.zeros((batch, tokens, layout.stride, layout.action_dim), np.float32)
    level = np.full((batch, tokens), planner.config.history.level, np.float32)
    return History(
        frames=weights.states.decode(frames.astype(np.float32)),
        actions=jnp.asarray(actions),
        level=jnp.asarray(level),
    )


def _plan_inputs(history: History, batch: int) -> PlanInputs:
    """Return the inputs of the first plans of robots without goals."""
    zeros = np.zeros(batch, int)
    return PlanInputs(
        rows=np.arange(batch),
        version=zeros,
        start=0,
        seeds=np.arange(batch),
        counts=zeros,
        history=history,
        goal=None,
        active_plan=None,  # pyright: ignore
        initial_plan=None,
        prefix=None,
        is_warm=np.zeros(batch, bool),
    )


def random_training_arrays(model: Model) -> TrainingArrays:
    """Return one episode of normal noise as training arrays."""
    layout = model.layout
    rng = np.random.default_rng(0)
    state = jnp.asarray(rng.normal(size=(ROWS, layout.state_dim)), jnp.float32)
    action = jnp.asarray(rng.normal(size=(ROWS, layout.action_dim)), jnp.float32)
    row = jnp.arange(ROWS, dtype=jnp.int32)
    return TrainingArrays(
        state=state,
        action=action,
        row_index=RowIndex(
            first=jnp.zeros_like(row),
            last=jnp.full_like(row, ROWS - 1),
            begin=row[: -layout.stride],
        ),
        rest=Rest(state[0], action[0]),
        return_quantile=row / ROWS,
    )


def _relative_to_floor(ms: float, flops: float, gemm: float) -> dict[str, float]:
    floor_ms = 1000 * flops / gemm
    return {"gflop": flops / 1e9, "floor_ms": floor_ms, "over_floor": ms / floor_ms}


def _memory_mb(planner: DiffusionPlanner, weights: Weights, history: History) -> float | None:
    if runs_apart():  # each robot is planned for by a program of its own
        history = jax.tree.map(lambda array: array[:1], history)
    keys = jax.random.split(jax.random.key(0), len(history.level))
    compiled = DiffusionPlanner.plan.lower(
        planner, PlanCall(weights, keys, history, goal=None)
    ).compile()
    analysis = compiled.memory_analysis()
    if analysis is None:
        return None
    sizes = (
        analysis.argument_size_in_bytes,
        analysis.output_size_in_bytes,
        analysis.temp_size_in_bytes,
    )
    return sum(sizes) / 1e6
