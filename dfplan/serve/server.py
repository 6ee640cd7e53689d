"""PolicyServer: listens, admits robots up to its limits, and stops without cutting off replies."""

import asyncio
import ipaddress
import signal
import socket
from collections.abc import Callable

from websockets.asyncio.server import Server, ServerConnection, serve

from dfplan.serve.events import EventLog, protocol_logger
from dfplan.serve.executor import RequestExecutor
from dfplan.serve.fleet import Fleet
from dfplan.serve.http import HttpHandler
from dfplan.serve.metrics import Metrics
from dfplan.serve.session import Session, peer_name
from dfplan.serve.settings import Limits
from dfplan.types import UserError, one_line
from dfplan.util.interrupts import TERMINATION, Interrupted
from dfplan.wire.codec import pack

HANDSHAKE_SECONDS = 5.0
CLOSE_SECONDS = 2.0
"""Time that a robot gets to answer a close frame."""
FRAMES = 4
"""Messages of one robot that are read ahead; a robot sends the next one after its reply."""


class PolicyServer:
    """A websocket server of one fleet.

    Args:
        fleet: Fleet, whose programs should be compiled.
        metrics: Metrics to fill.
        limits: Limits.
        api_key: Key that robots must send; empty for none.
        events: Log.
    """

    def __init__(
        self,
        fleet: Fleet,
        *,
        metrics: Metrics,
        limits: Limits = Limits(),
        api_key: str = "",
        events: EventLog = EventLog(None),
    ):
        self._fleet = fleet
        self._metrics = metrics
        self._limits = limits
        self._events = events
        self._executor = RequestExecutor(limits.waiting)
        self._sessions: set[Session] = set()
        self._metadata = pack(fleet.metadata)
        self._http = HttpHandler(api_key=api_key, metrics=metrics, is_full=self._is_full)
        self._stop = asyncio.Event()
        metrics.watch(robots=lambda: len(self._sessions), waiting=lambda: self._executor.waiting)

    async def run(self, host: str, port: int, started: Callable[[int], None]) -> None:
        """Serve until `stop` is called.

        Args:
            host: Address or name to listen on.
            port: Port; 0 takes a free one.
            started: Function that is called with the port once robots can connect.

        Raises:
            UserError: If it cannot listen there.
        """
        server = await self._listen(host, port)
        port = server.sockets[0].getsockname()[1]
        self._events.write("listening", host=host, port=port)
        started(port)
        try:
            await self._stop.wait()
            await self._drain(server)
        finally:
            server.close()
            self._executor.close()
            self._fleet.close()
        await server.wait_closed()
        self._events.write("stopped")

    def stop(self) -> None:
        """Stop: answer running requests, then close all connections. In the event loop only."""
        self._stop.set()

    async def _listen(self, host: str, port: int) -> Server:
        try:
            return await serve(
                self._handle,
                host,
                port,
                compression=None,
                origins=[None],  # no web page may drive a robot through its visitor's browser
                process_request=self._http,
                server_header="dfplan",
                open_timeout=HANDSHAKE_SECONDS,
                close_timeout=CLOSE_SECONDS,
                max_size=self._limits.message_bytes,
                max_queue=FRAMES,
                logger=protocol_logger(self._events),
            )
        except OSError as error:
            raise _cannot_listen(host, port, error) from error

    async def _handle(self, connection: ServerConnection) -> None:
        """Hold the conversation with one robot."""
        if self._is_full():  # several handshakes may have ended at the same time
            await connection.close(1013, "all connections of this server are taken")
            return
        session = Session(
            connection,
            self._fleet.new_robot(),
            executor=self._executor,
            metrics=self._metrics,
            events=self._events,
            idle_seconds=self._limits.idle_seconds,
        )
        peer = peer_name(connection)
        self._sessions.add(session)
        self._metrics.connections.inc()
        self._events.write("connected", peer=peer, robots=len(self._sessions))
        try:
            await session.run(self._metadata)
        finally:
            self._sessions.discard(session)
            self._events.write("disconnected", peer=peer, requests=session.answered)

    async def _drain(self, server: Server) -> None:
        """Stop listening, and wait until running requests are answered or their time is up."""
        self._events.write("draining", robots=len(self._sessions), requests=self._executor.waiting)
        server.close(close_connections=False)
        for session in list(self._sessions):
            session.stop()
        ends = asyncio.get_running_loop().time() + self._limits.drain_seconds
        while self._sessions and asyncio.get_running_loop().time() < ends:
            await asyncio.sleep(0.01)
        for session in list(self._sessions):
            session.cancel()

    def _is_full(self) -> bool:
        return len(self._sessions) >= self._limits.connections


def run_until_signal(
    server: PolicyServer, host: str, port: int, started: Callable[[int], None]
) -> None:
    """Serve in this thread until Ctrl-C, SIGTERM or SIGHUP; a second one ends without waiting.

    Args:
        server: Server.
        host: Address or name to listen on.
        port: Port; 0 takes a free one.
        started: Function that is called with the port once robots can connect.

    Raises:
        UserError: If the server cannot listen there.
        Interrupted: Once it has stopped; the signal.
    """
    received: list[int] = []

    def handle(number: int) -> None:
        received.append(number)
        if len(received) > 1:
            raise Interrupted(number)
        server.stop()

    async def serve_with_signals() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, *TERMINATION):
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, handle, number)
        await server.run(host, port, started)

    asyncio.run(serve_with_signals())
    raise Interrupted(received[0])


def check_address(host: str, port: int) -> None:
    """Check that a server could listen at an address, before anything is compiled.

    Raises:
        UserError: If it cannot.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        raise _cannot_listen(host, port, error) from error


def _cannot_listen(host: str, port: int, error: Exception) -> UserError:
    reason = getattr(error, "strerror", None) or one_line(error)
    return UserError(f"cannot listen on {host}:{port}: {reason}")


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
