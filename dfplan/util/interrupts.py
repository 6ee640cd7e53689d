"""Signals that end a process: raised as exceptions, or deferred to a safe point."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

TERMINATION = (signal.SIGTERM, signal.SIGHUP)
"""Signals that end a process without cleanup unless it handles them."""
Handler = Callable[[int, Any], Any] | int | signal.Handlers


class Interrupted(KeyboardInterrupt):
    """A signal that ends the process, handled like Ctrl-C.

    Args:
        number: Number of the signal.
    """

    def __init__(self, number: int):
        super().__init__()
        self.number = number


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """Return the exit code of a process that a signal has ended: 128 plus the signal's number."""
    return 128 + getattr(interrupt, "number", signal.SIGINT)


@contextlib.contextmanager
def raised_signals() -> Iterator[None]:
    """Make SIGTERM and SIGHUP raise `Interrupted`, so that everything is cleaned up as on Ctrl-C.

    Signals that are ignored, as under nohup, or that the caller handles are not changed.
    """

    def handle(number: int, frame: object) -> None:
        raise Interrupted(number)

    defaults = [n for n in TERMINATION if signal.getsignal(n) is signal.SIG_DFL]
    with _handlers(dict.fromkeys(defaults, handle)):
        yield


@contextlib.contextmanager
def deadly_signals() -> Iterator[None]:
    """Make Ctrl-C, SIGTERM and SIGHUP end the process at once, without cleanup.

    For a wait outside of Python, whose handlers would run only after it. A signal that was ignored
    before stays ignored.
    """
    with _handlers(dict.fromkeys(_heeded(), signal.SIG_DFL)):
        yield


@contextlib.contextmanager
def kept_handlers() -> Iterator[None]:
    """Restore the handlers of Ctrl-C, SIGTERM and SIGHUP, which a library may replace."""
    numbers = (signal.SIGINT, *TERMINATION)
    handlers = {number: signal.getsignal(number) for number in numbers}
    with _handlers({n: handler for n, handler in handlers.items() if handler is not None}):
        yield


@contextlib.contextmanager
def heeded_ctrl_c() -> Iterator[None]:
    """Raise KeyboardInterrupt on SIGINT, also if it was ignored before.

    A process that was started in the background inherits that SIGINT is ignored, although it may be
    the only way to interrupt it.
    """
    is_ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    with _handlers({signal.SIGINT: signal.default_int_handler} if is_ignored else {}):
        yield


@contextlib.contextmanager
def deferred_interrupts() -> Iterator[Callable[[], Interrupted | None]]:
    """Make Ctrl-C, SIGTERM and SIGHUP wait; yield a function that returns the received one.

    A training step donates its old state's memory, so an exception in the middle of one would leave
    nothing to save. A second signal interrupts at once. A signal that was ignored before (as under
    nohup) stays ignored.
    """
    received: list[Interrupted] = []

    def handle(number: int, frame: object) -> None:
        received.append(Interrupted(number))
        if len(received) > 1:
            raise received[0]

    def get_interrupt() -> Interrupted | None:
        return received[0] if received else None

    with _handlers(dict.fromkeys(_heeded(), handle)):
        yield get_interrupt


def _heeded() -> list[signal.Signals]:
    """Return the signals that end a process and are not ignored."""
    numbers = (signal.SIGINT, *TERMINATION)
    return [n for n in numbers if signal.getsignal(n) not in (signal.SIG_IGN, None)]


@contextlib.contextmanager
def _handlers(handlers: Mapping[signal.Signals, Handler]) -> Iterator[None]:
    """Install handlers in the context; only in the main thread, as Python allows no others."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
