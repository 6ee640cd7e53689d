"""A policy server in this process, with a planner in plain NumPy: no test here compiles a plan."""

import asyncio
import contextlib
import io
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from websockets.sync.client import connect

from dfplan.planner.plan import Weights
from dfplan.representation.layout import Layout
from dfplan.representation.normalizer import Normalizer
from dfplan.serve.events import EventLog
from dfplan.serve.fleet import Fleet
from dfplan.serve.metrics import Metrics
from dfplan.serve.server import PolicyServer
from dfplan.serve.settings import Limits
from dfplan.wire.codec import pack, unpack
from tests.planner.fake import FakePlanner

BOUNDS = {"action_low": (-1.0, -1.0), "action_high": (1.0, 1.0)}
LAYOUT = Layout(2, 2, goal_dims=(0, 1), dict_observation=True, **BOUNDS)
VECTOR = Layout(2, 2, goal_dims=(0, 1), **BOUNDS)


def normalizer(dim):
    return Normalizer(np.zeros(dim, np.float32), np.ones(dim, np.float32))


def make_weights(layout):
    return Weights(None, normalizer(layout.state_dim), normalizer(layout.action_dim))


WEIGHTS = make_weights(LAYOUT)
HORIZON = 3


def make_run(planner, layout=LAYOUT):
    return SimpleNamespace(
        config=SimpleNamespace(planner=planner.config),
        task=SimpleNamespace(name="fake", env="fake-v0", tracker=None),
        layout=layout,
        states=normalizer(layout.state_dim),
        dynamics=None,
        make_planner=lambda: planner,
    )


def see(state, goal=(9.0, 9.0), **entries):
    """Return a request with a goal observation."""
    state = np.asarray(state, np.float64)
    goal = np.asarray(goal, np.float64)
    return {"observation": state, "achieved_goal": state, "desired_goal": goal, **entries}


class Running:
    """A server in a thread, and connections to it."""

    def __init__(self, planner, layout=LAYOUT, *, api_key="", limits=Limits(), port=0, **fleet):
        self.planner = planner
        self.log = io.StringIO()
        self.metrics = Metrics()
        self.fleet = Fleet(
            make_run(planner, layout),  # pyright: ignore
            make_weights(layout),
            name="fake",
            on_batch=self.metrics.batch.observe,
            **fleet,
        )
        self.api_key = api_key
        self.limits = limits
        self.port = port
        self.started = threading.Event()
        self.connections = contextlib.ExitStack()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self.thread.start()
        assert self.started.wait(10)

    async def _serve(self):
        self.server = PolicyServer(
            self.fleet,
            metrics=self.metrics,
            limits=self.limits,
            api_key=self.api_key,
            events=EventLog(self.log, "json"),
        )
        self.loop = asyncio.get_running_loop()
        await self.server.run("127.0.0.1", self.port, self._note_start)

    def _note_start(self, port):
        self.port = port
        self.started.set()

    def stop(self):
        with contextlib.suppress(RuntimeError):  # it has stopped already
            self.loop.call_soon_threadsafe(self.server.stop)
        self.thread.join(20)
        self.connections.close()
        assert not self.thread.is_alive()

    def connect(self, **kwargs):
        uri = f"ws://127.0.0.1:{self.port}"
        connection = connect(uri, compression=None, max_size=None, proxy=None, **kwargs)
        return self.connections.enter_context(connection)

    def robot(self, **kwargs):
        return Client(self.connect(**kwargs))

    def count(self, name, **labels):
        value = self.metrics._registry.get_sample_value(name, labels)
        return 0 if value is None else value

    def wait_for(self, condition, seconds=5.0):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.005)


class Client:
    """A robot that shows what it receives."""

    def __init__(self, connection):
        self.connection = connection
        self.metadata = unpack(connection.recv(10))

    def send(self, request):
        self.connection.send(request if isinstance(request, bytes | str) else pack(request))

    def receive(self):
        reply = self.connection.recv(10)
        return reply if isinstance(reply, str) else unpack(reply)

    def ask(self, request):
        self.send(request)
        return self.receive()


@pytest.fixture
def serve():
    """`serve(planner, layout, ...)`: a running server."""
    servers = []

    def start(planner=None, layout=LAYOUT, **kwargs):
        servers.append(Running(planner or FakePlanner(layout), layout, **kwargs))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def gated():
    """A planner that plans once its `gate` is open."""

    class GatedPlanner(FakePlanner):
        def __init__(self):
            super().__init__(LAYOUT)
            self.gate = threading.Event()

        def plan(self, call, *, denoising=False):
            assert self.gate.wait(10)
            return super().plan(call, denoising=denoising)

    planner = GatedPlanner()
    yield planner
    planner.gate.set()
