"""Compiled programs are stored on disk, in the directory that the user chooses, or not at all."""

import os
import subprocess
import sys

import jax
import jax.monitoring
import pytest
from jax.experimental.compilation_cache import compilation_cache

from dfplan.util.compilation_cache import OPT_OUT, enable_compilation_cache

SETTINGS = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
COMPILE = """
import jax
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.jit(lambda x: jax.numpy.sin(x) @ x)(jax.numpy.ones((4, 4)))
"""
FIRST_PROCESS = f"""
import jax
before = dict(jax.config.values)
import dfplan.agent, dfplan.cli
from dfplan.util.compilation_cache import enable_compilation_cache
assert dict(jax.config.values) == before, "set at import"
print(enable_compilation_cache())
{COMPILE}
"""


@pytest.fixture(autouse=True)
def fresh_cache(tmp_path, monkeypatch):
    """Let JAX's cache be as at the start of a process of a user whose home is `tmp_path`."""
    before = {name: jax.config.values[name] for name in SETTINGS}
    monkeypatch.delenv(OPT_OUT)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    jax.config.update("jax_compilation_cache_dir", None)
    compilation_cache.reset_cache()
    yield
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


@pytest.fixture
def hits():
    """Names of JAX's events that report a program that was read from the cache."""
    names = []

    def listen(name, **_):
        if name.endswith("compilation_cache/cache_hits"):
            names.append(name)

    jax.monitoring.register_event_listener(listen)
    yield names
    jax.monitoring.unregister_event_listener(listen)


def test_a_second_process_reads_what_the_first_compiled(tmp_path, monkeypatch, hits):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    environ = {k: v for k, v in os.environ.items() if not k.startswith("JAX_COMPILATION_CACHE")}
    process = subprocess.run(
        [sys.executable, "-c", FIRST_PROCESS],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    cache = tmp_path / "own" / "dfplan" / "xla"
    assert process.stdout.split() == [str(cache)] and any(cache.iterdir())
    assert enable_compilation_cache() == cache
    exec(COMPILE)
    assert hits


def test_without_a_choice_it_is_in_the_home_directory(tmp_path):
    assert enable_compilation_cache() == tmp_path / ".cache" / "dfplan" / "xla"


def test_the_cache_can_be_turned_off(tmp_path, monkeypatch, hits):
    monkeypatch.setenv(OPT_OUT, "1")
    assert enable_compilation_cache() is None
    exec(COMPILE)
    assert not hits and not list(tmp_path.iterdir())


def test_a_directory_chosen_by_the_user_stays_in_use(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    jax.config.update("jax_compilation_cache_dir", str(tmp_path / "jax"))
    assert enable_compilation_cache() == tmp_path / "jax"
    assert jax.config.values["jax_compilation_cache_dir"] == str(tmp_path / "jax")


def test_a_home_that_cannot_be_written_is_left_alone(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    jax.config.update("jax_compilation_cache_dir", None)
    assert enable_compilation_cache() is None
    assert jax.config.values["jax_compilation_cache_dir"] is None
