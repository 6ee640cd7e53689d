"""A server and its robots over real sockets: the protocol, and what goes wrong."""

import contextlib
import json
import threading
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from dfplan.agent import Agent
from dfplan.serve.server import check_address, is_loopback
from dfplan.serve.settings import Limits, RobotSettings
from dfplan.types import UserError
from dfplan.wire import keys
from dfplan.wire.codec import pack
from tests.planner.fake import EVERY, FakePlanner
from tests.serve.conftest import LAYOUT, WEIGHTS, see


def closed(robot):
    """Return the code with which the server closes the connection."""
    with pytest.raises(ConnectionClosed) as end:
        robot.connection.recv(10)
    assert end.value.rcvd is not None
    return end.value.rcvd.code


def get(server, path, **headers):
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(request, timeout=10)


def test_the_server_speaks_first_and_answers_with_chunks(serve):
    server = serve()
    robot = server.robot()
    metadata = robot.metadata
    assert metadata["action_dim"] == 2 and metadata["action_horizon"] == EVERY
    assert metadata["task"] == "fake" and metadata["observation"]["goal_dim"] == 2
    reply = robot.ask(see([0.0, 1.0]))
    assert reply["actions"].shape == (EVERY, 2) and reply["actions"].dtype == np.float32
    assert reply["policy_timing"]["infer_ms"] <= reply["server_timing"]["infer_ms"]
    assert "plan" not in reply and "prev_total_ms" not in reply["server_timing"]
    reply = robot.ask(see([0.0, 1.0], return_plan=True))
    assert reply["server_timing"]["prev_total_ms"] > 0
    assert reply["states"].shape == (EVERY, 2)
    assert len(reply["plan"]["states"]) == 9 and reply["plan"]["elapsed"] == 1


def test_every_connection_acts_as_an_agent_of_its_own(serve):
    server = serve()
    robots = [server.robot() for _ in range(3)]
    agents = [Agent(FakePlanner(LAYOUT), WEIGHTS, LAYOUT, seed=i) for i in range(3)]  # pyright: ignore
    for step in range(2 * EVERY):
        for i, (robot, agent) in enumerate(zip(robots, agents, strict=True)):
            observation = see([0.1 * step, 0.2 * i])
            actions = robot.ask(observation)["actions"]
            np.testing.assert_array_equal(actions[0], agent.act(observation))


@pytest.mark.parametrize("reset", ["reset", "endpoint", "session"])
def test_a_request_can_begin_an_episode(serve, reset):
    planner = FakePlanner(LAYOUT)
    robot = serve(planner).robot()
    first = robot.ask(see([0.0, 0.0], seed=5, session_id="one"))["actions"]
    robot.ask(see([0.1, 0.0], seed=5, session_id="one"))
    entries = {"seed": 5, "session_id": "one"}
    if reset == "endpoint":
        reply = robot.ask({"endpoint": "reset", "seed": 5})
        assert reply == {keys.STATUS: keys.RESET_DONE}
    else:
        entries |= {"reset": True} if reset == "reset" else {"session_id": "two"}
    again = robot.ask(see([0.0, 0.0], **entries))["actions"]
    np.testing.assert_array_equal(again, first)
    assert len(planner.calls) == 2
    assert planner.calls[1].history.level[0, 0] == 1  # nothing precedes the episode


def test_a_robot_says_how_many_steps_have_passed(serve):
    planner = FakePlanner(LAYOUT)
    robot = serve(planner).robot()
    robot.ask(see([0.0, 0.0], executed=EVERY))
    robot.ask(see([0.1, 0.0]))
    assert len(planner.calls) == 1
    robot.ask(see([0.2, 0.0], executed=EVERY))
    assert len(planner.calls) == 2


def test_a_robot_asks_for_fewer_actions(serve):
    robot = serve().robot()
    actions = robot.ask(see([0.0, 0.0], seed=1))["actions"]
    fewer = robot.ask(see([0.0, 0.0], seed=1, reset=True, action_horizon=2))["actions"]
    np.testing.assert_array_equal(fewer, actions[:2])


BAD_REQUESTS = [
    (b"\xc1", "MessagePack"),
    (b"", "MessagePack"),
    (pack([1, 2]), "list"),
    ("text", "text frame"),
    (see([0.0, np.nan]), "nan"),
    (see([0.0, np.inf]), "inf"),
    (see([0.0, 0.0, 0.0]), "(3,)"),
    (see([[0.0, 0.0], [0.0, 0.0]]), "2 observations"),
    (see([0.0, 0.0], goal=[1.0]), "(1,)"),
    (see([0.0, 0.0], goal=[1e30, 0.0]), "1e+30"),
    ({"observation": "text", "desired_goal": [0.0, 0.0]}, "text"),
    ({"observation": np.zeros(2)}, "desired_goal"),
    ({"observation": {"a": np.zeros(2)}, "desired_goal": [0.0, 0.0]}, "a"),
    ({}, "nothing"),
    (see([0.0, 0.0], endpoint="kill"), "'kill'"),
    (see([0.0, 0.0], endpoint=[1]), "[1]"),
    (see([0.0, 0.0], executed=0), "0"),
    (see([0.0, 0.0], executed=1.5), "1.5"),
    (see([0.0, 0.0], action_horizon=0), "0"),
    (see([0.0, 0.0], action_horizon=EVERY + 1), f"1 to {EVERY}"),
    (see([0.0, 0.0], seed=-1), "-1"),
    (see([0.0, 0.0], seed=[1]), "[1]"),
    (see([0.0, 0.0], session_id=[1]), "[1]"),
    (see([0.0, 0.0], reset="yes"), "'yes'"),
]


