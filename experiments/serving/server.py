"""A server in a process of its own: `dfplan serve`, as a user starts it."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from dfplan.types import UserError

PROGRAM = "import sys; from dfplan.cli import main; sys.exit(main())"
START_SECONDS = 600.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.2


class Server(NamedTuple):
    """A running server.

    Attributes:
        port: Port on the loopback interface.
        process: Process of the server.
        log: File of its standard error.
    """

    port: int
    process: subprocess.Popen
    log: Path

    @property
    def url(self) -> str:
        """WebSocket URL."""
        return f"ws://127.0.0.1:{self.port}"

    def metrics(self) -> str:
        """Return what `GET /metrics` answers."""
        return http_get(self.port, "/metrics")


@contextlib.contextmanager
def running_server(
    run: str, folder: Path, options: Sequence[str] = (), *, port: int = 0
) -> Iterator[Server]:
    """Yield a server that has started to listen; SIGTERM ends it, unless it was killed.

    Args:
        run: Run directory or task name.
        folder: Folder of the server's log.
        options: Further options of `dfplan serve`.
        port: Port to listen on; 0 takes a free one.

    Raises:
        UserError: If it does not listen in time, or does not end cleanly.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "server.log"
    port = port or free_port()
    command = [sys.executable, "-c", PROGRAM, "serve", run, "--port", str(port), *options]
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file)
    server = Server(port, process, log)
    try:
        _wait_until_it_listens(server)
        yield server
        process.send_signal(signal.SIGTERM)
        code = process.wait(STOP_SECONDS)
        if code not in (0, 128 + signal.SIGTERM, -signal.SIGKILL):
            raise UserError(f"dfplan serve ended with exit code {code}; see {log}")
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    """Return a port of the loopback interface that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def http_get(port: int, path: str) -> str:
    """Return the body of a page of a server on the loopback interface."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as page:
        return page.read().decode()


def _wait_until_it_listens(server: Server) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if server.process.poll() is not None:
            last = server.log.read_text().strip().splitlines()[-1:]
            raise UserError(f"dfplan serve did not start: {''.join(last)}")
        with contextlib.suppress(urllib.error.URLError, OSError):
            http_get(server.port, "/healthz")
            return
        time.sleep(POLL_SECONDS)
    raise UserError(f"dfplan serve does not listen after {START_SECONDS:.0f} s; see {server.log}")
