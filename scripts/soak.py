"""Drive a planner as fast as it can while its sensors fail: python scripts/soak.py --minutes 10.

A step may have a fault: values that are NaN, infinite or implausible; readings that are dropped,
repeated, late or of a wrong type; goals that move or are unusable. With missing values allowed and
a deadline, `act` must return a finite action inside the action space. If the observation has a
wrong type or no usable goal, `act` must raise a one-line error instead, and the last action is
repeated. The script exits with code 1 if anything else happened, if memory, threads or file
descriptors grew, or if the deadline was missed. Since a busy machine delays every wait, `act` is
compared with plain waits as long as the deadline.
"""

import argparse
import collections
import dataclasses
import json
import os
import resource
import sys
import threading
import time
from array import array
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from dfplan.agent import Agent
from dfplan.runs.resolve import resolve_run
from dfplan.tasks.make_env import make_env
from dfplan.types import UserError

FAULT_SHARE = 0.3
"""Fraction of the steps that have a fault."""
MEMORY = 50
"""Largest delay of late readings, in steps."""
WARM_UP = 0.05
"""Fraction of the time after which the process counts as warm."""
WAIT_EVERY = 100
"""Steps between plain waits."""
MAX_DELAY = 1.5
"""Largest 99th percentile of `act`, relative to that of plain waits."""
MAX_GROWTH_MB = 32.0
"""Growth of the resident memory that counts as a leak."""
PAGE_MB = resource.getpagesize() / 2**20

Reading = np.ndarray
Fault = Callable[[np.random.Generator, Reading, "collections.deque[Reading]"], Any]
"""Function that returns the faulty reading, given the true one and those before it."""


def _one_value(value: float) -> Fault:
    def fault(rng, reading, past):
        reading = reading.copy()
        reading[rng.integers(len(reading))] = value * rng.choice((-1, 1))
        return reading

    return fault


def _every_value(value: float) -> Fault:
    return lambda rng, reading, past: np.full_like(reading, value)


READING_FAULTS: dict[str, Fault] = {
    "one NaN": _one_value(np.nan),
    "dropped": _every_value(np.nan),
    "one infinity": _one_value(np.inf),
    "one 1e6": _one_value(1e6),
    "one 1e30": _one_value(1e30),
    "one 3e38": _one_value(3e38),
    "all 3e38": _every_value(3e38),
    "one 1e300": _one_value(1e300),
    "repeated": lambda rng, reading, past: past[-1],
    "late": lambda rng, reading, past: past[rng.integers(len(past))],
}
WRONG_TYPES: dict[str, Fault] = {
    "text": lambda rng, reading, past: "reading",
    "list of text": lambda rng, reading, past: [str(value) for value in reading],
    "nothing": lambda rng, reading, past: None,
    "objects": lambda rng, reading, past: reading.astype(object),
    "complex": lambda rng, reading, past: reading.astype(complex),
    "booleans": lambda rng, reading, past: reading > 0,
    "one value too few": lambda rng, reading, past: reading[:-1],
}
GOAL_FAULTS: dict[str, Fault] = {
    "goal NaN": _one_value(np.nan),
    "goal 1e38": _one_value(1e38),
}
MOVED_GOALS: dict[str, Fault] = {
    "goal moves": lambda rng, goal, past: goal + rng.normal(0, 0.3, goal.shape),
}


@dataclasses.dataclass
class Report:
    """Counts of a drive; `failures` lists what must not have happened."""

    seconds: float
    steps: int
    episodes: int
    faults: dict[str, int]
    refused: dict[str, int]
    crashes: dict[str, int]
    not_finite: int
    outside: int
    warm: dict[str, float]
    end: dict[str, float]
    deadline_ms: float
    act_ms: dict[str, float]
    wait_ms: dict[str, float]

    @property
    def failures(self) -> list[str]:
        unexpected = {kind for kind in self.refused if kind not in {**WRONG_TYPES, **GOAL_FAULTS}}
        accepted = {
            kind
            for kind in {**WRONG_TYPES, **GOAL_FAULTS}
            if self.faults.get(kind, 0) > self.refused.get(kind, 0)
        }
        checks = {
            f"crashes: {self.crashes}": self.crashes,
            f"{self.not_finite} actions that are not finite": self.not_finite,
            f"{self.outside} actions outside the space": self.outside,
            f"refused although usable: {sorted(unexpected)}": unexpected,
            f"used although wrong: {sorted(accepted)}": accepted,
            "more threads": self.end["threads"] > self.warm["threads"],
            "more file descriptors": self.end["files"] > self.warm["files"],
            "deadline missed": self.act_ms["p99"] > MAX_DELAY * self.wait_ms["p99"],
            "more memory": self.end["memory_mb"] > self.warm["memory_mb"] + MAX_GROWTH_MB,
        }
        return [text for text, failed in checks.items() if failed]


