"""The serving experiment: robots at a fixed rate, faults on the wire, and the tables."""

import asyncio
import json
import os
import shutil
import time

import numpy as np
import pytest

from dfplan.control.chunk import Chunk
from experiments.serving import alone, faulty, robots, run, score, table, usage
from experiments.serving.faults import _phase
from experiments.serving.load import summarize
from experiments.serving.robots import PERIOD, Robot, Ticks, Timings
from experiments.serving.study import HERE, Study
from tests.client.stub import StubServer

LENGTH = 5


class CountingEnv:
    """Observes how many steps were taken; an episode ends after five."""

    def reset(self, seed):
        self.seed = seed
        self.steps = 0
        return self._observation(), {}

    def step(self, action):
        self.steps += 1
        return self._observation(), 0.0, False, self.steps == LENGTH, {}

    def _observation(self):
        return {"observation": np.array([self.steps, 0.0])}


@pytest.fixture
def server():
    server = StubServer()
    yield server
    server.kill()


def test_a_robot_executes_part_of_each_chunk_and_announces_its_episodes():
    robot = Robot(CountingEnv(), execute=2, seed=3)
    requests = []
    for _ in range(5):
        requests.append(robot.request())
        robot.execute(np.zeros((8, 1)))
    assert [request["observation"][0] for request in requests] == [0, 2, 4, 0, 2]
    extras = [{k: v for k, v in r.items() if k != "observation"} for r in requests]
    begin = {"reset": True, "seed": 3}
    later = {"executed": 2}
    assert extras == [begin, later, later, {"reset": True, "seed": 1003}, later]
    robot.reconnected()
    assert robot.request()["reset"]


def test_times_that_have_passed_are_skipped_and_counted():
    ticks = Ticks(10.0)
    assert ticks.take(9.0) == (10.0, 0)
    assert ticks.take(10.0) == (pytest.approx(10.0 + PERIOD), 0)
    assert ticks.take(10.0 + 2.5 * PERIOD) == (pytest.approx(10.0 + 2 * PERIOD), 0)
    assert ticks.take(10.0 + 6.5 * PERIOD) == (pytest.approx(10.0 + 6 * PERIOD), 3)
    assert ticks.take(10.0 + 6.6 * PERIOD) == (pytest.approx(10.0 + 7 * PERIOD), 0)


def test_robots_ask_at_their_rate_and_come_back_after_an_error(server, monkeypatch):
    monkeypatch.setattr(robots, "RETRY_SECONDS", 0.01)
    answered = server.policy

    def refuse_once(request):
        server.policy = answered
        return "no"

    server.policy = refuse_once
    fleet = [Robot(CountingEnv(), execute=1, seed=i) for i in range(2)]
    timings = asyncio.run(robots.drive_all(fleet, server.url, time.monotonic(), 0.55))
    for robot in timings:
        assert robot.ms and len(robot.ms) + sum(robot.missed) <= 6
    assert sorted(len(robot.errors) for robot in timings) == [0, 1]


def timings(ms, begin=None, missed=None):
    begin = list(np.arange(len(ms)) * 1.0) if begin is None else begin
    return Timings(begin, ms, missed or [0] * len(ms), [])


def test_latencies_leave_out_the_first_seconds_and_count_missed_periods():
    summary = summarize([timings([900, 900, 900, 1, 3], missed=[9, 9, 9, 0, 2]), timings([5] * 4)])
    assert summary["requests"] == 3 and summary["missed"] == 2 / 5
    assert summary["p50_ms"] == 3 and summary["max_ms"] == 5
    assert summary["per_robot_p99_ms"] == [pytest.approx(2.98), 5]


def test_phases_are_told_apart_by_the_time_of_the_request():
    phase = _phase([timings([1, 2, 3, 4]), timings([7])], 1.0, 3.0)
    assert phase["requests"] == 2 and phase["per_robot_p50_ms"] == [2.5, None]


