"""Warnings that only the author of an environment can act on, and that its users need not see."""

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
"""Regular expressions of the beginnings of hidden warnings."""


@contextlib.contextmanager
def hide_author_warnings() -> Iterator[None]:
    """Hide these warnings, and MuJoCo's about the model's file, while an environment is set up.

    MuJoCo's are shown the first time, as it is not imported before.
    """
    with warnings.catch_warnings(), _mujoco_is_quiet():
        for message in HIDDEN:
            warnings.filterwarnings("ignore", message=message)
        yield


@contextlib.contextmanager
def _mujoco_is_quiet() -> Iterator[None]:
    mujoco = sys.modules.get("mujoco")
    if mujoco is None:
        yield
        return
    previous = mujoco.get_mju_user_warning()
    mujoco.set_mju_user_warning(lambda message: None)
    try:
        yield
    finally:
        mujoco.set_mju_user_warning(previous)
