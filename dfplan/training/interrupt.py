"""Interrupts that are deferred to a safe point."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def deferred_interrupts() -> Iterator[Callable[[], bool]]:
    """Make Ctrl-C and SIGTERM only set a flag; yield the function that reads it.

    A training step donates its old state's memory, so an exception in the middle of one would leave
    nothing to save. A second signal interrupts at once. A signal that was ignored before (as under
    nohup) stays ignored. Outside the main thread, where Python allows no handlers, the flag is
    never set.
    """
    requested = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield requested.is_set
        return
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    replaced = {n: h for n, h in handlers.items() if h not in (signal.SIG_IGN, None)}

    def request(number: int, frame: object) -> None:
        if requested.is_set():
            raise KeyboardInterrupt
        requested.set()

    for number in replaced:
        signal.signal(number, request)
    try:
        yield requested.is_set
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)