def test_a_robot_of_its_own_process_asks_as_the_server_does():
    class Agent:
        def __init__(self):
            self.calls = []

        def reset(self, seed):
            self.calls.append(seed)

        def act_chunk(self, observation, *, length, executed):
            self.calls.append((sorted(observation), length, executed))
            return Chunk(np.zeros((length, 1)), np.zeros((length, 2)))

    agent = Agent()
    robot = Robot(CountingEnv(), execute=2, seed=3)
    result = alone.measure(agent, robot, 2, seconds=2.5 * PERIOD)
    assert agent.calls[:3] == [3, (["observation"], 2, 1), (["observation"], 2, 2)]
    assert len(result["ms"]) == len(result["begin"]) >= 2
    json.dumps(result)


ANSWERS = {
    "killed": (1, "nothing"),
    "half frame": (0, "nothing"),
    "slow sender": (1, "nothing"),
    "nan": (1, "error text, close 1011"),
    "wrong shape": (1, "error text, close 1011"),
    "missing key": (1, "error text, close 1011"),
    "huge numbers": (1, "error text, close 1011"),
    "oversize": (0, "close 1009"),
    "lying array": (0, "close 1011"),
    "objects": (0, "close 1011"),
    "garbage": (0, "close 1011"),
    "text frame": (0, "close 1011"),
    "flood": (100, "nothing"),
    "no request": (0, "nothing"),
}


def test_every_fault_has_an_expected_answer():
    assert set(ANSWERS) == set(faulty.FAULTS)


@pytest.mark.parametrize(("kind", "requests", "answer"), [(k, *v) for k, v in ANSWERS.items()])
def test_a_fault_does_to_the_wire_what_it_says(server, monkeypatch, kind, requests, answer):
    monkeypatch.setattr(faulty, "HOLD_SECONDS", 0.1)
    monkeypatch.setattr(faulty, "DROP_SECONDS", 0.0)
    monkeypatch.setattr(faulty, "OVERSIZE", 2**20)
    server.policy = strict
    request = {"observation": np.zeros(4)}
    words = asyncio.run(faulty._answer_to(server.url, kind, request))
    server.kill()
    assert len(server.requests) == requests
    assert words.startswith(answer)


def strict(request):
    """Refuse an invalid observation."""
    observation = request.get("observation")
    good = observation is not None and observation.shape == (4,) and np.abs(observation).max() < 9
    return {"actions": np.zeros((1, 2))} if good else "bad observation"


