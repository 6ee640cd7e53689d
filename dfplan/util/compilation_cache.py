"""The persistent compilation cache: programs compiled once are read from disk after that."""

import os
from pathlib import Path

import jax

OPT_OUT = "DFPLAN_NO_COMPILATION_CACHE"
"""Environment variable; anything but an empty value turns the cache off."""
MIN_SECONDS = 0.1
"""Programs that compile in less are not kept: reading them back would save nothing."""


def enable_compilation_cache() -> Path | None:
    """Let JAX keep compiled programs in the user's cache directory, and read them from there.

    In `$XDG_CACHE_HOME/dfplan/xla`, by default `~/.cache/dfplan/xla`. JAX tells by its own version,
    the machine and the program what fits, and goes on with a warning where it cannot write. A
    directory that the user has given to JAX is left as it is (`JAX_COMPILATION_CACHE_DIR`).
    For entry points: the command line and `Agent.load` call it, no import does.

    Returns:
        The directory in use, or None where the environment variable `OPT_OUT` turns it off, or the
        user has no home.
    """
    if os.environ.get(OPT_OUT):
        return None
    chosen = jax.config.values["jax_compilation_cache_dir"]
    if chosen is None:
        given = os.environ.get("XDG_CACHE_HOME", "")
        base = given if os.path.isabs(given) else os.path.expanduser(os.path.join("~", ".cache"))
        if not os.path.isabs(base):
            return None
        chosen = os.path.join(base, "dfplan", "xla")
        jax.config.update("jax_compilation_cache_dir", chosen)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", MIN_SECONDS)
    return Path(chosen)
