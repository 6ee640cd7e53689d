"""A connection to a policy server that is opened again whenever it is lost."""

import asyncio
import contextlib
import importlib
import logging
import threading
from collections.abc import Mapping
from concurrent.futures import Future, InvalidStateError
from random import Random
from typing import Any, NamedTuple

from dfplan.client.config import ClientConfig, retry_delays
from dfplan.types import UserError, one_line
from dfplan.util.optional import import_optional
from dfplan.wire.keys import API_KEY_HEADER, API_KEY_SCHEME

LIBRARIES = ("msgpack", "websockets")
"""Libraries of the extra, which are imported when a client connects."""
MAX_REPLY = 64 * 2**20
"""Largest message to accept from a server, bytes."""
CLOSE_SECONDS = 1.0
"""Longest wait for the server's half of a closing handshake."""
SETTLE_SECONDS = 0.05
"""Longest wait for the end of a connection after an error, with which most servers end it."""

log = logging.getLogger("dfplan.client")


class LinkError(Exception):
    """The server is unreachable, was lost, or refused a request; a one-line message."""


class Refused(LinkError):
    """The server answered a request with an error; the connection may stay open."""


class LinkState(NamedTuple):
    """State of a link.

    Attributes:
        opened: Number of connections opened so far.
        connected: Whether the last one is open.
        metadata: What the server said about itself when the last one was opened.
        error: Last error, one line; empty before the first one.
        stopped: Whether the link has given up or was closed.
    """

    opened: int = 0
    connected: bool = False
    metadata: Mapping[str, Any] = {}
    error: str = ""
    stopped: bool = False