def test_faults_are_injected_in_turn_and_counted(server, monkeypatch):
    monkeypatch.setattr(faulty, "HOLD_SECONDS", 0.01)
    monkeypatch.setattr(faulty, "PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(faulty, "PATIENCE_SECONDS", 0.5)
    quick = {kind: faulty.FAULTS[kind] for kind in ("killed", "nan")}
    monkeypatch.setattr(faulty, "FAULTS", quick)
    server.policy = strict
    answers = asyncio.run(faulty.inject(server.url, {"observation": np.zeros(4)}, 0.3))
    assert set(answers) == {"killed", "nan", faulty.NO_HANDSHAKE}
    assert set(answers["nan"]) == {"error text, close 1011"}
    assert set(answers[faulty.NO_HANDSHAKE]) == {"no answer within 0 s"}


def test_robots_of_a_batch_ask_with_their_seeds_until_their_episodes_end(monkeypatch):
    class Client:
        def __init__(self, port, execute):
            self.requests = []

        def reset(self):
            pass

        def infer(self, request):
            self.requests.append(request)
            return {"actions": np.array([request["observation"], 0.0])}

    monkeypatch.setattr(score, "make_client", Client)
    batch = score.RemoteBatch(0, execute=1)
    batch.reset(seed=[5, 6, 7])
    observation = {"observation": np.arange(3)}
    first = batch.act(observation)
    np.testing.assert_array_equal(first[:, 0], [0, 1, 2])
    later = batch.act(observation, episode_over=np.array([True, False, True]))
    assert later.shape == (3, 2) and later[1, 0] == 1
    requests = [len(robot.requests) for robot in batch._robots]
    assert requests == [1, 2, 1]
    assert batch._robots[1].requests == [
        {"observation": 1, "reset": True, "seed": 6},
        {"observation": 1, "executed": 1},
    ]


def test_openpis_broker_executes_the_chunks(server):
    pytest.importorskip("openpi_client")
    client = score.make_client(server.port, execute=3)
    actions = [client.infer({"observation": np.array([i])})["actions"] for i in range(4)]
    np.testing.assert_array_equal(actions, [[0, 1], [0, 2], [0, 3], [3, 1]])


SCORE = {"mean": 680.63, "ci_low": 670.0, "ci_high": 690.0}
LOAD = {
    "requests": 100,
    "errors": 0,
    "missed": 0.015,
    "p50_ms": 2.5,
    "p99_ms": 7.25,
    "max_ms": 9.0,
    "per_robot_p99_ms": [7.0],
    "cores": 0.25,
    "robots_cores": 0.1,
    "other_cores": 0.05,
    "memory_mb": 1234.5,
}
PHASE = {
    "seconds": 1200.0,
    "requests": 768_000,
    "missed": 0.0,
    "p50_ms": 2.5,
    "p99_ms": 7.25,
    "max_ms": 9.0,
    "per_robot_p50_ms": [2.0, 3.0, 4.0],
    "per_robot_p99_ms": [6.0, 8.0, 7.0],
}


def test_the_pages_tables_and_figure_come_from_the_results(tmp_path):
    study = Study(robots=(1, 64), execute=(1, 10)).dry_run(tmp_path)
    records = {
        "score-eval": {"metrics": dict.fromkeys(score.METRICS, SCORE), "returns": [1.0, 2.0]},
        "score-server-1": {"metrics": dict.fromkeys(score.METRICS, SCORE), "returns": [1.0, 3.0]},
        "load-server-1-1": LOAD,
        "load-processes-1-64": {"left_out": "memory", "needed_mb": 30_000.0},
        "faults": {
            "request": {"robots": 64},
            "calm": PHASE,
            "faults": PHASE,
            "errors": [],
            "answers": {"nan": {"error text, close 1011": 40}},
        },
    }
    records["restarts"] = {
        "request": {"kills": 2},
        "connections": 3,
        "steps": 2000,
        "fallbacks": 500,
        "act_p50_ms": 0.5,
        "act_p99_ms": 1.5,
        "act_max_ms": 20.0,
        "downtime_seconds": [4.0, 6.0],
    }
    for name, record in records.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(record))
    shutil.copy(HERE / "README.md", tmp_path / "README.md")
    table.write_table(study)
    text = (tmp_path / "pages" / "README.md").read_text()
    assert "| openpi's client, 1 of each chunk | 2 | 680.63 (670.00 to 690.00) |" in text
    assert "| 50% |" in text
    assert "| 1 | 1 | one server | 2.5 | 7.2 | 1.5 | 0 | 0.25 | 1,234 | 0.05 |" in text
    assert "| 1 | 64 | a process per robot | – | – | – | – | – | needs 30,000 | – |" in text
    assert "| with faults | 64 | 20.0 | 768,000 | 2.5 | 7.2 | 0.0 | 7.0 | 8.0 |" in text
    assert "| nan | 40 | error text, close 1011 (40) |" in text
    assert "| control steps that fell back, % | 25.0 |" in text
    assert "| longest time without a server, s | 6.0 |" in text
    assert (tmp_path / "pages" / "latency.png").stat().st_size > 10_000


def test_an_unknown_stage_is_a_usage_error(capsys):
    assert run.main(["sing"]) == 2
    assert "score, load, faults, restarts, table" in capsys.readouterr().err


def test_the_use_of_this_process_is_measured():
    pid = os.getpid()
    before = usage.cpu_seconds(pid)
    busy = usage.busy_seconds()
    own = time.process_time()
    while time.process_time() < own + 0.2:
        pass
    assert 0.15 < usage.cpu_seconds(pid) - before < 5
    assert usage.busy_seconds() - busy > 0.15
    one = usage.memory_mb([pid])
    assert one > 20 and 1.9 * one < usage.memory_mb([pid, pid]) < 2.1 * one
    assert one < usage.free_mb() * 1000
