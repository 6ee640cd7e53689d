"""A robot that is driven by a server: chunks, late replies, loss and return of the server."""

import threading
import time

import numpy as np
import pytest

from dfplan.client import connect
from dfplan.client.connecting import as_url
from dfplan.types import UserError

from .stub import DFPLAN, HORIZON, StubServer, trace

FAST = {"first_delay": 0.01, "longest_delay": 0.05, "deadline": 2.0}


@pytest.fixture
def server():
    server = StubServer()
    yield server
    server.gate.set()
    server.kill()


@pytest.fixture
def drive(server):
    """Return a function that connects a robot; closed at the end."""
    agents = []

    def connected(**settings):
        agents.append(connect(server.url, **{**FAST, **settings}))
        return agents[-1]

    yield connected
    for agent in agents:
        agent.close()


def act(agent, step):
    """Act on the observation `step`; return which observation is answered, by which action."""
    observed, index = agent.act({"observation": np.array([step])})
    return int(observed), int(index) - 1


def until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.002)


def act_when_answered(agent, step):
    """Act, then wait until the server has answered what the agent asked."""
    action = act(agent, step)
    until(lambda: agent._pending is None or agent._pending.reply.done())
    return action


@pytest.mark.parametrize(
    ("execute", "lead", "asked", "expected"),
    [
        (1, 0, [0, 1, 2, 3, 4], [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0)]),
        (3, 0, [0, 3, 6], [(0, 0), (0, 1), (0, 2), (3, 0), (3, 1), (3, 2), (6, 0)]),
        (3, 1, [0, 2, 5], [(0, 0), (0, 1), (0, 2), (2, 1), (2, 2), (2, 3), (5, 1)]),
        (2, 2, [0, 1, 2, 4], [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 3)]),
        (8, 0, [0, 8], [(0, i) for i in range(8)] + [(8, 0)]),
    ],
)
def test_chunks_are_asked_for_early_and_entered_at_the_present(
    drive, server, execute, lead, asked, expected
):
    agent = drive(execute=execute, lead=lead)
    assert [act_when_answered(agent, step) for step in range(len(expected))] == expected
    assert [int(request["observation"][0]) for request in server.requests] == asked
    assert not agent.status.falls_back and agent.status.fallbacks == 0


def test_a_late_chunk_is_entered_at_its_action_for_the_present(drive, server):
    agent = drive(execute=2, lead=1)
    assert act_when_answered(agent, 0) == (0, 0)
    server.gate.clear()
    assert [act(agent, step) for step in (1, 2, 3, 4)] == [(0, 1), (0, 2), (0, 3), (0, 4)]
    assert not agent.status.falls_back and agent.status.chunk_age == 4
    server.gate.set()
    until(lambda: agent._pending.reply.done())
    assert act(agent, 5) == (1, 4)


@pytest.mark.parametrize("lead", [0, 1])
@pytest.mark.parametrize(
    ("settings", "then"),
    [
        ({}, [(0, -1)] * 9),
        ({"hold": "last"}, [(0, 0)] * 9),
        ({"hold": (7.0, 5.0)}, [(7, 4)] * 9),
        ({"fallback": "continue"}, [(0, i) for i in range(1, HORIZON)] + [(0, -1)] * 2),
        (
            {"fallback": "continue", "hold": "last"},
            [(0, i) for i in range(1, HORIZON)] + [(0, HORIZON - 1)] * 2,
        ),
    ],
)
def test_a_lost_server_makes_the_robot_fall_back_until_it_returns(
    drive, server, settings, then, lead
):
    agent = drive(execute=1, lead=lead, **settings)
    if lead == 0:
        assert act(agent, 0) == (0, 0)
        server.kill()
    else:
        server.gate.clear()
        threading.Timer(0.05, server.gate.set).start()
        assert act(agent, 0) == (0, 0)
        server.kill()
    until(lambda: not agent.status.connected)
    assert [act(agent, step) for step in range(1, 10)] == then
    assert agent.status.falls_back and agent.status.fallbacks == 9 and agent.status.error
    server.start()
    until(lambda: agent.status.connected)
    assert act_when_answered(agent, 10) in ((10, 0), then[-1])
    assert act_when_answered(agent, 11)[0] >= 10
    assert not agent.status.falls_back and agent.status.connections == 2


