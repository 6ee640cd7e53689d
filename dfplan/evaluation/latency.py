"""Planning latency of an agent."""

import time
from typing import Any

import numpy as np

from dfplan.evaluation.play import BatchAgent


def plan_latency(
    agent: BatchAgent,
    observations: list[Any],
    calls: int = 50,
    goals: np.ndarray | None = None,
) -> dict[str, float]:
    """Time calls of `act` that plan for one environment.

    Args:
        agent: Agent; it is reset before each call, so that each call plans.
        observations: Observations of single environments, used in turn.
        calls: Number of timed calls; one more call precedes them, to compile.
        goals: `[E, G]` goals of the observations, if these do not hold them.

    Returns:
        Median "p50" and 99th percentile "p99", in milliseconds.
    """
    seconds = []
    for i in range(calls + 1):
        agent.reset(seed=0)
        turn = i % len(observations)
        arguments = {} if goals is None else {"goal": goals[turn]}
        start = time.perf_counter()
        agent.act(observations[turn], **arguments)
        seconds.append(time.perf_counter() - start)
    p50, p99 = np.percentile(1000 * np.array(seconds[1:]), [50, 99])
    return {"p50": float(p50), "p99": float(p99)}