def test_a_bad_request_ends_its_own_connection_alone(serve):
    server = serve()
    healthy = server.robot()
    for request, shown in BAD_REQUESTS:
        broken = server.robot()
        broken.send(request)
        text = broken.receive()
        assert isinstance(text, str) and shown in text and "\n" not in text
        assert closed(broken) == keys.INTERNAL_ERROR
        assert healthy.ask(see([0.0, 0.0]))["actions"].shape == (EVERY, 2)
    assert server.count("dfplan_requests_total", outcome="invalid") == len(BAD_REQUESTS)
    events = [json.loads(line) for line in server.log.getvalue().splitlines()]
    assert sum(event["event"] == "error" for event in events) == len(BAD_REQUESTS)


def test_missing_values_follow_the_planner(serve):
    from dfplan.control.linear_dynamics import LinearDynamics
    from dfplan.diffusion.schedules import Cosine

    planner = FakePlanner(LAYOUT, **{"sensing.missing": True})
    planner.model.schedule = Cosine()
    low = np.full(2, -10.0)
    server = serve(planner)
    server.fleet._run.dynamics = LinearDynamics(np.zeros((2, 5)), np.eye(2), low, -low)
    robot = server.robot()
    assert np.isfinite(robot.ask(see([0.0, np.nan]))["actions"]).all()


def test_a_message_that_is_too_large_is_cut_off(serve):
    server = serve(limits=Limits(message_bytes=2048))
    healthy = server.robot()
    broken = server.robot()
    broken.send(b"\x00" * 5000)
    assert closed(broken) == 1009
    assert healthy.ask(see([0.0, 0.0]))["actions"].shape == (EVERY, 2)
    server.wait_for(lambda: server.count("dfplan_connections_closed_total", reason="protocol"))


def test_half_a_frame_costs_no_other_robot(serve):
    server = serve(limits=Limits(idle_seconds=0.5))
    broken = server.robot()
    healthy = server.robot()
    broken.connection.socket.sendall(b"\x82\xfe\xff\xff\x00\x00")  # announces 65535 bytes
    for _ in range(10):
        assert healthy.ask(see([0.0, 0.0]))["actions"].shape == (EVERY, 2)
        time.sleep(0.1)
    assert "0.5 seconds" in broken.receive()
    server.wait_for(lambda: server.count("dfplan_robots") == 1)


def test_a_robot_that_reads_no_replies_is_cut_off(serve):
    limits = Limits(idle_seconds=0.3)
    server = serve(limits=limits, settings=RobotSettings(action_horizon=1000))
    broken = server.robot()
    request = pack(see([0.0, 0.0], return_plan=True))

    def flood():
        with contextlib.suppress(ConnectionClosed):
            while True:
                broken.connection.send(request)

    thread = threading.Thread(target=flood)
    thread.start()
    server.wait_for(lambda: server.count("dfplan_connections_closed_total", reason="idle"), 20)
    server.wait_for(lambda: server.count("dfplan_robots") == 0)
    thread.join(5)
    assert not thread.is_alive()
    assert server.robot().ask(see([0.0, 0.0]))["actions"].shape == (1000, 2)


def test_an_idle_robot_is_told_and_closed(serve):
    server = serve(limits=Limits(idle_seconds=0.2))
    robot = server.robot()
    assert "0.2 seconds" in robot.receive()
    assert closed(robot) == keys.INTERNAL_ERROR


def test_a_planner_that_fails_ends_the_connection_with_its_reason(serve, monkeypatch):
    server = serve()
    robot = server.robot()

    def fail(*args, **kwargs):
        raise ZeroDivisionError("no plan")

    monkeypatch.setattr(FakePlanner, "plan", fail)
    robot.send(see([0.0, 0.0]))
    assert robot.receive() == "ZeroDivisionError: no plan"
    assert closed(robot) == keys.INTERNAL_ERROR
    server.wait_for(lambda: "Traceback" in server.log.getvalue())
    monkeypatch.undo()
    assert server.robot().ask(see([0.0, 0.0]))["actions"].shape == (EVERY, 2)