def test_a_robot_survives_a_server_that_dies_again_and_again(drive, server):
    agent = drive(execute=2, lead=1, fallback="continue")
    end = threading.Event()

    def kill_and_restart():
        for restarts in range(1, 5):
            time.sleep(0.05)
            server.kill()
            time.sleep(0.03)
            server.start()
            until(lambda: agent.status.connections > restarts)  # noqa: B023
        end.set()

    threading.Thread(target=kill_and_restart).start()
    steps = 0
    while not end.is_set() or agent.status.falls_back:
        observed, index = act(agent, steps)
        assert (observed, index) == (0, -1) or observed + index == steps  # held, or for this step
        steps += 1
        time.sleep(0.002)
        assert steps < 10_000
    assert agent.status.connections >= 5


def test_an_overdue_reply_makes_the_robot_fall_back_and_is_used_when_it_comes(drive, server):
    agent = drive(deadline=0.4)
    act(agent, 0)
    server.gate.clear()
    begin = time.monotonic()
    assert act(agent, 1) == (0, -1)
    assert time.monotonic() - begin >= 0.4
    begin = time.monotonic()
    assert act(agent, 2) == (0, -1)
    assert time.monotonic() - begin < 0.4  # One request costs one deadline.
    assert agent.status.connected and agent.status.falls_back
    server.gate.set()
    until(lambda: agent._pending.reply.done())
    assert act(agent, 3) == (1, 2)


def test_a_frozen_server_is_given_up_and_connected_again(drive, server):
    agent = drive(deadline=0.02, timeout=0.1)
    act(agent, 0)
    server.gate.clear()
    act(agent, 1)
    until(lambda: agent.status.connections == 2)
    assert "0.1 s" in agent.status.error
    server.gate.set()
    assert act(agent, 2) == (2, 0)
    until(lambda: server.close_codes)
    assert server.close_codes == [1006]  # A frozen server answers no closing handshake.


def test_a_chunk_that_came_late_is_asked_to_be_replaced_before_it_ends(drive, server):
    agent = drive(execute=6, lead=1, deadline=0.02)
    assert [act_when_answered(agent, step) for step in range(5)] == [(0, i) for i in range(5)]
    server.gate.clear()
    assert [act(agent, step) for step in range(5, 10)] == [(0, 5), (0, 6), (0, 7), *[(0, -1)] * 2]
    server.gate.set()
    until(lambda: agent._pending.reply.done())
    later = [act_when_answered(agent, step) for step in range(10, 14)]
    assert later == [(5, 5), (5, 6), (5, 7), (12, 1)]


def test_a_request_that_fails_early_is_repeated_before_its_chunk_is_due(drive, server):
    server.closes = False
    agent = drive(execute=4, lead=3)
    act_when_answered(agent, 0)
    server.policy = lambda request: "busy"
    act_when_answered(agent, 1)
    server.policy = trace
    assert [act_when_answered(agent, step) for step in (2, 3, 4)] == [(0, 2), (0, 3), (2, 2)]
    assert agent.status.fallbacks == 0


def test_the_first_action_is_waited_for_longer(drive, server):
    agent = drive(deadline=0.02)
    server.gate.clear()
    threading.Timer(0.2, server.gate.set).start()
    assert act(agent, 0) == (0, 0)


BAD_REPLIES = {
    "text": ("NaN is not a position", "NaN is not a position"),
    "garbage": (b"\xc1", "unreadable"),
    "list": ([1, 2], "actions"),
    "missing": ({"status": "ok"}, "actions"),
    "no array": ({"actions": [[0.0, 1.0]]}, "array"),
    "one dimension": ({"actions": np.zeros(3)}, "(3,)"),
    "text array": ({"actions": np.array([["a"]])}, "numbers"),
    "NaN": ({"actions": np.full((HORIZON, 2), np.nan)}, "finite"),
    "too few": ({"actions": np.zeros((2, 2))}, "3"),
}


