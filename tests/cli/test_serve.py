"""`dfplan serve` in this process, which is its main thread: robots are in another one."""

import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
import urllib.request

import numpy as np
import pytest
from jax import monitoring
from websockets.sync.client import connect

from dfplan.agent import Agent
from dfplan.wire.codec import pack, unpack

STEPS = 25
COMPILED = "/jax/core/compile/backend_compile_duration"


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def observe(step):
    """Return an observation of PointMaze."""
    state = np.array([1.0 + 0.01 * step, 1.0, 0.1, 0.0])
    return {"observation": state, "achieved_goal": state[:2], "desired_goal": np.array([1.0, 3.0])}


class Robot(threading.Thread):
    """Waits for the server, drives `STEPS` steps, and ends the server by a signal."""

    def __init__(self, port):
        super().__init__()
        self.port = port
        self.actions = []
        self.compiled = []

    def run(self):
        try:
            self._wait_for_the_server()
            monitoring.register_event_duration_secs_listener(self._note)
            self._drive()
        finally:
            self.port = None
            os.kill(os.getpid(), signal.SIGTERM)

    def _note(self, name, seconds, **kwargs):
        if name == COMPILED and self.port:
            self.compiled.append(name)

    def _wait_for_the_server(self):
        end = time.monotonic() + 300
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                assert opener.open(f"http://127.0.0.1:{self.port}/healthz").read() == b"OK\n"
                return
            time.sleep(0.05)

    def _drive(self):
        with connect(f"ws://127.0.0.1:{self.port}", compression=None, proxy=None) as server:
            self.metadata = unpack(server.recv())
            for step in range(STEPS):
                server.send(pack({**observe(step), "seed": 7}))
                self.actions.append(unpack(server.recv())["actions"])


@pytest.mark.usefixtures("default_signals")
def test_a_robot_is_driven_as_by_an_agent_and_nothing_compiles(dfplan, run, port):
    robot = Robot(port)
    robot.start()
    done = dfplan("serve", run, "--port", port, "--log", "json", "--batch.wait-ms", "0")
    robot.join()
    assert done.code == 143
    assert f"ws://127.0.0.1:{port}" in done.out
    events = [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]
    assert {"event": "listening", "port": port}.items() <= events[0].items()
    assert events[-1]["event"] == "stopped"
    assert robot.metadata["task"] == "pointmaze-umaze"
    assert not robot.compiled
    agent = Agent.load(run, seed=7)
    np.testing.assert_array_equal(
        [actions[0] for actions in robot.actions], [agent.act(observe(i)) for i in range(STEPS)]
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--port", "70000"], ["--port", "70000", "65535"]),
        (["--host", "no.such.host.invalid"], ["no.such.host.invalid"]),
        (["--limits.waiting", "0"], ["limits.waiting", "0"]),
        (["--goal", "1", "2", "3"], ["(3,)", "(2,)"]),
        (["--log", "xml"], ["xml", "json"]),
    ],
)
@pytest.mark.filterwarnings("ignore:anyone")
def test_wrong_options_are_errors(dfplan, run, options, words):
    done = dfplan("serve", run, *options)
    assert done.code == 2
    assert all(word in done.err for word in words)


def test_a_port_in_use_is_an_error_before_anything_is_compiled(dfplan, run):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        done = dfplan("serve", run, "--port", port)
    assert done.code == 2 and port in done.err
    assert "compiling" not in done.out


@pytest.mark.parametrize("is_safe", [True, False])
def test_listening_beyond_this_machine_without_a_key_is_warned_of(
    dfplan, run, monkeypatch, is_safe
):
    if is_safe:
        monkeypatch.setenv("DFPLAN_API_KEY", "secret")
    with pytest.warns(UserWarning, match="--api-key") if not is_safe else contextlib.nullcontext():
        done = dfplan("serve", run, "--host", "0.0.0.0", "--goal", "nan", "1")
    assert done.code == 2 and "nan" in done.err and "secret" not in done.err


def test_a_missing_library_is_an_error(dfplan, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "websockets", None)
    done = dfplan("serve", run)
    assert done.code == 2 and "dfplan[serve]" in done.err
