"""Session: the conversation with one robot, from its connection to its end."""

import asyncio
import time
import traceback

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from dfplan.serve import metrics as outcomes
from dfplan.serve.events import EventLog
from dfplan.serve.executor import Busy, RequestExecutor
from dfplan.serve.metrics import Metrics
from dfplan.serve.robot import Robot
from dfplan.types import UserError, one_line
from dfplan.wire import keys

END_SECONDS = 2.0
"""Time that a robot gets to receive the error that ends its session."""
MAX_REASON = 120
"""Bytes of the reason in a close frame; RFC 6455 allows 123."""
STOPPING = "the server stops"


class Session:
    """Answers one robot's requests, one after the other.

    An error ends the session with a text frame and close code 1011, as in openpi. A request that is
    refused because the server is busy gets a text frame, and the session continues.

    Args:
        connection: Websocket of the robot.
        robot: Its agent.
        executor: Computes requests.
        metrics: Metrics of the server.
        events: Log of the server.
        idle_seconds: Time without a request, or without reading a reply, that ends the session.
    """

    def __init__(
        self,
        connection: ServerConnection,
        robot: Robot,
        *,
        executor: RequestExecutor,
        metrics: Metrics,
        events: EventLog,
        idle_seconds: float,
    ):
        self._connection = connection
        self._robot = robot
        self._executor = executor
        self._metrics = metrics
        self._events = events
        self._idle_seconds = idle_seconds
        self._is_idle = False  # it waits for a request
        self._is_stopping = False
        self._task = asyncio.current_task()
        self.answered = 0

    async def run(self, metadata: bytes) -> None:
        """Send the metadata, then answer requests until the connection or the server ends."""
        try:
            await self._send(metadata)
            while not self._is_stopping:
                self._is_idle = True
                message = await asyncio.wait_for(self._connection.recv(), self._idle_seconds)
                self._is_idle = False
                if not await self._answer(message):
                    return
            await self._connection.close(keys.GOING_AWAY, STOPPING)
        except TimeoutError:
            await self._end("idle", f"nothing happened for {self._idle_seconds:g} seconds")
        except ConnectionClosed as end:
            self._note_violation(end)

    def stop(self) -> None:
        """End the session: now if it waits for a request, else after the reply."""
        self._is_stopping = True
        if self._is_idle:
            close = self._connection.close(keys.GOING_AWAY, STOPPING)
            self._closing = asyncio.get_running_loop().create_task(close)

    def cancel(self) -> None:
        """End the session at once."""
        self._connection.transport.abort()
        if self._task is not None:
            self._task.cancel()

    async def _answer(self, message: str | bytes) -> bool:
        """Answer one request; return whether the session continues."""
        received = time.perf_counter()
        try:
            if isinstance(message, str):
                raise UserError(
                    "the request is a text frame; needed: a binary frame of MessagePack"
                )
            reply = await self._executor.run(self._robot.answer, message, received)
        except Busy as error:
            self._count(outcomes.REFUSED)
            await self._send(str(error))
            return True
        except UserError as error:
            self._count(outcomes.INVALID)
            await self._end(outcomes.INVALID, str(error))
            return False
        except Exception as error:
            self._count(outcomes.FAILED)
            text = f"{type(error).__name__}: {one_line(error)}"
            await self._end(outcomes.FAILED, text, traceback=traceback.format_exc())
            return False
        await self._send(reply)
        self._robot.sent(received)
        self._count(outcomes.ANSWERED)
        self._metrics.seconds.observe(time.perf_counter() - received)
        self.answered += 1
        return True

    def _count(self, outcome: str) -> None:
        self._metrics.requests.labels(outcome).inc()

    async def _send(self, message: str | bytes) -> None:
        """Send a message; wait while the robot does not read."""
        await asyncio.wait_for(self._connection.send(message), self._idle_seconds)

    def _note_violation(self, end: ConnectionClosed) -> None:
        """Log a connection that the library closed, such as for a message that is too large."""
        if end.sent is None or end.rcvd_then_sent or end.sent.code == keys.GOING_AWAY:
            return
        self._metrics.closed.labels("protocol").inc()
        peer = peer_name(self._connection)
        text = f"{end.sent.code} {end.sent.reason}"
        self._events.write("error", peer=peer, reason="protocol", text=text)

    async def _end(self, reason: str, text: str, **details: str) -> None:
        """Tell the robot why the session ends, and close it; cut off a robot that does not read."""
        self._metrics.closed.labels(reason).inc()
        peer = peer_name(self._connection)
        self._events.write("error", peer=peer, reason=reason, text=text, **details)
        try:
            await asyncio.wait_for(self._connection.send(text), END_SECONDS)
            await self._connection.close(keys.INTERNAL_ERROR, _fitting(text))
        except TimeoutError:
            self._connection.transport.abort()
        except ConnectionClosed:
            pass


def peer_name(connection: ServerConnection) -> str:
    """Return the address of the other end."""
    address = connection.remote_address
    return ":".join(map(str, address[:2])) if address else "unknown"


def _fitting(text: str) -> str:
    return text.encode()[:MAX_REASON].decode(errors="ignore")