def soak(agent: Agent, env: gymnasium.Env, *, seconds: float, seed: int = 0) -> Report:
    """Drive an agent in one environment for some time.

    Args:
        agent: Agent that allows missing values and has a deadline.
        env: Environment whose observations are a vector or a goal Dict.
        seconds: Time after which to stop.
        seed: Seed of the faults, of the environment and of the plans.
    """
    rng = np.random.default_rng(seed)
    agent.reset(seed=seed)
    past: collections.deque[Reading] = collections.deque(maxlen=MEMORY)
    counts = {name: collections.Counter() for name in ("faults", "refused", "crashes", "actions")}
    act_ms = array("f")
    wait_ms = array("f")
    deadline_ms = agent.planner.config.timing.deadline_ms
    warm: dict[str, float] = {}
    action = env.action_space.sample()
    observation = None
    episodes = 0
    begin = time.perf_counter()
    while (elapsed := time.perf_counter() - begin) < seconds:
        if not warm and elapsed > WARM_UP * seconds:
            warm = _resources()
        if observation is None:
            observation, _ = env.reset(seed=seed if not episodes else None)
            agent.reset()
            episodes += 1
            past.append(_reading(observation))
        kind, faulty = _with_fault(rng, observation, past)
        counts["faults"][kind] += 1
        past.append(_reading(observation))
        act_begin = time.perf_counter()
        try:
            new_action = agent.act(faulty)
        except UserError:
            counts["refused"][kind] += 1
        except Exception as error:
            counts["crashes"][f"{type(error).__name__}: {error} ({kind})"] += 1
        else:
            finite = bool(np.isfinite(new_action).all())
            counts["actions"]["not finite"] += not finite
            counts["actions"]["outside"] += not env.action_space.contains(new_action)
            action = new_action if finite else action
        act_ms.append(1000 * (time.perf_counter() - act_begin))
        if len(act_ms) % WAIT_EVERY == 1:
            wait_ms.append(_timed_wait(deadline_ms))
        observation, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            observation = None
    return Report(
        seconds=elapsed,
        steps=len(act_ms),
        episodes=episodes,
        faults={kind: count for kind, count in sorted(counts["faults"].items()) if kind},
        refused=dict(counts["refused"]),
        crashes=dict(counts["crashes"]),
        not_finite=counts["actions"]["not finite"],
        outside=counts["actions"]["outside"],
        warm=warm,
        end=_resources(),
        deadline_ms=deadline_ms,
        act_ms=_percentiles(act_ms),
        wait_ms=_percentiles(wait_ms),
    )


def _with_fault(
    rng: np.random.Generator, observation: Any, past: "collections.deque[Reading]"
) -> tuple[str, Any]:
    """Return the kind of a random fault, empty for none, and the faulty observation."""
    if rng.random() >= FAULT_SHARE:
        return "", observation
    goal_faults = {**GOAL_FAULTS, **MOVED_GOALS} if isinstance(observation, Mapping) else {}
    faults = {**READING_FAULTS, **WRONG_TYPES, **goal_faults}
    kind = str(rng.choice(list(faults)))
    if kind in goal_faults:
        goal = faults[kind](rng, np.asarray(observation["desired_goal"]), past)
        return kind, {**observation, "desired_goal": goal}
    reading = faults[kind](rng, _reading(observation), past)
    if isinstance(observation, Mapping):
        return kind, {**observation, "observation": reading}
    return kind, reading


def _reading(observation: Any) -> Reading:
    is_dict = isinstance(observation, Mapping)
    return np.array(observation["observation"] if is_dict else observation, float)


def _timed_wait(milliseconds: float) -> float:
    """Wait as `act` does, and return how long it took."""
    begin = time.perf_counter()
    threading.Event().wait(milliseconds / 1000)
    return 1000 * (time.perf_counter() - begin)


def _resources() -> dict[str, float]:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "memory_mb": round(pages * PAGE_MB, 1),
        "threads": len(os.listdir("/proc/self/task")),
        "files": len(os.listdir("/proc/self/fd")),
    }


def _percentiles(act_ms: array) -> dict[str, float]:
    times = np.frombuffer(act_ms, np.float32)
    names = {"p50": 50, "p99": 99, "max": 100}
    return {name: round(float(np.percentile(times, share)), 2) for name, share in names.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", default="pointmaze-umaze", help="run directory or task")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--deadline-ms", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    settings = {"sensing.missing": True, "timing.deadline_ms": options.deadline_ms}
    agent = Agent.load(options.run, planner=settings)
    task = resolve_run(options.run).run.task
    env = make_env(task.env, task.env_kwargs)
    report = soak(agent, env, seconds=60 * options.minutes, seed=options.seed)
    print(json.dumps(dataclasses.asdict(report), indent=2))
    print("\n".join(f"FAILED: {text}" for text in report.failures) or "nothing failed")
    sys.exit(bool(report.failures))


if __name__ == "__main__":
    main()
