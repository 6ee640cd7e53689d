"""Fixtures of all tests: how programs are compiled, tiny data and settings, a reader of pages."""

import contextlib
import ctypes
import gc
import math
import re
import resource
import signal
from html.parser import HTMLParser
from pathlib import Path

import jax
import numpy as np
import pytest

from dfplan.config import Config
from dfplan.data.trajectories import Trajectories, from_episodes
from dfplan.representation.layout import Layout
from dfplan.util.compilation_cache import OPT_OUT

MAX_RESIDENT_BYTES = 1.6e9
QUICK = "jax_disable_most_optimizations"


@pytest.fixture(autouse=True, scope="session")
def user_cache_untouched():
    """Keep tests from reading or filling the user's compilation cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(OPT_OUT, "1")
        yield


@pytest.fixture(autouse=True, scope="session")
def shared_compilation_cache(pytestconfig):
    """Share compiled programs with the other test process, child processes and later runs."""
    directory = pytestconfig.rootpath / ".pytest_cache" / "xla"
    settings = {
        "jax_compilation_cache_dir": str(directory),
        "jax_persistent_cache_min_compile_time_secs": 0.1,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            jax.config.update(name, value)
            patch.setenv(name.upper(), str(value))
        yield


@pytest.fixture(autouse=True)
def programs_released():
    """Bound the memory of compiled programs: after a test they are dropped, if it has grown."""
    yield
    if _resident_bytes() > MAX_RESIDENT_BYTES:
        jax.clear_caches()
        gc.collect()
        _return_freed_memory()


def _resident_bytes() -> float:
    try:
        pages = Path("/proc/self/statm").read_text().split()[1]
    except OSError:  # not Linux
        return math.inf
    return int(pages) * resource.getpagesize()


def _return_freed_memory() -> None:
    """Make glibc return freed memory to the system, which it does not do by itself."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


@pytest.fixture(autouse=True, scope="session")
def compiled_quickly():
    """Here and in processes that begin here: most programs run for less time than they compile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(QUICK.upper(), "1")
        jax.config.update(QUICK, True)
        yield


@contextlib.contextmanager
def well_compiled():
    """For what trains longer than it compiles.

    What is compiled in one way does not serve the other: the two differ in their last bits.
    """
    jax.clear_caches()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(QUICK.upper())
        jax.config.update(QUICK, False)
        yield
    jax.config.update(QUICK, True)
    jax.clear_caches()


@pytest.fixture(scope="module")
def compiled_well():
    """All of a module."""
    with well_compiled():
        yield


@pytest.fixture(scope="session")
def tiny_data() -> Trajectories:
    """Random walks of 20 steps in three dimensions; the first two are the goal's."""
    rng = np.random.default_rng(0)
    actions = np.pad(rng.normal(size=(12, 20, 2)), ((0, 0), (0, 1), (0, 0))).astype(np.float32)
    moves = np.concatenate([actions, actions[..., :1] - actions[..., 1:]], axis=-1)
    start = rng.normal(size=(12, 1, 3))
    states = np.concatenate([start, start + np.cumsum(moves, axis=1)[:, :-1]], axis=1)
    layout = Layout(3, 2, (0, 1), action_shape=(2,))
    return from_episodes(list(states.astype(np.float32)), list(actions), layout, "tiny-v0")


@pytest.fixture(scope="session")
def tiny_config() -> Config:
    """Logs every 2 steps and saves every 3, so that stops are no multiples of each other."""
    return Config().override(
        {
            "data.tokens": 6,
            "data.stride": 2,
            "net.width": 16,
            "net.layers": 1,
            "net.heads": 2,
            "net.mlp_ratio": 2,
            "net.fourier_octaves": 1,
            "diffusion.schedule": "cosine",
            "training.objective.two_stream": False,
            "training.optimizer.name": "adamw",
            "training.steps": 200,
            "training.batch_size": 8,
            "training.log_every": 2,
            "training.save_every": 3,
            "training.ema": 0.15,
            "training.optimizer.learning_rate": 3e-3,
            "training.optimizer.warmup": 10,
        }
    )


@pytest.fixture(scope="session")
def same_bits():
    def check(a, b):
        assert jax.tree.structure(a) == jax.tree.structure(b)
        for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
            assert x.dtype == y.dtype
            np.testing.assert_array_equal(np.asarray(x), np.asarray(y))

    return check


class Html(HTMLParser):
    """A page: its texts, its attributes as (tag, name, value), and what it would fetch.

    It checks that tags close in order.
    """

    def __init__(self, html: str):
        super().__init__()
        self.open, self.texts, self.attributes = [], [], []
        self.feed(html)
        self.close()
        assert not self.open
        places = [v for _, k, v in self.attributes if k in ("src", "href", "xlink:href")]
        places += re.findall(r"url\(([^)]*)\)", html) + re.findall(r"@import[^;]*", html)
        self.outside = [place for place in places if not place.startswith(("data:", "#"))]

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, *attribute) for attribute in attrs]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, *attribute) for attribute in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data.strip())


@pytest.fixture(scope="session")
def read_html():
    """`read_html(text)`: an `Html`."""
    return Html


@pytest.fixture
def default_signals():
    """Handle signals as a program in the foreground does; under nohup, some are ignored."""
    handlers = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