@pytest.mark.parametrize(("reply", "shown"), BAD_REPLIES.values(), ids=BAD_REPLIES)
def test_a_bad_reply_raises_before_the_first_action_and_makes_a_moving_robot_fall_back(
    drive, server, reply, shown
):
    agent = drive(execute=3)
    server.policy = lambda request: reply
    with pytest.raises(UserError) as error:
        act(agent, 0)
    assert shown in str(error.value)
    server.policy = trace
    until(lambda: agent.status.connected)
    assert shown in agent.status.error  # The end of the connection, which followed, says less.
    assert act(agent, 0) == (0, 0)
    server.policy = lambda request: reply
    act(agent, 1)
    act(agent, 2)
    assert act(agent, 3) == (0, -1)
    assert shown in agent.status.error and agent.status.falls_back
    server.policy = trace
    until(lambda: agent.status.connected)
    assert act(agent, 4) == (4, 0)


def test_a_busy_server_keeps_its_robot(drive, server):
    server.closes = False
    agent = drive()
    act(agent, 0)
    server.policy = lambda request: "busy"
    assert act(agent, 1) == (0, -1)
    assert agent.status.connected and "busy" in agent.status.error
    server.policy = trace
    assert act(agent, 2) == (2, 0)
    assert agent.status.connections == 1


def test_a_hold_of_the_wrong_size_is_refused(drive):
    with pytest.raises(UserError, match=r"3 numbers; needed: 2"):
        act(drive(hold=(0.0, 0.0, 0.0)), 0)


def test_an_observation_that_cannot_be_sent_is_refused_and_changes_nothing(drive):
    agent = drive()
    with pytest.raises(UserError):
        agent.act({"observation": object()})
    assert act(agent, 0) == (0, 0)


def test_episodes_are_announced_to_servers_that_understand_them(drive, server):
    server.metadata = DFPLAN
    agent = drive(execute=2)
    agent.reset(seed=5)
    for step in range(4):
        agent.act(np.array([step]), goal=[1.0])
    agent.reset()
    act(agent, 4)
    server.kill()
    server.start()
    until(lambda: agent.status.connections == 2)
    act(agent, 5)
    act(agent, 6)
    begin, later, reset, restart = [
        {key: value for key, value in request.items() if key != "observation"}
        for request in server.requests
    ]
    assert begin == {"reset": True, "seed": 5, "goal": [1.0], "action_horizon": 4}
    assert later == {"executed": 2, "goal": [1.0], "action_horizon": 4}
    assert reset == restart == {"reset": True, "action_horizon": 4}


@pytest.mark.parametrize(
    ("settings", "horizon"),
    [
        ({}, 2),
        ({"execute": 2, "lead": 1}, 6),
        ({"execute": 4, "lead": 4}, HORIZON),
        ({"execute": 2, "fallback": "continue"}, None),
    ],
)
def test_no_more_actions_are_asked_for_than_may_be_needed(drive, server, settings, horizon):
    server.metadata = DFPLAN
    act(drive(**settings), 0)
    assert server.requests[0].get("action_horizon") == horizon


@pytest.mark.parametrize("metadata", [{}, {**DFPLAN, "action_horizon": "many"}])
def test_other_servers_get_the_observation_alone(drive, server, metadata):
    server.metadata = metadata
    agent = drive()
    agent.reset(seed=5)
    agent.act({"state": np.zeros(3), "prompt": "open", "observation": 1.0})
    agent.act({"state": np.zeros(3), "prompt": "open", "observation": 1.0})
    assert [set(request) for request in server.requests] == [{"state", "prompt", "observation"}] * 2


