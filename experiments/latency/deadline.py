"""Deadlines of `act`, compared with a plain timed wait: python -m experiments.latency.deadline.

The loop is that of a robot: one observation every `PERIOD` milliseconds, or later if `act` takes
longer. Pin it to the cores that the robot would have (`taskset -c 0`).
"""

import argparse
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dfplan.agent import Agent
from dfplan.cli.common import console
from dfplan.util.compilation_cache import enable_compilation_cache
from experiments.common.markdown import table
from experiments.latency.episodes import SEED, env_factory, make_agent

MAZE = "large"
PERIOD = 10.0
"""Milliseconds between observations."""
WAIT_EVERY = 4
"""Control steps between timed waits."""
COLUMNS = ("deadline, ms", "act, p50", "act, p99", "timed wait, p99", "first reach", "late plans")


class Timings(NamedTuple):
    """Timings of episodes under a deadline.

    Attributes:
        act: Milliseconds of each `act`.
        waits: Milliseconds of timed waits as long as the deadline.
        reach: Control steps to each goal.
        late: Share of plans that came late.
    """

    act: list[float]
    waits: list[float]
    reach: list[int]
    late: float


def main(argv: Sequence[str] | None = None) -> int:
    """Play episodes under each deadline, and print how long `act` took."""
    parser = argparse.ArgumentParser(prog="python -m experiments.latency.deadline")
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the first episode")
    parser.add_argument("--deadlines", type=float, nargs="+", default=(5, 10, 20, 50))
    parser.add_argument("--warm", type=float, default=0.8, help="value of planner.warm_start.level")
    args = parser.parse_args(argv)
    enable_compilation_cache()
    seeds = args.seed + np.arange(args.episodes)
    rows = []
    for deadline in args.deadlines:
        agent = make_agent(MAZE, {"timing.deadline_ms": deadline, "warm_start.level": args.warm})
        agent.compile()
        timings = time_episodes(agent, seeds)
        p50, p99 = np.percentile(timings.act, [50, 99])
        wait = np.percentile(timings.waits, 99)
        numbers = (deadline, p50, p99, wait, np.mean(timings.reach))
        rows.append((*(f"{x:.1f}" for x in numbers), f"{timings.late:.2f}"))
    console.print(table(COLUMNS, rows))
    return 0


def time_episodes(agent: Agent, seeds: np.ndarray) -> Timings:
    """Play episodes one after the other at the robot's period, and time every `act`."""
    env = env_factory(MAZE)()
    act_ms = []
    wait_ms = []
    reach = []
    late = []
    deadline = agent.planner.config.timing.deadline_ms
    for seed in seeds:
        observation, _ = env.reset(seed=int(seed))
        agent.reset(seed=int(seed))
        steps = 0
        episode_ended = False
        previous_age = -1
        while not episode_ended:
            begin = time.perf_counter()
            action = agent.act(observation)
            act_ms.append(1000 * (time.perf_counter() - begin))
            age = int(agent.elapsed[0]) - 1
            if age <= previous_age or previous_age < 0 <= age:  # a new plan became active
                late.append(age > 0 or (previous_age < 0 and steps > 0))
            observation, _, terminated, truncated, info = env.step(action)
            episode_ended = terminated or truncated or info["success"]
            previous_age = age
            steps += 1
            if steps % WAIT_EVERY == 0:
                wait_ms.append(timed_wait(deadline))
            time.sleep(max(PERIOD / 1000 - (time.perf_counter() - begin), 0.0))
        reach.append(steps)
    env.close()
    return Timings(act=act_ms, waits=wait_ms, reach=reach, late=float(np.mean(late)))


def timed_wait(ms: float) -> float:
    """Wait `ms` milliseconds for an event that never comes, and return the milliseconds taken."""
    begin = time.perf_counter()
    threading.Event().wait(ms / 1000)
    return 1000 * (time.perf_counter() - begin)


if __name__ == "__main__":
    raise SystemExit(main())
