"""Interrupts that wait for a safe moment."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def deferred_interrupts() -> Iterator[Callable[[], bool]]:
    """Within this context Ctrl-C and SIGTERM only set a flag; yields the function that reads it.

    A training step gives its old state's memory away, so an exception in the middle of one would
    leave nothing to save. A second Ctrl-C interrupts at once. A signal that was ignored before (as
    under nohup) stays ignored. Off the main thread, where Python allows no handlers, the flag is
    never set.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    before = {n: h for n, h in handlers.items() if h not in (signal.SIG_IGN, None)}

    def note(number: int, frame: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    for number in before:
        signal.signal(number, note)
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