def test_a_reply_to_the_last_episode_is_dropped(drive, server):
    agent = drive(execute=2, lead=1)
    act_when_answered(agent, 0)
    server.gate.clear()
    act(agent, 1)
    agent.reset()
    threading.Timer(0.05, server.gate.set).start()
    assert act(agent, 50) == (50, 0)


def test_actions_are_copies(drive):
    agent = drive(execute=4)
    action = agent.act({"observation": 0})
    action[:] = 9
    assert act(agent, 1) == (0, 1)


def test_close_ends_a_waiting_act_from_another_thread(drive, server):
    agent = drive(deadline=10.0)
    act(agent, 0)
    server.gate.clear()
    threading.Timer(0.05, agent.close).start()
    begin = time.monotonic()
    act(agent, 1)
    assert time.monotonic() - begin < 5
    with pytest.raises(UserError, match="closed"):
        act(agent, 2)
    agent.close()
    assert not agent.status.connected
    assert "dfplan-client" not in {thread.name for thread in threading.enumerate()}


def test_closing_is_no_error(drive, server, caplog):
    agent = drive()
    act(agent, 0)
    agent.close()
    until(lambda: server.close_codes)
    assert server.close_codes == [1000]
    assert not agent.status.error and not caplog.records


def test_a_server_that_starts_later_is_waited_for(server):
    server.kill()
    threading.Timer(0.1, server.start).start()
    with connect(server.url, **FAST) as agent:
        assert act(agent, 0) == (0, 0)


def test_a_server_that_is_full_is_waited_for(server):
    server.refusal = 503
    threading.Timer(0.1, lambda: setattr(server, "refusal", 0)).start()
    with connect(server.url, **FAST) as agent:
        assert act(agent, 0) == (0, 0)


def test_a_server_that_answers_nothing_is_asked_less_and_less_often(server):
    server.hangs_up = True
    with connect(server.url, first_delay=0.01, longest_delay=5.0):
        time.sleep(0.7)
    assert 2 <= len(server.headers) <= 12  # Delays from 0.01 s sum up to 0.7 s in the seventh.


def test_no_server_is_an_error(server):
    server.kill()
    with pytest.raises(UserError, match=f"{server.port}"):
        connect(server.url, wait=0.1, **FAST)
    assert "dfplan-client" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("variable", [True, False])
def test_the_key_is_sent(server, monkeypatch, variable):
    server.required_key = "Api-Key secret"
    monkeypatch.setenv("DFPLAN_API_KEY", "secret" if variable else "other")
    with connect(server.url, api_key=None if variable else "secret", **FAST) as agent:
        assert act(agent, 0) == (0, 0)


def test_a_wrong_key_is_an_error_at_once(server):
    server.required_key = "Api-Key secret"
    with pytest.raises(UserError, match="401"):
        connect(server.url, api_key="guess", wait=30.0, **FAST)
    assert len(server.headers) == 1


@pytest.mark.parametrize(
    ("url", "full"),
    [
        ("robot", "ws://robot:8000"),
        ("robot:9", "ws://robot:9"),
        ("ws://robot:9/path", "ws://robot:9/path"),
        ("wss://robot", "wss://robot"),
        ("[::1]", "ws://[::1]:8000"),
        ("[::1]:9", "ws://[::1]:9"),
        ("robot/path", "ws://robot:8000/path"),
        ("robot:9/path", "ws://robot:9/path"),
    ],
)
def test_a_host_is_enough_of_a_url(url, full):
    assert as_url(url) == full


@pytest.mark.parametrize(
    "url", ["", ":9", "http://robot:9", "robot:0", "robot:99999", "robot:x", "::1", "ws://"]
)
def test_other_addresses_are_refused_at_once(url):
    with pytest.raises(UserError, match=repr(url)):
        connect(url, wait=30.0)


def test_a_key_that_no_header_holds_is_refused_without_showing_it(server, caplog):
    with pytest.raises(UserError, match="api_key") as error:
        connect(server.url, api_key="secret\n", wait=30.0, **FAST)
    assert "secret" not in str(error.value) + caplog.text
