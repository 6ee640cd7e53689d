"""Rendering without a display, and the warnings of renderers."""

import contextlib
import ctypes.util
import os
import re
import sys
import warnings
from collections.abc import Iterator

from dfplan.cli.common import console
from dfplan.util.variables import environment_variables

ANSI = re.compile(r"\x1b\[[0-9;]*m")


@contextlib.contextmanager
def off_screen() -> Iterator[None]:
    """Let MuJoCo render through EGL if there is no display and MUJOCO_GL is not set.

    MuJoCo chooses its renderer when it is imported, so enter this before an environment is made.
    Without EGL, nothing changes, as importing MuJoCo fails if it is told to use a missing library.
    """
    headless = sys.platform == "linux" and not {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ)
    egl = headless and "MUJOCO_GL" not in os.environ and ctypes.util.find_library("EGL")
    with environment_variables({"MUJOCO_GL": "egl"} if egl else {}):
        yield


@contextlib.contextmanager
def print_warnings() -> Iterator[None]:
    """Print each distinct warning as one plain line, without Gymnasium's colors and file names."""
    with warnings.catch_warnings(record=True) as caught:
        yield
    for text in dict.fromkeys(str(warning.message) for warning in caught):
        plain = " ".join(ANSI.sub("", text).removeprefix("WARN: ").split())
        console.print(f"note: {plain}")
