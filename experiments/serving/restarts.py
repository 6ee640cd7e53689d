"""A robot whose server is killed and started again."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from dfplan.client import RemoteAgent, connect
from dfplan.runs.resolve import resolve_run
from dfplan.tasks.make_env import make_env
from experiments.common.records import measure_once
from experiments.serving.load import quantile
from experiments.serving.robots import SEED
from experiments.serving.server import free_port, running_server
from experiments.serving.study import Study

CONTROL_SECONDS = 0.01
"""Control period of PointMaze."""
UP_SECONDS = 5.0
"""Time for which each server runs before it is killed."""
DOWN_SECONDS = 1.0
CLIENT = {"execute": 8, "lead": 4, "fallback": "continue"}


def measure_restarts(study: Study) -> None:
    """Measure a robot under kills of its server, unless measured already."""
    measure_once(
        study.results / "restarts.json",
        study.request(kills=study.kills, client=CLIENT),
        lambda: run(study),
    )


def run(study: Study) -> dict[str, Any]:
    """Drive a robot at its control rate while its server is killed (SIGKILL) and started again."""
    port = free_port()
    is_up = threading.Event()
    is_over = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        killing = pool.submit(keep_killing, study, port, is_up, is_over)
        while not is_up.wait(1.0):
            if killing.done():
                killing.result()  # It raises the reason.
        with connect(f"127.0.0.1:{port}", **CLIENT) as agent:
            measured = drive(study.run, agent, is_over)
        return {**measured, "downtime_seconds": killing.result()}


def keep_killing(
    study: Study, port: int, is_up: threading.Event, is_over: threading.Event
) -> list[float]:
    """Start and kill servers; return the seconds from each kill until the next server listened.

    Args:
        study: Study.
        port: Port of all servers.
        is_up: Set once the first server listens.
        is_over: Set when there will be no more servers.
    """
    downtimes = []
    killed = 0.0
    try:
        for i in range(study.kills + 1):
            with running_server(study.run, study.logs, port=port) as server:
                if i:
                    downtimes.append(time.monotonic() - killed)
                is_up.set()
                time.sleep(UP_SECONDS)
                if i == study.kills:
                    is_over.set()  # The last one ends after its robot.
                    time.sleep(DOWN_SECONDS)
                else:
                    killed = time.monotonic()
                    server.process.kill()
            time.sleep(DOWN_SECONDS)
    finally:
        is_over.set()
    return downtimes


def drive(run: str, agent: RemoteAgent, is_over: threading.Event) -> dict[str, Any]:
    """Drive a robot at its control rate until the event; return what it saw.

    Args:
        run: Run whose environment it is in.
        agent: Agent.
        is_over: Set once the last server ends.
    """
    task = resolve_run(run).run.task
    env = make_env(task.env, task.env_kwargs)
    observation, _ = env.reset(seed=SEED)
    act_ms = []
    falls_back = []
    due = time.monotonic()
    while not is_over.is_set():
        begin = time.monotonic()
        action = agent.act(observation)
        act_ms.append(1000 * (time.monotonic() - begin))
        falls_back.append(agent.status.falls_back)
        observation, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            observation, _ = env.reset()
            agent.reset()
        due = max(due + CONTROL_SECONDS, time.monotonic())
        time.sleep(max(due - time.monotonic(), 0.0))
    return {
        "steps": len(act_ms),
        "fallbacks": int(np.sum(falls_back)),
        "spells": int(np.sum(np.diff(np.asarray(falls_back, int), prepend=0) == 1)),
        "connections": agent.status.connections,
        "act_p50_ms": quantile(act_ms, 50),
        "act_p99_ms": quantile(act_ms, 99),
        "act_max_ms": quantile(act_ms, 100),
    }
