"""Settings of a policy server: how robots are served, and what they may ask for."""

import dataclasses

from dfplan.util.validate import check_integers, check_numbers, invalid

MAX_SECONDS = 1e6
MAX_COUNT = 100_000


@dataclasses.dataclass(frozen=True)
class RobotSettings:
    """What every robot gets.

    Attributes:
        action_horizon: Actions per reply; 0 for the planner's `replan_every`.
        execution_horizon: Actions of a chunk that robots execute before the next request, if the
            request does not tell (`executed`).
        seed: Seed of the first connection's plans; each new connection gets the next one.
        control_hz: Control steps per second, which the metadata tell robots; 0 if unknown.

    Raises:
        UserError: If a value is out of range.
    """

    action_horizon: int = 0
    execution_horizon: int = 1
    seed: int = 0
    control_hz: float = 0.0

    def __post_init__(self):
        check_integers(self, "robots.", minimum=0, names=["action_horizon"], maximum=1000)
        check_integers(self, "robots.", minimum=1, names=["execution_horizon"], maximum=1000)
        check_integers(self, "robots.", minimum=0, names=["seed"], maximum=2**32 - 1)
        check_numbers(self, "robots.", ["control_hz"], high=1e6)


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits that keep one client from affecting the others.

    Attributes:
        connections: Robots that may be connected at once.
        waiting: Requests that may wait or be computed at once; more are refused.
        message_bytes: Largest message of a robot.
        idle_seconds: Seconds after which a connection without a request, or whose reply nobody
            reads, is closed.
        drain_seconds: Seconds that running requests get when the server stops.

    Raises:
        UserError: If a value is out of range.
    """

    connections: int = 128
    waiting: int = 128
    message_bytes: int = 2**20
    idle_seconds: float = 300.0
    drain_seconds: float = 10.0

    def __post_init__(self):
        names = ["connections", "waiting"]
        check_integers(self, "limits.", minimum=1, names=names, maximum=MAX_COUNT)
        check_integers(self, "limits.", minimum=1024, names=["message_bytes"], maximum=2**30)
        names = ["idle_seconds", "drain_seconds"]
        check_numbers(self, "limits.", names, high=MAX_SECONDS, open_low=True)


@dataclasses.dataclass(frozen=True)
class BatchSettings:
    """How the plans of several robots share the machine.

    Attributes:
        size: Largest number of plans in a batch, a power of two; 0 chooses 64, or 1 on a CPU, which
            makes each plan with a program of its own, so that batches are no faster.
        wait_ms: Time that a plan waits for others to join its batch, in milliseconds.

    Raises:
        UserError: If a value is out of range.
    """

    size: int = 0
    wait_ms: float = 2.0

    def __post_init__(self):
        check_integers(self, "batch.", minimum=0, names=["size"], maximum=4096)
        if self.size & (self.size - 1):
            raise invalid("batch.size", self.size, "0 or a power of two up to 4096")
        check_numbers(self, "batch.", ["wait_ms"], high=1000.0)
