"""Settings of a client."""

import dataclasses
from collections.abc import Iterator, Sequence
from random import Random

from dfplan.types import UserError, check_choice
from dfplan.util.validate import MAX_INTEGER, check_integers, check_numbers, is_number

FALLBACKS = ("hold", "continue")
HOLDS = ("zero", "last")
MAX_SECONDS = 3600.0


@dataclasses.dataclass(frozen=True)
class ClientConfig:
    """When a client requests actions, how long it waits, and what it does without a server.

    Attributes:
        execute: Control steps to execute from each chunk of actions before the next one is due. 1
            requests one at every step.
        lead: Control steps by which a chunk is requested before it is due; at most `execute`. 0
            requests it when it is due, and `act` waits for it. Otherwise `act` waits only if the
            last chunk has no action left, and the new chunk is followed from its action for the
            current control step.
        fallback: What to do if no chunk arrives in time. "hold" holds at once; "continue" continues
            along the last chunk to its end, then holds.
        hold: Action that holds: "zero", for forces, velocities and displacements; "last", the last
            action executed, for position targets; or the numbers of an action.
        deadline: Seconds after a request at which a missing chunk makes the robot fall back; the
            longest time that `act` waits once the robot has moved.
        timeout: Seconds without a reply after which the connection is closed and opened again; the
            longest time that `act` waits for the first action.
        connect_timeout: Seconds that one attempt to connect may take.
        first_delay: Seconds before the first attempt to reconnect; each attempt doubles it.
        longest_delay: Longest delay between attempts, seconds.

    Raises:
        UserError: If a setting is out of range.
    """

    execute: int = 1
    lead: int = 0
    fallback: str = "hold"
    hold: str | Sequence[float] = "zero"
    deadline: float = 1.0
    timeout: float = 10.0
    connect_timeout: float = 10.0
    first_delay: float = 0.1
    longest_delay: float = 5.0

    def __post_init__(self) -> None:
        check_integers(self, "", 1, ["execute"])
        check_integers(self, "", 0, ["lead"], maximum=min(self.execute, MAX_INTEGER))
        check_choice("fallback", self.fallback, FALLBACKS)
        _check_hold(self.hold)
        if not isinstance(self.hold, str):
            object.__setattr__(self, "hold", tuple(self.hold))
        names = ["timeout", "connect_timeout", "first_delay", "longest_delay"]
        check_numbers(self, "", names, high=MAX_SECONDS, open_low=True)
        check_numbers(self, "", ["deadline"], high=self.timeout, open_low=True)

    @property
    def horizon(self) -> int | None:
        """Actions to request, if the server lets robots choose; None requests all.

        Shorter chunks take the server less time. Twice the number that is needed in time leaves
        actions for chunks that arrive late, which are followed from a later action.
        """
        return None if self.fallback == "continue" else 2 * (self.execute + self.lead)


def _check_hold(hold: str | Sequence[float]) -> None:
    if isinstance(hold, str):
        check_choice("hold", hold, HOLDS)
    elif not isinstance(hold, Sequence) or not hold or not all(is_number(x) for x in hold):
        raise UserError(f"hold must be zero, last, or the numbers of an action, got {hold!r}")


def retry_delays(first: float, longest: float, random: Random) -> Iterator[float]:
    """Yield seconds to wait before each attempt: growing exponentially, with jitter.

    Half of each delay is random, so that robots that lost the same server do not return at the same
    instant.

    Args:
        first: First delay before jitter, seconds.
        longest: Longest delay, seconds.
        random: Source of the jitter.
    """
    delay = min(first, longest)
    while True:
        yield delay * random.uniform(0.5, 1.0)
        delay = min(2 * delay, longest)
