"""Compiled programs are stored on disk, in the directory that the user chooses, or not at all."""

import os
import subprocess
import sys

import jax

from dfplan.util.compilation_cache import OPT_OUT, enable_compilation_cache

SCRIPT = """
import jax, jax.monitoring
events = []
jax.monitoring.register_event_listener(lambda name, **_: events.append(name))
before = jax.config.jax_compilation_cache_dir
import dfplan.agent, dfplan.cli
from dfplan.util.compilation_cache import enable_compilation_cache
assert jax.config.jax_compilation_cache_dir == before, "set at import"
print(enable_compilation_cache())
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.jit(lambda x: jax.numpy.sin(x) @ x)(jax.numpy.ones((4, 4)))
print(sum(name.endswith("compilation_cache/cache_hits") for name in events) > 0)
"""


def start(home, **env):
    inherited = {k: v for k, v in os.environ.items() if "CACHE" not in k}
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**inherited, "HOME": str(home), **env},
        capture_output=True,
        text=True,
        check=True,
    )
    return tuple(process.stdout.split())


def test_a_second_process_reads_what_the_first_compiled(tmp_path):
    cache = tmp_path / "own" / "dfplan" / "xla"
    xdg = {"XDG_CACHE_HOME": str(tmp_path / "own")}
    assert start(tmp_path, **xdg) == (str(cache), "False")
    assert any(cache.iterdir())
    assert start(tmp_path, **xdg) == (str(cache), "True")
    off = start(tmp_path, DFPLAN_NO_COMPILATION_CACHE="1")
    assert off == ("None", "False") and not (tmp_path / ".cache").exists()


def test_a_directory_chosen_by_the_user_stays_in_use(tmp_path):
    own = {"JAX_COMPILATION_CACHE_DIR": str(tmp_path / "jax"), "XDG_CACHE_HOME": str(tmp_path)}
    assert start(tmp_path, **own)[0] == str(tmp_path / "jax")
    assert start(tmp_path)[0] == str(tmp_path / ".cache" / "dfplan" / "xla")


def test_a_home_that_cannot_be_written_is_left_alone(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.delenv(OPT_OUT)
    chosen = jax.config.values["jax_compilation_cache_dir"]
    jax.config.update("jax_compilation_cache_dir", None)
    try:
        assert enable_compilation_cache() is None
        assert jax.config.values["jax_compilation_cache_dir"] is None
    finally:
        jax.config.update("jax_compilation_cache_dir", chosen)
