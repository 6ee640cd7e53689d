"""Silences the threads of Orbax and TensorStore, which print errors that are also raised."""

import contextlib
import inspect
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def quiet_threads() -> Iterator[None]:
    """Silence what Orbax's and TensorStore's threads print about an error that is raised anyway.

    After an error the filter stays in place, because the threads continue to print.
    """
    log = logging.getLogger("absl")
    disabled_before = log.disabled
    show = sys.unraisablehook
    if not isinstance(show, UnraisableFilter):
        sys.unraisablehook = UnraisableFilter(show)
    log.disabled = True
    try:
        yield
    finally:
        log.disabled = disabled_before
    sys.unraisablehook = show


class UnraisableFilter:
    """Hook for unraisable errors that drops those of operations which Orbax has abandoned.

    Args:
        show: Hook for all other errors.
    """

    def __init__(self, show: Callable[[Any], object]):
        self._show = show

    def __call__(self, error: Any) -> None:
        """See `sys.unraisablehook`."""
        is_late = str(error.exc_value) == "Event loop is closed"
        coroutine = error.object if inspect.iscoroutine(error.object) else None
        is_abandoned = coroutine is not None and "orbax" in coroutine.cr_code.co_filename
        if not (is_late or is_abandoned):
            self._show(error)
