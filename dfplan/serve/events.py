"""The log of a server: one line per event, as text or JSON."""

import contextlib
import datetime
import json
import logging
from typing import Any, TextIO

from dfplan.util.printable import printable

FORMATS = ("text", "json")


class EventLog:
    """Writes events, such as a connection or an error, to a stream.

    Args:
        stream: Stream; None drops all events.
        format: "text" or "json".
    """

    def __init__(self, stream: TextIO | None, format: str = "text"):
        self._stream = stream
        self._format = format

    def write(self, event: str, **fields: Any) -> None:
        """Write one line; it is lost if the stream cannot be written.

        Args:
            event: What happened, such as "connected".
            fields: Details: numbers, text or None.
        """
        if self._stream is None:
            return
        time = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        if self._format == "json":
            line = json.dumps({"time": time, "event": event, **fields})
        else:
            details = "".join(f" {name}={value}" for name, value in fields.items())
            line = printable(f"{time} {event}{details}", keep="")
        with contextlib.suppress(OSError, ValueError):  # A full disk must not stop the robots.
            print(line, file=self._stream, flush=True)


class ProtocolLog(logging.Handler):
    """Writes what the websockets library reports, such as a failed handshake, as events.

    Args:
        events: Log of the server.
    """

    def __init__(self, events: EventLog):
        super().__init__(logging.WARNING)
        self._events = events

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record as an event, with its cause instead of a traceback."""
        cause = record.exc_info[1] if record.exc_info else None
        self._events.write(
            "protocol", message=record.getMessage(), cause=None if cause is None else str(cause)
        )


def protocol_logger(events: EventLog) -> logging.Logger:
    """Return a logger for the websockets library that writes to a log of events."""
    logger = logging.Logger(__name__, logging.WARNING)
    logger.addHandler(ProtocolLog(events))
    return logger
