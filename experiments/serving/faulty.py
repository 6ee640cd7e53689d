"""Clients that misbehave: python -m experiments.serving.faulty URL --seconds SECONDS.

Each fault is one connection. The program prints "ready", waits for a line, and in the end prints
how often each fault was injected and what the server answered, as JSON.
"""

import argparse
import asyncio
import collections
import contextlib
import json
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgpack
import numpy as np
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.frames import Frame, Opcode

from dfplan.types import one_line
from dfplan.wire.codec import ARRAY, DATA, DTYPE, SHAPE, pack
from experiments.serving.robots import make_robots

PAUSE_SECONDS = 0.5
"""Time between the beginnings of two faults."""
PATIENCE_SECONDS = 60.0
"""Longest time that a fault waits for the server's answer."""
HOLD_SECONDS = 5.0
"""Time for which a stalled client stays connected."""
OVERSIZE = 64 * 2**20
BYTES_PER_DROP = 16
DROP_SECONDS = 0.5
CONNECTION: dict[str, Any] = {
    "compression": None,
    "max_size": None,
    "ping_interval": None,  # a ping could get into the middle of half a frame
}
Request = dict[str, Any]
Fault = Callable[[Any, Request], Awaitable[None]]


async def killed(connection: Any, request: Request) -> None:
    """Ask, and die before the answer."""
    await connection.send(pack(request))
    connection.transport.abort()


