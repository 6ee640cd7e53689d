"""Faults at file operations, chosen by their number: they fail or kill the process.

Python announces every file that it opens, renames, creates or removes to audit hooks, so that the
code under test needs no hook.
"""

import contextlib
import itertools
import os
import resource
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from dfplan.types import UserError

EACH = 0
"""Number that stands for every operation; operations are counted from 1."""
EVENTS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink")


class _Watch:
    """Operations that change something in a folder, counted; one of them triggers an action."""

    def __init__(self):
        self.folder = ""
        self.count = 0
        self.number = -1
        self.trigger: Callable[[], None] = lambda: None

    def __call__(self, event: str, args: tuple) -> None:
        if not self.folder or event not in EVENTS or not self._changes(event, args):
            return
        self.count += 1
        if self.number in (self.count, EACH):
            self.trigger()

    def _changes(self, event: str, args: tuple) -> bool:
        if event == "open" and not args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return False
        paths = [os.fsdecode(a) for a in args[:2] if isinstance(a, str | bytes | os.PathLike)]
        base = os.getcwd()
        if event in ("os.remove", "os.rmdir") and args[1] >= 0:  # relative to an open directory
            with contextlib.suppress(OSError):  # Not Linux.
                base = os.readlink(f"/proc/self/fd/{args[1]}")
        return any(os.path.join(base, path).startswith(self.folder) for path in paths)


_watch = _Watch()
_installed = False


@contextlib.contextmanager
def _watched(folder: Path, number: int, trigger: Callable[[], None]) -> Iterator[_Watch]:
    global _installed
    if not _installed:
        sys.addaudithook(_watch)  # A hook cannot be removed, so this one is switched on and off.
        _installed = True
    _watch.folder = str(folder)
    _watch.count = 0
    _watch.number = number
    _watch.trigger = trigger
    try:
        yield _watch
    finally:
        _watch.folder = ""


def count_instants(folder: Path, action: Callable[[], object]) -> int:
    """Return how many operations of an action change something in a folder."""
    with _watched(folder, -1, lambda: None) as watch:
        action()
    return watch.count


def fail_at(number: int, folder: Path, action: Callable[[], object], code: int) -> None:
    """Let the operation of that number fail with an `OSError` of this code, as on a full disk."""

    def trigger() -> None:
        raise OSError(code, os.strerror(code))

    with _watched(folder, number, trigger):
        action()


def attempt(number: int, folder: Path, action: Callable[[], object], code: int) -> str:
    """Return the message of the `UserError` that `fail_at` leads to, or "" if there is none."""
    try:
        fail_at(number, folder, action, code)
    except UserError as error:
        return str(error)
    return ""


@contextlib.contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Let no file grow beyond this number of bytes in the context; the system's error is EFBIG.

    The limit also holds for the output of pytest, so keep the context within a test.
    """
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def kill_at(number: int, folder: Path, action: Callable[[], object]) -> bool:
    """Run an action in a fork that is killed with -9 at an operation; return whether it was."""

    def watched_action() -> None:
        with _watched(folder, number, lambda: os.kill(os.getpid(), signal.SIGKILL)):
            action()

    return _wait(_fork(watched_action))


def kill_after(seconds: float, action: Callable[[], object]) -> bool:
    """Run an action in a fork that is killed with -9 after some time; return whether it was."""
    child = _fork(action)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)  # It exists until it is waited for, even if it has ended.
    return _wait(child)


def stop_at_operations(
    folder: Path, action: Callable[[], object], visit: Callable[[int], None]
) -> None:
    """Run an action in a fork that stops before each operation, until `visit` has returned.

    Files that a stopped process has written so far are those that would be left if it were killed.

    Args:
        folder: Folder of the operations.
        action: Action to run.
        visit: Function of the operation's number, starting with 1.
    """

    def stop() -> None:
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)  # It stops all threads.

    def watched_action() -> None:
        with _watched(folder, EACH, stop):
            action()

    child = _fork(watched_action)
    for number in itertools.count(1):
        _, status = os.waitpid(child, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            return
        visit(number)
        os.kill(child, signal.SIGCONT)


def stop_at_times(
    times: Sequence[float], action: Callable[[], object], visit: Callable[[int], None]
) -> None:
    """Run an action in a fork that is stopped at some times, until `visit` has returned.

    Args:
        times: Ascending seconds after the start, during which the action runs.
        action: Action to run.
        visit: Function of a time's index; not called for times after the action's end.
    """
    child = _fork(action)
    elapsed = 0.0
    for index, moment in enumerate(times):
        time.sleep(moment - elapsed)
        elapsed = moment
        os.kill(child, signal.SIGSTOP)
        _, status = os.waitpid(child, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            return
        visit(index)
        os.kill(child, signal.SIGCONT)
    _wait(child)


def _fork(action: Callable[[], object]) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # JAX warns of forks, but no JAX runs in these.
        child = os.fork()
    if child == 0:
        try:
            action()
        finally:  # Otherwise the fork of a failed action would run the tests after it.
            os._exit(0)
    return child


def _wait(child: int) -> bool:
    """Wait for the end of a fork; return whether a signal killed it."""
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)
