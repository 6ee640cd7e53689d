"""Warnings about environments that their users can do nothing about."""

import contextlib
import sys
import warnings
from collections.abc import Iterator

HIDDEN = (
    # Callers that ask for a render mode check it themselves, and report a missing one.
    ".*initialised with render_mode",
    # Bounds of spaces in another type; some environments make their spaces at every access.
    ".*precision lowered by casting",
)
"""Regular expressions that hidden warnings match."""
_shown: set[str] = set()
"""Warnings of MuJoCo that this process has shown."""


@contextlib.contextmanager
def hide_author_warnings() -> Iterator[None]:
    """Hide such warnings while an environment is set up, and show each of MuJoCo's only once.

    MuJoCo warns about a model whenever it is compiled, which is once per environment.
    """
    with warnings.catch_warnings(), _mujoco_warns_once():
        for message in HIDDEN:
            warnings.filterwarnings("ignore", message=message)
        yield


@contextlib.contextmanager
def _mujoco_warns_once() -> Iterator[None]:
    mujoco = sys.modules.get("mujoco")
    if mujoco is None:  # No environment uses it, or the first one is about to import it.
        yield
        return
    previous = mujoco.get_mju_user_warning()
    mujoco.set_mju_user_warning(_show_once)
    try:
        yield
    finally:
        mujoco.set_mju_user_warning(previous)


def _show_once(message: str) -> None:
    if message not in _shown:
        _shown.add(message)
        print(f"warning of MuJoCo: {message}", file=sys.stderr)