def test_a_full_queue_refuses_and_the_robot_asks_again(serve, gated):
    server = serve(gated, limits=Limits(waiting=1))
    first = server.robot()
    second = server.robot()
    first.send(see([0.0, 0.0]))
    server.wait_for(lambda: server.count("dfplan_requests_waiting") == 1)
    assert "1 requests wait" in second.ask(see([0.0, 0.0]))
    gated.gate.set()
    assert first.receive()["actions"].shape == (EVERY, 2)
    assert second.ask(see([0.0, 0.0]))["actions"].shape == (EVERY, 2)
    assert server.count("dfplan_requests_total", outcome="refused") == 1


@pytest.mark.parametrize("error", [OSError("no space left"), ValueError("the stream is closed")])
def test_robots_are_served_though_the_log_cannot_be_written(serve, monkeypatch, error):
    server = serve(limits=Limits(connections=1))

    def fail(text):
        raise error

    monkeypatch.setattr(server.log, "write", fail)
    for _ in range(2):
        robot = server.robot()
        assert robot.ask(see([0.0, 0.0]))["actions"].shape[1] == 2
        robot.connection.close()
        server.wait_for(lambda: not server.server._sessions)


def test_more_connections_than_allowed_are_refused(serve):
    server = serve(limits=Limits(connections=1))
    robot = server.robot()
    with pytest.raises(InvalidStatus) as refusal:
        server.connect()
    assert refusal.value.response.status_code == 503
    robot.connection.close()
    server.wait_for(lambda: server.count("dfplan_robots") == 0)
    assert server.robot().metadata["task"] == "fake"


@pytest.mark.parametrize("header", [None, "Api-Key wrong", "Bearer right", "right", "Api-Key é"])
def test_a_wrong_key_is_refused(serve, header):
    server = serve(api_key="right")
    headers = {} if header is None else {"Authorization": header}
    with pytest.raises((InvalidStatus, UnicodeError)) as refusal:
        server.connect(additional_headers=headers)
    if isinstance(refusal.value, InvalidStatus):
        assert refusal.value.response.status_code == 401
    with pytest.raises(urllib.error.HTTPError, match="401"):
        get(server, keys.METRICS_PATH)
    assert get(server, keys.HEALTH_PATH).read() == b"OK\n"
    robot = server.robot(additional_headers={"Authorization": "Api-Key right"})
    assert robot.ask(see([0.0, 0.0]))["actions"].shape == (EVERY, 2)


def test_a_page_in_a_browser_cannot_drive_a_robot(serve):
    with pytest.raises(InvalidStatus) as refusal:
        serve().connect(origin="https://example.com")
    assert refusal.value.response.status_code == 403


def test_metrics_are_prometheus_text(serve):
    server = serve()
    robot = server.robot()
    robot.ask(see([0.0, 0.0]))
    server.wait_for(lambda: server.count("dfplan_requests_total", outcome="answered") == 1)
    reply = get(server, keys.METRICS_PATH)
    assert reply.headers["Content-Type"].startswith("text/plain; version=")
    text = reply.read().decode()
    for line in (
        'dfplan_requests_total{outcome="answered"} 1.0',
        'dfplan_requests_total{outcome="refused"} 0.0',
        "dfplan_robots 1.0",
        "dfplan_requests_waiting 0.0",
        "dfplan_request_seconds_count 1.0",
        'dfplan_plan_batch_bucket{le="1.0"} 1.0',
    ):
        assert line in text.splitlines()


def test_a_stopping_server_answers_what_it_has_begun(serve, gated):
    server = serve(gated)
    busy = server.robot()
    idle = server.robot()
    busy.send(see([0.0, 0.0]))
    server.wait_for(lambda: server.count("dfplan_requests_waiting") == 1)
    server.loop.call_soon_threadsafe(server.server.stop)
    assert closed(idle) == keys.GOING_AWAY
    with pytest.raises(OSError, match="refused"):
        server.connect()
    gated.gate.set()
    assert busy.receive()["actions"].shape == (EVERY, 2)
    assert closed(busy) == keys.GOING_AWAY
    server.stop()
    names = [json.loads(line)["event"] for line in server.log.getvalue().splitlines()]
    assert names[0] == "listening" and "draining" in names and names[-1] == "stopped"


def test_a_stopping_server_does_not_wait_forever(serve, gated):
    server = serve(gated, limits=Limits(drain_seconds=0.2))
    robot = server.robot()
    robot.send(see([0.0, 0.0]))
    server.wait_for(lambda: server.count("dfplan_requests_waiting") == 1)
    server.loop.call_soon_threadsafe(server.server.stop)
    with pytest.raises(ConnectionClosed):
        robot.connection.recv(10)
    gated.gate.set()


def test_an_address_in_use_is_an_error(serve):
    server = serve()
    with pytest.raises(UserError, match=str(server.port)):
        check_address("127.0.0.1", server.port)
    with pytest.raises(UserError, match="nowhere"):
        check_address("nowhere.invalid", 8000)


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("pi", False)],
)
def test_loopback_addresses(host, local):
    assert is_loopback(host) is local
