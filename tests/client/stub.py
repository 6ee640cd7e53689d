"""A policy server in a thread of the test, whose actions tell which observation they answer."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from dfplan.types import UserError
from dfplan.wire.codec import pack, unpack

HORIZON = 8
DFPLAN = {"execution_horizon": 1, "action_horizon": HORIZON}
"""Metadata of a server that understands more than observations."""


def trace(request: dict[str, Any]) -> dict[str, Any]:
    """Answer a chunk whose action i is [observation, i + 1]."""
    steps = np.arange(1, HORIZON + 1, dtype=np.float32)
    observed = np.full(HORIZON, np.asarray(request["observation"]).ravel()[0], np.float32)
    return {"actions": np.stack([observed, steps], axis=1)}


class StubServer:
    """Serves until `kill`; `start` brings it back on the same port.

    Attributes:
        policy: Function from a request to a reply: a value, bytes to send as they are, or text to
            send as an error.
        closes: Whether an error ends the connection.
        refusal: HTTP status that refuses connections; 0 admits them.
        hangs_up: Whether connections are closed after the metadata.
        gate: Replies wait while it is cleared.
        requests: Requests received so far.
        headers: Headers of each connection so far.
        close_codes: Close code of each connection that has ended.
        required_key: Value of the header Authorization; empty admits everyone.
    """

    def __init__(self, policy: Callable[[dict[str, Any]], Any] = trace, metadata: Any = None):
        self.policy = policy
        self.metadata = {} if metadata is None else metadata
        self.gate = threading.Event()
        self.gate.set()
        self.requests: list[dict[str, Any]] = []
        self.headers: list[Any] = []
        self.close_codes: list[int | None] = []
        self.closes = True
        self.refusal = 0
        self.hangs_up = False
        self.required_key = ""
        self.port = 0
        self._thread: threading.Thread | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def start(self) -> None:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10)

    def kill(self) -> None:
        """Cut all connections without a closing handshake, and stop listening."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)
            self._thread = None

    def _run(self, ready: threading.Event) -> None:
        asyncio.run(self._serve(ready))

    async def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        options: dict[str, Any] = {"compression": None, "process_request": self._admit}
        async with serve(self._talk, "127.0.0.1", self.port, **options) as server:
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            await self._stop.wait()
            for connection in server.connections:
                connection.transport.abort()

    def _admit(self, connection, request):
        self.headers.append(request.headers)
        if self.required_key and request.headers.get("Authorization") != self.required_key:
            return connection.respond(401, "wrong key\n")
        if self.refusal:
            return connection.respond(self.refusal, "go away\n")
        return None

    async def _talk(self, connection) -> None:
        try:
            await connection.send(pack(self.metadata))
            if self.hangs_up:
                await connection.close()
            async for message in connection:
                request = unpack(message)
                self.requests.append(request)
                while not self.gate.is_set():
                    await asyncio.sleep(0.002)
                reply = self.policy(request)
                if isinstance(reply, str):
                    await connection.send(reply)
                    if self.closes:
                        await connection.close(1011)
                        return
                    continue
                await connection.send(reply if isinstance(reply, bytes) else pack(reply))
        except ConnectionClosed:
            pass
        except UserError:
            await connection.close(1011)
        finally:
            await connection.wait_closed()
            self.close_codes.append(connection.close_code)