async def half_frame(connection: Any, request: Request) -> None:
    """Send half of a frame, stall, and die."""
    frame = _frame(pack(request))
    connection.transport.write(frame[: len(frame) // 2])
    await asyncio.sleep(HOLD_SECONDS)
    connection.transport.abort()


async def slow_sender(connection: Any, request: Request) -> None:
    """Send a frame very slowly, for as long as the server accepts it."""
    frame = _frame(pack({**request, "padding": bytes(2000)}))
    for i in range(0, len(frame), BYTES_PER_DROP):
        connection.transport.write(frame[i : i + BYTES_PER_DROP])
        await asyncio.sleep(DROP_SECONDS)
        if connection.transport.is_closing():
            break
    await _expect_error(connection)


async def nan(connection: Any, request: Request) -> None:
    """Observe NaN."""
    await _ask(connection, {**request, "observation": np.full(4, np.nan)})


async def wrong_shape(connection: Any, request: Request) -> None:
    """Observe numbers of another shape."""
    await _ask(connection, {**request, "observation": np.zeros((3, 5))})


async def missing_key(connection: Any, request: Request) -> None:
    """Leave the observation out."""
    await _ask(connection, {"prompt": "go to the goal"})


async def huge_numbers(connection: Any, request: Request) -> None:
    """Observe numbers far outside the data."""
    await _ask(connection, {**request, "observation": np.full(4, 1e30)})


async def oversize(connection: Any, request: Request) -> None:
    """Send a message that is larger than any limit."""
    await _ask(connection, {**request, "image": bytes(OVERSIZE)})


async def lying_array(connection: Any, request: Request) -> None:
    """Declare an array of a terabyte and send none of it."""
    lie = {ARRAY: True, DATA: b"", DTYPE: "<f8", SHAPE: [2**20, 2**17]}
    await connection.send(msgpack.packb({**_plain(request), "observation": lie}))
    await _expect_error(connection)


async def objects(connection: Any, request: Request) -> None:
    """Send an array of Python objects, as pickle would."""
    lie = {ARRAY: True, DATA: bytes(8), DTYPE: "|O", SHAPE: [1]}
    await connection.send(msgpack.packb({**_plain(request), "observation": lie}))
    await _expect_error(connection)


async def garbage(connection: Any, request: Request) -> None:
    """Send random bytes."""
    await connection.send(os.urandom(500))
    await _expect_error(connection)


async def text_frame(connection: Any, request: Request) -> None:
    """Send text."""
    await connection.send("hello")
    await _expect_error(connection)


async def flood(connection: Any, request: Request) -> None:
    """Send 100 requests without reading an answer, and die."""
    message = pack(request)
    for _ in range(100):
        await connection.send(message)
    await asyncio.sleep(HOLD_SECONDS)
    connection.transport.abort()


async def no_request(connection: Any, request: Request) -> None:
    """Connect, say nothing, and leave."""
    await asyncio.sleep(HOLD_SECONDS)


FAULTS: dict[str, Fault] = {
    fault.__name__.replace("_", " "): fault
    for fault in (
        killed,
        half_frame,
        slow_sender,
        nan,
        wrong_shape,
        missing_key,
        huge_numbers,
        oversize,
        lying_array,
        objects,
        garbage,
        text_frame,
        flood,
        no_request,
    )
}
NO_HANDSHAKE = "no handshake"


async def inject(url: str, observation: Request, seconds: float, seed: int = 0) -> dict[str, Any]:
    """Inject faults in random order for a time, several of them at once where they last.

    Args:
        url: WebSocket URL of the server.
        observation: Observation that the server accepts.
        seconds: Time in which faults begin.
        seed: Seed of the order.

    Returns:
        The count of each fault by what the server answered.
    """
    answers: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    rng = random.Random(seed)
    end = time.monotonic() + seconds
    tasks = []
    while time.monotonic() < end:
        kinds = [*FAULTS, NO_HANDSHAKE]
        rng.shuffle(kinds)
        for kind in kinds:
            tasks.append(asyncio.create_task(_inject_one(url, kind, observation, answers[kind])))
            await asyncio.sleep(PAUSE_SECONDS)
            if time.monotonic() >= end:
                break
    await asyncio.gather(*tasks)
    return {kind: dict(answers[kind]) for kind in sorted(answers)}


async def _inject_one(
    url: str, kind: str, request: Request, answers: "collections.Counter[str]"
) -> None:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            answers[await _answer_to(url, kind, request)] += 1
    except TimeoutError:
        answers[f"no answer within {PATIENCE_SECONDS:.0f} s"] += 1


async def _answer_to(url: str, kind: str, request: Request) -> str:
    """Inject a fault and return what the server answered, in words."""
    if kind == NO_HANDSHAKE:
        return await _connect_without_handshake(url)
    try:
        connection = await connect(url, **CONNECTION)
    except (OSError, WebSocketException) as error:
        return one_line(error)
    try:
        await connection.recv()  # metadata
        await FAULTS[kind](connection, request)
    except _Refused as refused:
        await connection.wait_closed()
        return f"{refused}, close {connection.close_code}"
    except ConnectionClosed as closed:
        return f"close {closed.rcvd.code}" if closed.rcvd else "connection cut"
    finally:
        with contextlib.suppress(AttributeError):  # asyncio has forgotten the transport's loop.
            connection.transport.abort()
    return "nothing"


class _Refused(Exception):
    """The server sent an error as text."""


async def _ask(connection: Any, request: Request) -> None:
    await connection.send(pack(request))
    await _expect_error(connection)


async def _expect_error(connection: Any) -> None:
    """Raise what the server reports; do nothing if it answers as if all was well."""
    if isinstance(await connection.recv(), str):
        raise _Refused("error text")


async def _connect_without_handshake(url: str) -> str:
    """Open a TCP connection, and say nothing until the server ends it."""
    host, _, port = url.removeprefix("ws://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        return "nothing" if await reader.read() else "connection cut"
    finally:
        writer.close()


def _frame(data: bytes) -> bytes:
    """Return the bytes of a client's binary frame."""
    return Frame(Opcode.BINARY, data).serialize(mask=True)


def _plain(request: Request) -> Request:
    """Return a request without arrays, for messages that this package would not encode."""
    return {key: np.asarray(value).tolist() for key, value in request.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """Inject faults, and print the answers."""
    parser = argparse.ArgumentParser(prog="python -m experiments.serving.faulty")
    parser.add_argument("url", help="WebSocket URL of the server")
    parser.add_argument("--run", required=True, help="run whose environment gives observations")
    parser.add_argument("--seconds", type=float, required=True, help="time in which faults begin")
    args = parser.parse_args(argv)
    (robot,) = make_robots(args.run, 1, 1)
    print("ready", flush=True)
    sys.stdin.readline()
    answers = asyncio.run(inject(args.url, dict(robot.observation), args.seconds))
    print(json.dumps(answers))
    return 0


if __name__ == "__main__":
    sys.exit(main())
