"""RemoteAgent: the planner of a policy server as a policy, with `reset` and `act`."""

import time
from collections.abc import Mapping
from concurrent import futures
from typing import Any, NamedTuple

import numpy as np

from dfplan.client.chunk import Chunk, read_actions
from dfplan.client.config import ClientConfig
from dfplan.client.link import Link, LinkError
from dfplan.client.request import make_request
from dfplan.types import UserError, one_line


class Status(NamedTuple):
    """State of a remote agent.

    Attributes:
        connected: Whether the connection to the server is open.
        chunk_age: Control steps since the observation that the current chunk of actions answers; -1
            without a chunk.
        falls_back: Whether the last action was a fallback, because no chunk arrived in time.
        fallbacks: Number of such actions so far.
        connections: Number of connections opened so far.
        error: Last error of the server or the connection, one line; empty before the first one.
    """

    connected: bool
    chunk_age: int
    falls_back: bool
    fallbacks: int
    connections: int
    error: str


class RemoteAgent:
    """Acts in one environment by chunks of actions that a server sends.

    Between chunks it needs no server. If the connection is lost, it reconnects in the background,
    and the robot falls back (`ClientConfig.fallback`) until new actions arrive. A lost server or a
    refused observation raises an error only before the first action: later, an exception would end
    the control loop of a robot in motion. `status` and the logger `dfplan.client` report what
    happened.

    `act` and `reset` are for one thread; `close` and `status` for any. One agent is one connection
    and one robot.

    Args:
        link: Connection to the server; the agent closes it.
        config: Settings.
    """

    def __init__(self, link: Link, config: ClientConfig):
        self.config = config
        self._link = link
        self._seed: int | None = None
        self._step = 0
        self._chunk: Chunk | None = None
        self._pending: _Pending | None = None
        self._answered: _Pending | None = None
        self._last_action: np.ndarray | None = None
        self._falls_back = False
        self._fallbacks = 0

    def __enter__(self) -> "RemoteAgent":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What the server last said about itself when the connection was opened."""
        return self._link.state.metadata

    @property
    def status(self) -> Status:
        """State of the connection and of the chunk of actions."""
        link = self._link.state
        chunk = self._chunk
        return Status(
            connected=link.connected,
            chunk_age=-1 if chunk is None else max(self._step - 1, 0) - chunk.observed,
            falls_back=self._falls_back,
            fallbacks=self._fallbacks,
            connections=link.opened,
            error=link.error,
        )

    def reset(self, *, seed: int | None = None) -> None:
        """Begin a new episode: drop the chunk of actions; the next request tells the server.

        Args:
            seed: Seed of the plans, for dfplan servers; None leaves it to the server.
        """
        self._seed = seed
        self._step = 0
        self._chunk = None
        self._pending = None
        self._answered = None

    def act(self, observation: Any, goal: Any = None) -> np.ndarray:
        """Return the action for an observation; request a chunk of actions if one is due.

        Args:
            observation: Observation as the environment returns it, a mapping or an array.
            goal: Goal `[G]` instead of the observation's own, for dfplan servers.

        Raises:
            UserError: If the observation cannot be sent, the agent is closed, or the first chunk of
                actions does not come: the server is lost, refuses the observation, or answers with
                fewer actions than `execute + lead`.
        """
        if self._link.state.stopped:
            raise UserError("the client is closed")
        step = self._step
        self._step += 1
        self._take_reply(step)
        self._ask(step, observation, goal)
        self._wait(step)
        action = self._choose(step)
        self._last_action = action
        return action.copy()

    def close(self) -> None:
        """Close the connection; a second call does nothing."""
        self._link.close()

    def wait_connected(self, wait: float) -> None:
        """Wait until the server is connected.

        Args:
            wait: Longest time to wait, seconds.

        Raises:
            UserError: If it is not connected by then, or the server refuses it.
        """
        state = self._link.wait_connected(wait)
        if not state.connected:
            reason = state.error or f"no answer within {wait:g} s"
            raise UserError(f"no policy server at {self._link.url}: {reason}")

    def _is_due(self, step: int) -> bool:
        return self._chunk is None or self._chunk.is_due(step, self.config.execute)

    def _ask(self, step: int, observation: Any, goal: Any) -> None:
        """Request the next chunk if it is time to, and the server is connected."""
        if self._pending is not None or not self._is_due(step + self.config.lead):
            return
        if self._last_action is None:  # Nothing moves yet.
            self.wait_connected(self.config.timeout)
        link = self._link.state
        if not link.connected:
            return
        last = self._answered
        is_new = last is None or last.connection != link.opened
        request = make_request(
            observation,
            goal=goal,
            starts=is_new,
            seed=self._seed,
            executed=0 if last is None else step - last.step,
            horizon=self.config.horizon,
            metadata=link.metadata,
        )
        self._pending = _Pending(self._link.ask(request), step, time.monotonic(), link.opened)

    def _wait(self, step: int) -> None:
        """Wait for a reply if there is no action without it, at most until it is overdue."""
        pending = self._pending
        if pending is None or not self._is_due(step):
            return
        has_action = self._chunk is not None and self._chunk.covers(step)
        if self.config.lead and has_action:
            return
        limit = self.config.timeout if self._last_action is None else self.config.deadline
        left = pending.time + limit - time.monotonic()
        futures.wait([pending.reply], timeout=max(left, 0.0))
        self._take_reply(step)

    def _take_reply(self, step: int) -> None:
        """Switch to the requested chunk if it is due and has arrived."""
        pending = self._pending
        if pending is None or not pending.reply.done():
            return
        if not self._is_due(step) and pending.reply.exception() is None:
            return
        self._pending = None
        try:
            reply = pending.reply.result()
            self._answered = pending
            actions = read_actions(reply)
            self._check(actions)
        except (LinkError, ValueError) as error:
            self._link.report(one_line(error))
            return
        self._chunk = Chunk(actions, observed=pending.step, entered=step)

    def _check(self, actions: np.ndarray) -> None:
        """Raise a `ValueError` if the settings do not fit the server's actions."""
        needed = self.config.execute + self.config.lead
        if len(actions) < needed:
            raise ValueError(f"{len(actions)} actions; needed: execute + lead = {needed}")
        hold = self.config.hold
        if not isinstance(hold, str) and len(hold) != actions[0].size:
            raise ValueError(f"hold has {len(hold)} numbers; needed: {actions[0].size}")

    def _choose(self, step: int) -> np.ndarray:
        """Return the chunk's action, or the fallback's."""
        chunk = self._chunk
        if chunk is not None and not chunk.covers(step):
            chunk = None
        falls_back = chunk is None or (self._is_due(step) and not self._is_reply_near())
        if chunk is None or (falls_back and self.config.fallback == "hold"):
            action = self._hold()
        else:
            action = chunk.action(step)
        self._falls_back = falls_back
        self._fallbacks += falls_back
        return action

    def _is_reply_near(self) -> bool:
        """Return whether a chunk has been requested and is not overdue."""
        pending = self._pending
        return pending is not None and time.monotonic() < pending.time + self.config.deadline

    def _hold(self) -> np.ndarray:
        if self._last_action is None:
            reason = self.status.error or f"no reply within {self.config.timeout:g} s"
            raise UserError(f"no first action from {self._link.url}: {reason}")
        if self.config.hold == "last":
            return self._last_action
        if self.config.hold == "zero":
            return np.zeros_like(self._last_action)
        held = np.asarray(self.config.hold, self._last_action.dtype)
        return held.reshape(self._last_action.shape)


class _Pending(NamedTuple):
    """A request for a chunk of actions whose reply has not been used yet.

    Attributes:
        reply: Future reply.
        step: Control step of the observation.
        time: When it was sent, as `time.monotonic()`.
        connection: Number of the connection.
    """

    reply: "futures.Future[Any]"
    step: int
    time: float
    connection: int
