"""Several processes: how they find each other, and how process 0 leads."""

import contextlib
import signal

import jax
import pytest

from dfplan.types import UserError
from dfplan.util import processes


@pytest.fixture
def joined(monkeypatch):
    """The arguments with which JAX would connect to other processes."""
    calls = []
    monkeypatch.setattr(processes, "_initialize", lambda **options: calls.append(options))
    for variable in processes.LAUNCHERS:
        monkeypatch.delenv(variable, raising=False)
    return calls


@pytest.fixture
def group(monkeypatch):
    """Two processes, one after the other: what the first one broadcasts reaches the second."""
    message = {}

    def broadcast(reply):
        message.update(reply)
        return dict(message)

    def become(index):
        monkeypatch.setattr(jax, "process_index", lambda: index)

    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(jax.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(processes.ocp.multihost, "get_barrier_sync_fn", lambda: lambda **_: None)
    monkeypatch.setattr(processes, "_broadcast", broadcast)
    return become


@pytest.mark.parametrize(
    ("variables", "launcher"),
    [
        ({}, None),
        ({"SLURM_STEP_NUM_TASKS": "4"}, "slurm"),
        ({"SLURM_STEP_NUM_TASKS": "1"}, None),
        ({"SLURM_NTASKS": "4"}, None),  # an allocation, but not a process that srun has started
        ({"OMPI_COMM_WORLD_SIZE": "2"}, "ompi"),
    ],
)
def test_launchers_are_detected(joined, monkeypatch, variables, launcher):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    processes.join(None, None, None)
    assert joined == ([{"cluster_detection_method": launcher}] if launcher else [])


def test_options_precede_the_launcher(joined, monkeypatch):
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    processes.join("node:1", 2, 1)
    assert joined == [{"coordinator_address": "node:1", "num_processes": 2, "process_id": 1}]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((None, 2, None), ["--coordinator-address, --process-id"]),
        (("node", 2, 0), ["'node'", "HOST:PORT"]),
        ((":1", 2, 0), ["':1'", "HOST:PORT"]),
        (("node:x", 2, 0), ["'node:x'", "HOST:PORT"]),
        (("node:99999", 1, 0), ["'node:99999'", "65535"]),
        (("node:1", 0, 0), ["--num-processes", "got 0"]),
        (("node:1", 2, 2), ["--process-id 2", "0 to 1"]),
        (("node:1", 2, -1), ["--process-id -1", "0 to 1"]),
    ],
)
def test_arguments_that_do_not_fit(joined, arguments, words):
    with pytest.raises(UserError) as error:
        processes.join(*arguments)
    assert all(word in str(error.value) for word in words) and not joined


def test_the_leader_acts_and_the_others_get_its_result(group):
    acted = []

    def act():
        acted.append(jax.process_index())
        return "path"

    for index in range(2):
        group(index)
        assert processes.from_leader(act) == "path"
    assert acted == [0]


def test_an_error_of_the_leader_ends_all(group):
    def fail():
        raise KeyboardInterrupt("stop\nhere")

    group(0)
    with pytest.raises(KeyboardInterrupt):
        processes.from_leader(fail)
    group(1)
    with pytest.raises(UserError, match=r"process 0 has failed: .*stop") as error:
        processes.from_leader(fail)
    assert "\n" not in str(error.value)


def test_only_the_leader_has_a_result_that_is_no_text(group):
    results = []
    for index in range(2):
        group(index)
        results.append(processes.lead(lambda: contextlib.nullcontext))
    assert results == [contextlib.nullcontext, None]


def test_one_process_needs_no_others(monkeypatch):
    monkeypatch.setattr(processes, "_broadcast", None)
    assert jax.process_count() == 1 and processes.is_leader()
    assert processes.from_leader(lambda: "x") == "x" and processes.lead(lambda: 3) == 3
    assert processes.largest(7) == 7


@pytest.mark.parametrize(
    ("count", "text", "expected"),
    [
        (2, "Gloo all-reduce failed: Connection reset by peer", UserError),
        (2, "RESOURCE_EXHAUSTED: Out of memory", jax.errors.JaxRuntimeError),
        (1, "INTERNAL", jax.errors.JaxRuntimeError),
    ],
)
def test_a_collective_without_the_others_is_one_readable_line(monkeypatch, count, text, expected):
    monkeypatch.setattr(jax, "process_count", lambda: count)
    with pytest.raises(expected, match=text) as error, processes.others_needed():
        raise jax.errors.JaxRuntimeError(text)
    assert "\n" not in str(error.value)


def test_a_process_that_has_lost_another_does_not_wait_for_it_at_exit(monkeypatch):
    codes = []
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(processes.atexit, "register", lambda leave: leave())
    monkeypatch.setattr(processes.os, "_exit", codes.append)
    for initialized, expected in ((False, []), (True, [2])):
        monkeypatch.setattr(jax.distributed, "is_initialized", [initialized].pop)
        with pytest.raises(UserError), processes.others_needed():
            raise jax.errors.JaxRuntimeError("Connection reset by peer")
        assert codes == expected


def test_ctrl_c_ends_the_wait_for_other_processes(monkeypatch, default_signals):
    handlers = []
    monkeypatch.setattr(jax.config, "update", lambda *_: None)
    monkeypatch.setattr(
        jax.distributed,
        "initialize",
        lambda **options: handlers.append(signal.getsignal(signal.SIGINT)),
    )
    processes.join("node:1", 2, 1)
    assert handlers == [signal.SIG_DFL]


def test_a_launcher_that_jax_does_not_know_is_named(monkeypatch):
    def initialize(**options):
        raise KeyError("OMPI_MCA_orte_hnp_uri")

    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    monkeypatch.setattr(jax.config, "update", lambda *_: None)
    monkeypatch.setattr(jax.distributed, "initialize", initialize)
    with pytest.raises(UserError, match=r"OMPI_MCA_orte_hnp_uri.*--process-id"):
        processes.join(None, None, None)


def test_a_dead_process_is_noticed_sooner_than_by_default(monkeypatch):
    options = {}
    monkeypatch.setattr(jax.config, "update", lambda *_: None)
    monkeypatch.setattr(jax.distributed, "initialize", lambda **kwargs: options.update(kwargs))
    processes.join("node:1", 2, 1)
    assert options["heartbeat_timeout_seconds"] <= 30


def test_ctrl_c_ends_a_process_that_waits_for_the_leader(group, monkeypatch, default_signals):
    handlers = []

    def wait(**_):
        handlers.append(signal.getsignal(signal.SIGINT))

    monkeypatch.setattr(processes.ocp.multihost, "get_barrier_sync_fn", lambda: wait)
    for index in range(2):
        group(index)
        processes.from_leader(lambda: "")
    assert handlers == [signal.default_int_handler, signal.SIG_DFL]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_leader_that_has_died_is_one_readable_line(group, monkeypatch):
    def lose(**_):
        raise jax.errors.JaxRuntimeError("task 0 is unhealthy")

    monkeypatch.setattr(processes.ocp.multihost, "get_barrier_sync_fn", lambda: lose)
    group(1)
    with pytest.raises(UserError, match=r"another process has ended .*task 0"):
        processes.from_leader(lambda: "")
