"""A robot that plans in its own process: python -m experiments.serving.alone RUN.

It prints "ready", waits for a line with the seconds to measure, and prints its timings as JSON.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.runs.resolve import resolve_run
from dfplan.tasks.make_env import make_env
from dfplan.wire import keys
from experiments.serving.robots import PERIOD, Robot, Ticks


def main(argv: Sequence[str] | None = None) -> int:
    """Load the planner, and drive one robot at its own rate."""
    parser = argparse.ArgumentParser(prog="python -m experiments.serving.alone")
    parser.add_argument("run", help="run directory or task name")
    parser.add_argument("--execute", type=int, default=1, help="actions to execute from each chunk")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first episode")
    args = parser.parse_args(argv)
    task = resolve_run(args.run).run.task
    robot = Robot(make_env(task.env, task.env_kwargs), args.execute, args.seed)
    agent = Agent.load(args.run)
    agent.compile()
    plan_chunk(agent, robot.request(), args.execute)
    print("ready", flush=True)
    seconds = float(sys.stdin.readline())
    print(json.dumps(measure(agent, robot, args.execute, seconds)), flush=True)
    return 0


def measure(agent: Agent, robot: Robot, execute: int, seconds: float) -> dict[str, Any]:
    """Drive the robot, and return the fields of `Timings` without errors, and its CPU seconds."""
    timings: dict[str, list] = {"begin": [], "ms": [], "missed": []}
    cpu = time.process_time()
    start = time.monotonic()
    ticks = Ticks(start + np.random.default_rng().uniform(0, PERIOD))
    while True:
        due, skipped = ticks.take(time.monotonic())
        if due >= start + seconds:
            return {**timings, "cpu": time.process_time() - cpu}
        time.sleep(max(due - time.monotonic(), 0.0))
        begin = time.monotonic()
        actions = plan_chunk(agent, robot.request(), execute)
        timings["ms"].append(1000 * (time.monotonic() - begin))
        timings["begin"].append(begin - start)
        timings["missed"].append(skipped)
        robot.execute(actions)


def plan_chunk(agent: Agent, request: dict[str, Any], execute: int) -> np.ndarray:
    """Return the actions `[execute, A]` that answer a request, as the server does."""
    observation = dict(request)
    executed = observation.pop(keys.EXECUTED, 1)
    if observation.pop(keys.RESET, False):
        agent.reset(seed=observation.pop(keys.SEED))
    return agent.act_chunk(observation, length=execute, executed=executed).actions


if __name__ == "__main__":
    sys.exit(main())