class Link:
    """Keeps a connection open in a thread of its own, and exchanges requests for replies.

    Args:
        url: WebSocket URL of the server.
        api_key: Key to send in the header `Authorization: Api-Key KEY`; none if empty.
        config: Timeouts and delays.

    Raises:
        UserError: If the packages of the extra `serve` are missing.
    """

    def __init__(self, url: str, api_key: str, config: ClientConfig):
        for library in LIBRARIES:
            import_optional(library, "serve", "dfplan.client")
        self._codec = importlib.import_module("dfplan.wire.codec")
        self._client = importlib.import_module("websockets.asyncio.client")
        self._errors = importlib.import_module("websockets.exceptions")
        self.state = LinkState()
        self.url = url
        self._headers = {API_KEY_HEADER: f"{API_KEY_SCHEME} {api_key}"} if api_key else {}
        self._config = config
        self._connection: Any = None
        self._has_replied = False  # Whether the current connection has answered a request.
        self._has_failed = False  # Whether it ends because a request has failed.
        self._turn = asyncio.Lock()
        self._waiting: set[Future[Any]] = set()
        self._exchanges: set[asyncio.Task[None]] = set()
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._main = self._loop.create_task(self._stay_connected())
        self._thread = threading.Thread(target=self._run, name="dfplan-client", daemon=True)
        self._thread.start()

    def wait_connected(self, timeout: float) -> LinkState:
        """Wait until the link is connected or stopped, and return its state.

        Args:
            timeout: Longest time to wait, seconds.
        """
        with self._changed:
            self._changed.wait_for(lambda: self.state.connected or self.state.stopped, timeout)
            return self.state

    def ask(self, request: Mapping[str, Any]) -> "Future[Any]":
        """Send a request and return its future reply.

        Requests are answered one after the other. The future raises `LinkError` if there is no
        connection, it is lost before the reply, or the server refuses the request.

        Raises:
            UserError: If the request holds a value that cannot be sent.
        """
        message = self._codec.pack(request)
        reply: Future[Any] = Future()
        self._waiting.add(reply)
        reply.add_done_callback(self._waiting.discard)
        try:
            self._loop.call_soon_threadsafe(self._begin_exchange, message, reply)
        except RuntimeError:  # The loop has ended.
            _fail(reply, LinkError("the client is closed"))
        return reply

    def report(self, error: str) -> None:
        """Record an error in the state, and log it unless it repeats the last one."""
        if self.state.stopped:
            return  # Closing is not an error.
        if error != self.state.error:
            log.warning("%s: %s", self.url, error)
        self._set_state(error=error)

    def close(self) -> None:
        """Close the connection and end the thread; a second call does nothing."""
        self._set_state(stopped=True)
        with contextlib.suppress(RuntimeError):  # The loop has ended.
            self._loop.call_soon_threadsafe(self._main.cancel)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        try:
            with contextlib.suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._main)
            self._loop.run_until_complete(self._end_exchanges())
        finally:
            self._loop.close()
            self._set_state(connected=False, stopped=True)
            for reply in list(self._waiting):  # those that the loop did not begin to answer
                _fail(reply, LinkError("the client is closed"))

    async def _stay_connected(self) -> None:
        """Connect, and connect again after every loss."""
        delays = self._delays()
        while True:
            self._has_replied = False
            self._has_failed = False
            try:
                await self._hold_connection()
                error: Exception = LinkError("the server closed the connection")
            except Exception as caught:  # A robot must not lose its link for any reason.
                error = caught
            if not self._has_failed:  # Otherwise, the failed request says more.
                self.report(one_line(error))
            self._set_state(connected=False)
            if not self.state.opened and self._is_permanent(error):
                return
            if self._has_replied:
                delays = self._delays()
            await asyncio.sleep(next(delays))

    async def _hold_connection(self) -> None:
        """Open a connection, and return when it is closed."""
        async with self._client.connect(
            self.url,
            additional_headers=self._headers,
            compression=None,
            max_size=MAX_REPLY,
            open_timeout=self._config.connect_timeout,
            close_timeout=CLOSE_SECONDS,
        ) as connection:
            async with asyncio.timeout(self._config.connect_timeout):
                metadata = self._decode(await connection.recv())
            if not isinstance(metadata, Mapping):
                raise LinkError("the server's first message is not a mapping")
            self._connection = connection
            opened = self.state.opened + 1
            self._set_state(opened=opened, connected=True, metadata=metadata)
            log.info("%s: connected", self.url)
            try:
                await connection.wait_closed()
            finally:  # A cancellation that closed it would report an error to the server.
                self._connection = None
                await connection.close()

    def _begin_exchange(self, message: bytes, reply: "Future[Any]") -> None:
        task = self._loop.create_task(self._exchange(message, reply))
        self._exchanges.add(task)  # The loop itself keeps no strong reference.
        task.add_done_callback(self._exchanges.discard)

    async def _exchange(self, message: bytes, reply: "Future[Any]") -> None:
        async with self._turn:
            connection = self._connection
            if connection is None or not self.state.connected:
                _fail(reply, LinkError(self.state.error or "not connected"))
                return
            try:
                answer = await self._infer(connection, message)
            except Exception as caught:
                error = caught if isinstance(caught, LinkError) else LinkError(one_line(caught))
                self.report(str(error))
                with contextlib.suppress(Exception):
                    await self._settle(connection, error)
                _fail(reply, error)
            else:
                self._has_replied = True
                reply.set_result(answer)

    async def _settle(self, connection: Any, error: LinkError) -> None:
        """Find out whether a connection stays open after an error; close it if it may not."""
        self._has_failed = True
        if isinstance(error, Refused):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SETTLE_SECONDS):
                    await connection.wait_closed()
            if connection.close_code is None:
                self._has_failed = False
                return
        self._set_state(connected=False)
        await connection.close()  # What arrived next could answer the wrong request.

    async def _end_exchanges(self) -> None:
        for task in self._exchanges:
            task.cancel()
        await asyncio.gather(*self._exchanges, return_exceptions=True)

    async def _infer(self, connection: Any, message: bytes) -> Any:
        """Send a message and return the reply to it."""
        try:
            async with asyncio.timeout(self._config.timeout):
                await connection.send(message)
                return self._decode(await connection.recv())
        except TimeoutError as error:
            connection.transport.abort()  # It would not answer a closing handshake either.
            raise LinkError(f"no reply within {self._config.timeout:g} s") from error
        except self._errors.ConnectionClosed as error:
            raise LinkError(f"connection lost: {one_line(error)}") from error

    def _decode(self, message: str | bytes) -> Any:
        """Return the contents of a message; a text message is an error of the server."""
        if isinstance(message, str):
            raise Refused(f"the server reports: {one_line(Exception(message))}")
        try:
            return self._codec.unpack(message)
        except UserError as error:
            raise LinkError(f"unreadable reply: {one_line(error)}") from error

    def _delays(self) -> Any:
        return retry_delays(self._config.first_delay, self._config.longest_delay, Random())

    def _is_permanent(self, error: Any) -> bool:
        """Return whether another attempt would fail in the same way."""
        if isinstance(error, self._errors.InvalidStatus):
            return 400 <= error.response.status_code < 500
        return isinstance(error, self._errors.InvalidURI)

    def _set_state(self, **changes: Any) -> None:
        with self._changed:
            self.state = self.state._replace(**changes)
            self._changed.notify_all()


def _fail(reply: "Future[Any]", error: LinkError) -> None:
    with contextlib.suppress(InvalidStateError):
        reply.set_exception(error)
