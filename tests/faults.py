"""Faults at file operations, chosen by their number: they fail or kill the process.

Python announces every file that it opens, renames, creates or removes to audit hooks, so that the
code under test needs no hook.
"""

import contextlib
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from dfplan.types import UserError

EVENTS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink")


class _Watch:
    """Operations that change something in a folder, counted; one of them triggers an action."""

    def __init__(self):
        self.folder = None
        self.count = 0
        self.number = -1
        self.trigger: Callable[[], None] = lambda: None

    def __call__(self, event: str, args: tuple) -> None:
        if self.folder is None or event not in EVENTS or not self._changes(event, args):
            return
        self.count += 1
        if self.count == self.number:
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
        _watch.folder = None


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
