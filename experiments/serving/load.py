"""Latency of requests under load, beside one process per robot."""

import asyncio
import contextlib
import functools
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from dfplan.cli.common import console
from experiments.common.records import measure_once
from experiments.serving.robots import SEED, Timings, drive_all, make_robots
from experiments.serving.server import running_server
from experiments.serving.study import Study
from experiments.serving.usage import busy_seconds, cpu_seconds, free_mb, memory_mb

SETTLE_SECONDS = 2.0
"""Time to connect before the first request."""
WARM_SECONDS = 3.0
"""Beginning of each measurement that does not count: first plans of all robots at once."""
MEMORY_SHARE = 0.8
"""Share of the free memory that processes of robots may take."""


def measure_load(study: Study) -> None:
    """Measure the server and single processes under each load; measured ones are skipped."""
    seconds = max(60 * study.minutes / 10, 2 * WARM_SECONDS)
    for execute, count in itertools.product(study.execute, study.robots):
        for name, measure in {"server": measure_server, "processes": measure_processes}.items():
            measure_once(
                study.results / f"load-{name}-{execute}-{count}.json",
                study.request(robots=count, execute=execute, seconds=seconds),
                functools.partial(measure, study, count, execute, seconds=seconds),
            )


def measure_server(study: Study, count: int, execute: int, *, seconds: float) -> dict[str, Any]:
    """Return the latencies of robots that ask one server."""
    with running_server(study.run, study.logs) as server:
        robots = make_robots(study.run, count, execute)
        start = time.monotonic() + SETTLE_SECONDS
        busy = busy_seconds()
        before = cpu_seconds(server.process.pid)
        own_before = time.process_time()
        timings = asyncio.run(drive_all(robots, server.url, start, seconds))
        cores = (cpu_seconds(server.process.pid) - before) / seconds
        own_cores = (time.process_time() - own_before) / seconds
        return {
            **summarize(timings),
            "cores": cores,
            "robots_cores": own_cores,
            "other_cores": (busy_seconds() - busy) / seconds - cores - own_cores,
            "memory_mb": memory_mb([server.process.pid]),
        }


def measure_processes(study: Study, count: int, execute: int, *, seconds: float) -> dict[str, Any]:
    """Return the latencies of robots that plan in a process each; too many are not measured."""
    with contextlib.ExitStack() as ends:
        processes = [_start_process(study, execute, 0, ends)]
        needed = count * memory_mb([processes[0].pid])
        available = MEMORY_SHARE * (free_mb() + needed / count)
        if needed > available:
            console.print(f"{count} processes need {needed:.0f} MB: not measured")
            return {"left_out": "memory", "needed_mb": needed, "available_mb": available}
        processes += [_start_process(study, execute, i, ends) for i in range(1, count)]
        return _run_processes(processes, seconds)


def _start_process(
    study: Study, execute: int, index: int, ends: contextlib.ExitStack
) -> subprocess.Popen:
    """Return the process of a robot that is ready to drive; it ends with the stack."""
    command = [sys.executable, "-m", "experiments.serving.alone", study.run]
    options = ["--execute", str(execute), "--seed", str(SEED + index)]
    process = subprocess.Popen(
        [*command, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    ends.callback(process.wait)
    ends.callback(process.kill)
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        raise RuntimeError(f"a robot's process ended with exit code {process.wait()}")
    return process


def _run_processes(processes: Sequence[subprocess.Popen], seconds: float) -> dict[str, Any]:
    """Let ready processes begin at the same time, and collect what they measured."""
    memory = memory_mb([process.pid for process in processes])
    busy = busy_seconds()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(f"{seconds}\n")
        process.stdin.flush()
    results = []
    for process in processes:
        assert process.stdout is not None
        results.append(json.loads(process.stdout.readline()))
    cores = sum(result.pop("cpu") for result in results) / seconds
    timings = [Timings(**result, errors=[]) for result in results]
    return {
        **summarize(timings),
        "cores": cores,
        "other_cores": (busy_seconds() - busy) / seconds - cores,
        "memory_mb": memory,
    }


def summarize(timings: Sequence[Timings]) -> dict[str, Any]:
    """Return quantiles over all requests but the first ones, and over the robots' own quantiles."""
    settled = [after(robot, WARM_SECONDS) for robot in timings]
    ms = np.concatenate([robot.ms for robot in settled])
    missed = sum(sum(robot.missed) for robot in settled)
    return {
        "requests": len(ms),
        "errors": sum(len(robot.errors) for robot in timings),
        "missed": missed / max(missed + len(ms), 1),
        "p50_ms": quantile(ms, 50),
        "p99_ms": quantile(ms, 99),
        "max_ms": quantile(ms, 100),
        "per_robot_p99_ms": [quantile(robot.ms, 99) for robot in settled],
    }


def after(timings: Timings, seconds: float) -> Timings:
    """Return the part of what a robot measured that began after a time."""
    first = int(np.searchsorted(timings.begin, seconds))
    return Timings(
        timings.begin[first:], timings.ms[first:], timings.missed[first:], timings.errors
    )


def quantile(ms: Any, percent: float) -> float | None:
    """Return a quantile rounded to microseconds; None of nothing."""
    return round(float(np.percentile(ms, percent)), 3) if len(ms) else None
