"""Planning latency of an agent."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from dfplan.evaluation.play import BatchAgent


def plan_latency(
    agent: BatchAgent,
    observations: list[Any],
    calls: int = 50,
    goals: np.ndarray | None = None,
    finish_plans: Callable[[], Any] | None = None,
) -> dict[str, float]:
    """Time calls of `act` that plan for one environment.

    Args:
        agent: Agent; it is reset before each call, so that each call plans.
        observations: Observations of single environments, used in turn.
        calls: Number of timed calls; one more call precedes them, to compile.
        goals: `[E, G]` goals of the observations, if these do not hold them.
        finish_plans: Waits for whole plans, if `act` returns before; see `Agent.finish_plans`.

    Returns:
        Median "p50" and 99th percentile "p99" of the time of a whole plan, in milliseconds; with
        `finish_plans`, also "first_p50" and "first_p99" of the time to the first action.
    """
    seconds = []
    first_seconds = []
    for i in range(calls + 1):
        agent.reset(seed=0)
        turn = i % len(observations)
        arguments = {} if goals is None else {"goal": goals[turn]}
        start = time.perf_counter()
        agent.act(observations[turn], **arguments)
        first_seconds.append(time.perf_counter() - start)
        if finish_plans is not None:
            finish_plans()
        seconds.append(time.perf_counter() - start)
    latency = _percentiles("", seconds[1:])
    if finish_plans is not None:
        latency |= _percentiles("first_", first_seconds[1:])
    return latency


def _percentiles(prefix: str, seconds: list[float]) -> dict[str, float]:
    p50, p99 = np.percentile(1000 * np.array(seconds), [50, 99])
    return {f"{prefix}p50": float(p50), f"{prefix}p99": float(p99)}
