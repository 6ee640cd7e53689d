"""Healthy robots beside clients that misbehave."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from dfplan.types import UserError
from experiments.common.records import measure_once
from experiments.serving.load import SETTLE_SECONDS, WARM_SECONDS, after, quantile
from experiments.serving.robots import Timings, drive_all, make_robots
from experiments.serving.server import Server, running_server
from experiments.serving.study import Study
from experiments.serving.usage import cpu_seconds

CALM_SHARE = 0.25
"""Time without faults, before those, as a share of the time with faults."""
EXECUTE = 1


def measure_faults(study: Study) -> None:
    """Measure the healthy robots' latencies without and with faults, unless measured already."""
    seconds = max(60 * study.minutes, 2 * WARM_SECONDS)
    count = max(study.robots)
    request = study.request(robots=count, execute=EXECUTE, seconds=seconds)
    measure_once(study.results / "faults.json", request, lambda: run(study, count, seconds))


def run(study: Study, count: int, seconds: float) -> dict[str, Any]:
    """Drive robots without faults and then with faults; return what they and the faults saw.

    Args:
        study: Study.
        count: Number of healthy robots.
        seconds: Time with faults.
    """
    calm = WARM_SECONDS + CALM_SHARE * seconds
    with running_server(study.run, study.logs) as server:
        robots = make_robots(study.run, count, EXECUTE)
        own_before = time.process_time()
        server_before = cpu_seconds(server.process.pid)
        timings, answers = asyncio.run(
            _drive_beside_faults(study, server, robots, calm=calm, seconds=seconds)
        )
        if server.process.poll() is not None:
            raise UserError(f"dfplan serve ended during the faults; see {server.log}")
        metrics = server.metrics()
        total = calm + seconds
        server_cores = (cpu_seconds(server.process.pid) - server_before) / total
        robots_cores = (time.process_time() - own_before) / total
    return {
        "calm": _phase(timings, WARM_SECONDS, calm),
        "faults": _phase(timings, calm, calm + seconds),
        "errors": [error for robot in timings for error in robot.errors],
        "answers": answers,
        "cores": server_cores,
        "robots_cores": robots_cores,
        "metrics": [line for line in metrics.splitlines() if line.startswith("dfplan")],
    }


async def _drive_beside_faults(
    study: Study,
    server: Server,
    robots: Sequence[Any],
    *,
    calm: float,
    seconds: float,
) -> tuple[list[Timings], dict[str, Any]]:
    """Drive the robots; begin the faults, in a process of their own, after the calm time."""
    arguments = [server.url, "--run", study.run, "--seconds", str(seconds)]
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "experiments.serving.faulty", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    await process.stdout.readline()  # "ready": what it imports costs the robots nothing.
    start = time.monotonic() + SETTLE_SECONDS
    driving = asyncio.create_task(drive_all(robots, server.url, start, calm + seconds))
    await asyncio.sleep(max(start + calm - time.monotonic(), 0.0))
    output, _ = await process.communicate(b"begin\n")
    return await driving, json.loads(output)


def _phase(timings: Sequence[Timings], begin: float, end: float) -> dict[str, Any]:
    """Return the latencies of the requests that began in an interval, per robot and of all."""
    parts = [_between(robot, begin, end) for robot in timings]
    ms = np.concatenate([part.ms for part in parts])
    missed = sum(sum(part.missed) for part in parts)
    return {
        "seconds": end - begin,
        "requests": len(ms),
        "missed": missed / max(missed + len(ms), 1),
        "p50_ms": quantile(ms, 50),
        "p99_ms": quantile(ms, 99),
        "max_ms": quantile(ms, 100),
        "per_robot_p50_ms": [quantile(part.ms, 50) for part in parts],
        "per_robot_p99_ms": [quantile(part.ms, 99) for part in parts],
    }


def _between(timings: Timings, begin: float, end: float) -> Timings:
    rest = after(timings, begin)
    last = int(np.searchsorted(rest.begin, end))
    return Timings(rest.begin[:last], rest.ms[:last], rest.missed[:last], rest.errors)
