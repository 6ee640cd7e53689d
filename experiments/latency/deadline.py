"""How `act` keeps a deadline, beside a plain timed wait: python -m experiments.latency.deadline.

The loop is that of a robot: an observation every `PERIOD` milliseconds, or later where `act` takes
longer. Pin it to the cores that the robot would have (`taskset -c 0`).
"""

import argparse
import threading
import time
from collections.abc import Sequence

import numpy as np

from dfplan.agent import Agent
from dfplan.cli.common import console
from dfplan.compilation import keep_compiled
from experiments.latency.episodes import SEED, make_agent, maker
from experiments.maze2d.markdown import table

MAZE, PERIOD, WAIT_EVERY = "large", 10.0, 4
COLUMNS = ("deadline, ms", "act, p50", "act, p99", "a timed wait, p99", "first reach", "late plans")


def main(argv: Sequence[str] | None = None) -> int:
    """Drive episodes under each deadline, and print how long `act` took."""
    parser = argparse.ArgumentParser(prog="python -m experiments.latency.deadline")
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--seed", type=int, default=SEED, help="of the first episode")
    parser.add_argument("--deadlines", type=float, nargs="+", default=(5, 10, 20, 50))
    parser.add_argument("--warm", type=float, default=0.8, help="planner.warm")
    args = parser.parse_args(argv)
    keep_compiled()
    seeds = args.seed + np.arange(args.episodes)
    rows = []
    for deadline in args.deadlines:
        agent = make_agent(MAZE, {"deadline_ms": deadline, "warm": args.warm})
        agent.compile()
        times, waits, reach, late = drive(agent, seeds)
        (p50, p99), wait = np.percentile(times, [50, 99]), np.percentile(waits, 99)
        figures = (f"{x:.1f}" for x in (deadline, p50, p99, wait, np.mean(reach)))
        rows.append((*figures, f"{late:.2f}"))
    console.print(table(COLUMNS, rows))
    return 0


def drive(agent: Agent, seeds: np.ndarray) -> tuple[list[float], list[float], list[int], float]:
    """Milliseconds of each `act` and of timed waits between some of them; steps to each goal.

    Also the share of plans that came late.
    """
    env, times, waits, reach, late = maker(MAZE)(), [], [], [], []
    deadline = agent.planner.config.deadline_ms
    for seed in seeds:
        observation, _ = env.reset(seed=int(seed))
        agent.reset(seed=int(seed))
        steps, over, before = 0, False, -1
        while not over:
            begin = time.perf_counter()
            action = agent.act(observation)
            times.append(1000 * (time.perf_counter() - begin))
            age = int(agent.elapsed[0]) - 1
            if age <= before or before < 0 <= age:  # another plan than in the step before
                late.append(age > 0 or (before < 0 and steps > 0))
            observation, _, terminated, truncated, info = env.step(action)
            over, before = terminated or truncated or info["success"], age
            steps += 1
            if steps % WAIT_EVERY == 0:
                waits.append(timed_wait(deadline))
            time.sleep(max(PERIOD / 1000 - (time.perf_counter() - begin), 0.0))
        reach.append(steps)
    env.close()
    return times, waits, reach, float(np.mean(late))


def timed_wait(ms: float) -> float:
    """Milliseconds that a wait of `ms` for what never comes takes here."""
    begin = time.perf_counter()
    threading.Event().wait(ms / 1000)
    return 1000 * (time.perf_counter() - begin)


if __name__ == "__main__":
    raise SystemExit(main())
