"""Several processes that train one run: process 0 leads, and writes the run's files."""

import atexit
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import TypeVar

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils

from dfplan.types import UserError, one_line
from dfplan.util.interrupts import deadly_signals

T = TypeVar("T")

LAUNCHERS = {"SLURM_STEP_NUM_TASKS": "slurm", "OMPI_COMM_WORLD_SIZE": "ompi"}
"""JAX's name of each launcher, by the environment variable with its number of processes."""
PATIENCE_S = 7 * 24 * 3600
"""Longest time for which the others wait while process 0 prepares a run."""
HEARTBEAT_S = 20
"""Time without a sign of life after which a process counts as dead; JAX's own is 100 s.

Signs are sent by a thread of their own, also while a process computes.
"""
LOST = 2
"""Exit code of a process that has lost another one, that of a `UserError`."""
MESSAGE_BYTES = 4096
MAX_PORT = 65535
OUT_OF_MEMORY = "RESOURCE_EXHAUSTED"
OPTIONS = ("coordinator-address", "num-processes", "process-id")


def join(address: str | None, count: int | None, index: int | None) -> None:
    """Join the other processes; must precede all other use of JAX.

    Without arguments, processes that `srun` or Open MPI started find each other, and any other
    process stays alone.

    Args:
        address: Host and port of process 0, such as "node1:1234".
        count: Number of processes.
        index: Number of this process, from 0.

    Raises:
        UserError: If some arguments are missing or out of range, or the others cannot be reached.
    """
    values = dict(zip(OPTIONS, (address, count, index), strict=True))
    missing = [f"--{name}" for name, value in values.items() if value is None]
    if len(missing) == len(values):
        launcher = _launcher()
        if launcher:
            _initialize(cluster_detection_method=launcher)
        return
    if missing:
        raise UserError(f"{', '.join(missing)} missing: several processes need all three options")
    assert address is not None and count is not None and index is not None
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) <= MAX_PORT:
        raise UserError(
            f"--coordinator-address {address!r} is not an address; valid: HOST:PORT, with a port "
            f"from 1 to {MAX_PORT}"
        )
    if count < 1:
        raise UserError(f"--num-processes must be at least 1, got {count}")
    if not 0 <= index < count:
        raise UserError(f"--process-id {index} is out of range; valid: 0 to {count - 1}")
    _initialize(coordinator_address=address, num_processes=count, process_id=index)


def is_leader() -> bool:
    """Return whether this is process 0, which writes all files but its part of checkpoints."""
    # A process that is alone need not start JAX's devices to know.
    return not jax.distributed.is_initialized() or jax.process_index() == 0


def from_leader(action: Callable[[], str]) -> str:
    """Run an action on process 0 alone, and return its result on all; all of them call this.

    Raises:
        UserError: On the other processes, if the action fails.
    """
    if jax.process_count() == 1:
        return action()
    reply: dict[str, str] = {}
    failure = None
    if is_leader():
        try:
            reply["value"] = action()
        except BaseException as error:
            reply["error"] = one_line(error)
            failure = error
    with others_needed():
        # A barrier first, as it waits as long as needed and a collective does not.
        with _interruptible_wait():
            ocp.multihost.get_barrier_sync_fn()(key="dfplan", timeout_ms=PATIENCE_S * 1000)
        reply = _broadcast(reply)
    if failure is not None:
        raise failure
    if "error" in reply:
        raise UserError(f"process 0 has failed: {reply['error']}")
    return reply["value"]


def lead(action: Callable[[], T]) -> T | None:
    """Run an action on process 0 alone while the others wait; return its result there.

    Raises:
        UserError: On the other processes, if the action fails.
    """
    results: list[T] = []

    def run() -> str:
        results.append(action())
        return ""

    from_leader(run)
    return results[0] if results else None


def largest(number: int) -> int:
    """Return the largest number that any process passes; all of them call this."""
    if jax.process_count() == 1:
        return number
    return int(np.max(multihost_utils.process_allgather(np.int32(number))))


@contextlib.contextmanager
def others_needed() -> Iterator[None]:
    """Explain the error of a collective that the other processes have not completed.

    Raises:
        UserError: If another process has ended, or cannot be reached.
    """
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if jax.process_count() == 1 or OUT_OF_MEMORY in str(error):
            raise
        atexit.register(_leave_at_once)
        raise UserError(
            f"another process has ended or cannot be reached ({one_line(error)}); "
            "see its own message, and resume with all processes"
        ) from error


@contextlib.contextmanager
def _interruptible_wait() -> Iterator[None]:
    """Let signals end a process that waits for process 0, which has begun nothing yet."""
    if is_leader():
        yield
        return
    with deadly_signals():
        yield


def _leave_at_once() -> None:
    """End this process, which has lost another one, before JAX waits for that one at exit."""
    if jax.distributed.is_initialized():
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(LOST)


def _launcher() -> str | None:
    """Return the launcher that has started several processes, if one has."""
    for variable, name in LAUNCHERS.items():
        if os.environ.get(variable, "").isdecimal() and int(os.environ[variable]) > 1:
            return name
    return None


def _initialize(**options: object) -> None:
    if jax.config.values["jax_cpu_collectives_implementation"] is None:
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
    try:
        with deadly_signals():  # it may wait for minutes, and nothing has been begun
            jax.distributed.initialize(heartbeat_timeout_seconds=HEARTBEAT_S, **options)  # pyright: ignore[reportArgumentType]
    except (RuntimeError, ValueError) as error:
        raise UserError(f"the processes cannot reach each other: {one_line(error)}") from error
    except KeyError as error:  # of JAX's detection, such as under Open MPI 5
        raise UserError(
            f"the launcher has not set {error.args[0]}, by which JAX finds the other processes; "
            f"give each process {', '.join(f'--{name}' for name in OPTIONS)}"
        ) from error


def _broadcast(message: dict[str, str]) -> dict[str, str]:
    text = json.dumps(message).encode()
    if len(text) > MESSAGE_BYTES:
        text = json.dumps({"error": "see its own message"}).encode()
    buffer = np.zeros(MESSAGE_BYTES, np.uint8)
    buffer[: len(text)] = np.frombuffer(text, np.uint8)
    received = np.asarray(multihost_utils.broadcast_one_to_all(buffer), np.uint8)
    return json.loads(received.tobytes().rstrip(b"\0"))
