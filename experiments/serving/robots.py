"""Simulated robots that ask a server at a fixed rate."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from dfplan.runs.resolve import resolve_run
from dfplan.tasks.make_env import make_env
from dfplan.wire import keys
from dfplan.wire.codec import pack, unpack

PERIOD = 0.1
"""Seconds between the requests of a robot."""
RETRY_SECONDS = 0.5
SEED = 35_000
"""Seed of the first robot's first episode; no result about scores uses it."""


class Robot:
    """An environment, driven by chunks of actions, one episode after the other.

    Args:
        env: Gymnasium environment.
        execute: Control steps to execute from each chunk.
        seed: Seed of the first episode.

    Attributes:
        chunk: Control steps that it executes from each chunk.
    """

    def __init__(self, env: Any, execute: int, seed: int):
        self._env = env
        self.chunk = execute
        self._seed = seed
        self._begin_episode()

    def request(self) -> dict[str, Any]:
        """Return the message that asks for the next chunk."""
        extra = {keys.EXECUTED: self.chunk}
        if self._is_new:
            extra = {keys.RESET: True, keys.SEED: self._seed}
        return {**self.observation, **extra}

    def reconnected(self) -> None:
        """Announce an episode, because the server does not know this robot any longer."""
        self._is_new = True

    def execute(self, actions: np.ndarray) -> None:
        """Execute the first actions of a chunk; begin a new episode if this one ends."""
        self._is_new = False
        for action in actions[: self.chunk]:
            self.observation, _, terminated, truncated, _ = self._env.step(action)
            if terminated or truncated:
                self._seed += 1000
                self._begin_episode()
                return

    def _begin_episode(self) -> None:
        self.observation, _ = self._env.reset(seed=self._seed)
        self._is_new = True


class Timings(NamedTuple):
    """What one robot measured.

    Attributes:
        begin: Time of each request, seconds since the start of the measurement.
        ms: Milliseconds from each request to its reply.
        missed: Control periods in which the robot could not ask, because it still waited.
        errors: Errors that the robot saw, one line each.
    """

    begin: list[float]
    ms: list[float]
    missed: list[int]
    errors: list[str]


def make_robots(run: str, count: int, execute: int) -> list[Robot]:
    """Return robots in the environment of a run, with different seeds.

    Args:
        run: Run directory or task name.
        count: Number of robots.
        execute: Control steps to execute from each chunk.
    """
    task = resolve_run(run).run.task
    return [Robot(make_env(task.env, task.env_kwargs), execute, SEED + i) for i in range(count)]


class Ticks:
    """Times at which a robot asks: one period after the other, without catching up.

    Args:
        start: First time, as `time.monotonic()`.
    """

    def __init__(self, start: float):
        self._next = start

    def take(self, now: float) -> tuple[float, int]:
        """Return the next time that has not passed by a period, and how many were skipped."""
        skipped = max(0, int((now - self._next) // PERIOD))
        due = self._next + skipped * PERIOD
        self._next = due + PERIOD
        return due, skipped


async def drive_all(
    robots: Sequence[Robot], url: str, start: float, seconds: float
) -> list[Timings]:
    """Drive robots for a time, each at its own phase of the period.

    Args:
        robots: Robots; each gets a connection of its own.
        url: WebSocket URL of the server.
        start: Time at which they begin, as `time.monotonic()`.
        seconds: Length of the measurement.
    """
    phases = np.random.default_rng(0).uniform(0, PERIOD, len(robots))
    drives = [
        _drive(robot, url, Ticks(start + phase), start=start, end=start + seconds)
        for robot, phase in zip(robots, phases, strict=True)
    ]
    return await asyncio.gather(*drives)


async def _drive(robot: Robot, url: str, ticks: Ticks, *, start: float, end: float) -> Timings:
    """Drive one robot, connecting again after errors."""
    timings = Timings([], [], [], [])
    while time.monotonic() < end:
        try:
            async with connect(url, compression=None, max_size=None) as connection:
                await connection.recv()  # metadata
                await _ask(robot, connection, ticks, start=start, end=end, timings=timings)
                return timings
        except (OSError, WebSocketException, RuntimeError) as error:
            timings.errors.append(f"{type(error).__name__}: {error}"[:200])
            robot.reconnected()
            await asyncio.sleep(RETRY_SECONDS)
    return timings


async def _ask(
    robot: Robot, connection: Any, ticks: Ticks, *, start: float, end: float, timings: Timings
) -> None:
    """Ask at the robot's times until the end."""
    while True:
        due, skipped = ticks.take(time.monotonic())
        if due >= end:
            return
        await asyncio.sleep(due - time.monotonic())
        begin = time.monotonic()
        request = {**robot.request(), keys.ACTION_HORIZON: robot.chunk}
        await connection.send(pack(request))
        reply = await connection.recv()
        timings.ms.append(1000 * (time.monotonic() - begin))
        timings.begin.append(begin - start)
        timings.missed.append(skipped)
        if isinstance(reply, str):
            raise RuntimeError(reply)
        robot.execute(unpack(reply)[keys.ACTIONS])
