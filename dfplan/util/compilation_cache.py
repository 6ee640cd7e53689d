"""Persistent compilation cache: compiled programs are stored on disk and reused."""

import os
import warnings
from pathlib import Path

import jax

OPT_OUT = "DFPLAN_NO_COMPILATION_CACHE"
"""Environment variable; any value except an empty one turns the cache off."""
MIN_SECONDS = 0.1
"""Programs that compile faster are not stored, as reading them back would save nothing."""


def enable_compilation_cache() -> Path | None:
    """Make JAX store compiled programs in the user's cache directory and read them from there.

    The directory is `$XDG_CACHE_HOME/dfplan/xla`, by default `~/.cache/dfplan/xla`. JAX matches
    entries by its version, the machine and the program, and continues if it cannot write. A
    directory that the user has set (`JAX_COMPILATION_CACHE_DIR`) is used as it is.
    The command line and `Agent.load` call this function; importing dfplan does not.

    Returns:
        The directory in use, or None if the environment variable `OPT_OUT` turns the cache off or
        the user has no home directory that can be written.
    """
    if os.environ.get(OPT_OUT):
        return None
    chosen = jax.config.values["jax_compilation_cache_dir"]
    if chosen is None:
        base = os.environ.get("XDG_CACHE_HOME", "")
        if not os.path.isabs(base):
            base = os.path.expanduser(os.path.join("~", ".cache"))
        if not os.path.isabs(base):
            return None
        chosen = os.path.join(base, "dfplan", "xla")
        try:
            os.makedirs(chosen, exist_ok=True)
        except OSError:  # Otherwise, JAX would warn for every program.
            return None
        jax.config.update("jax_compilation_cache_dir", chosen)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", MIN_SECONDS)
    # On a full disk, JAX would print one for every program.
    warnings.filterwarnings("ignore", "Error (read|writ)ing persistent compilation cache entry")
    return Path(chosen)
