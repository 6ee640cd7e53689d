"""RemoteAgent: the planner of a policy server as a policy, with `reset` and `act`."""

import dataclasses
import os
import time
from collections.abc import Mapping
from concurrent import futures
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np

from dfplan.client.chunk import Chunk, read_actions
from dfplan.client.config import ClientConfig
from dfplan.client.link import Link, LinkError
from dfplan.client.request import make_request
from dfplan.types import UserError, check_choice, one_line
from dfplan.wire.api_key import check_api_key
from dfplan.wire.keys import API_KEY_VARIABLE, DEFAULT_PORT


class Status(NamedTuple):
    """State of a remote agent.

    Attributes:
        connected: Whether the connection to the server is open.
        chunk_age: Control steps since the observation that the present chunk of actions answers; -1
            without a chunk.
        falls_back: Whether the last action was a fall-back for want of a chunk in time.
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


def connect(
    url: str, *, api_key: str | None = None, wait: float = 10.0, **settings: Any
) -> "RemoteAgent":
    """Connect to a policy server: `dfplan serve`, or any other that speaks openpi's protocol.

        with connect("localhost:8000") as agent:
            observation, info = env.reset()
            done = False
            while not done:
                action = agent.act(observation)
                observation, reward, terminated, truncated, info = env.step(action)
                done = terminated or truncated

    Args:
        url: `HOST`, `HOST:PORT`, `ws://HOST:PORT` or `wss://HOST/PATH`; port 8000 by default.
        api_key: Key that the server asks for; by default, that of the environment variable
            DFPLAN_API_KEY, if it is set.
        wait: Longest time to wait for a server that does not run yet, seconds.
        **settings: Settings of `ClientConfig`, such as `execute=8, lead=2, fallback="continue"`.

    Returns:
        The agent.

    Raises:
        UserError: If a setting is unknown or out of range, the URL or the key is not valid, no
            server answers in time, the server refuses the key, or the packages of the extra `serve`
            are missing.
    """
    config = _config(settings)
    key = os.environ.get(API_KEY_VARIABLE, "") if api_key is None else api_key
    check_api_key("api_key", key)
    agent = RemoteAgent(Link(as_url(url), key, config), config)
    try:
        agent.wait_connected(wait)
    except BaseException:
        agent.close()
        raise
    return agent


def as_url(url: str) -> str:
    """Return the WebSocket URL of a server that may be named by its host alone.

    Raises:
        UserError: If it has another scheme, no host, or no valid port.
    """
    full = url if "://" in url else f"ws://{url}"
    try:
        parts = urlsplit(full)
        port = parts.port
    except ValueError as error:
        raise UserError(f"{url!r} is not the address of a server: {one_line(error)}") from error
    if parts.scheme not in ("ws", "wss") or not parts.hostname or port == 0:
        raise UserError(
            f"{url!r} is not the address of a server; valid: HOST, HOST:PORT, [IPv6]:PORT, "
            "ws://HOST:PORT, wss://HOST/PATH"
        )
    if port is None and full != url:
        return parts._replace(netloc=f"{parts.netloc}:{DEFAULT_PORT}").geturl()
    return full


class RemoteAgent:
    """Acts in one environment by chunks of actions that a server sends.

    Between chunks it needs no server. If one is lost, it connects again in the background, and the
    robot falls back (`ClientConfig.fallback`) until new actions arrive. A lost server or a refused
    observation raises an error only before the first action: later, an exception would end the
    control loop of a robot in motion. `status` and the log `dfplan.client` tell what happened.

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
        """Begin a new episode: drop the chunk of actions, and tell the server with the next one.

        Args:
            seed: Seed of the plans, for servers of dfplan; None leaves it to the server.
        """
        self._seed = seed
        self._step = 0
        self._chunk = None
        self._pending = None
        self._answered = None

    def act(self, observation: Any, goal: Any = None) -> np.ndarray:
        """Return the action for an observation; ask for a chunk of actions where needed.

        Args:
            observation: Observation as the environment returns it, a mapping or an array.
            goal: Goal `[G]` instead of the observation's own, for servers of dfplan.

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
            UserError: If it is not connected by then, or will never be.
        """
        state = self._link.wait_connected(wait)
        if not state.connected:
            reason = state.error or f"no answer within {wait:g} s"
            raise UserError(f"no policy server at {self._link.url}: {reason}")

    def _is_due(self, step: int) -> bool:
        return self._chunk is None or self._chunk.is_due(step, self.config.execute)

    def _ask(self, step: int, observation: Any, goal: Any) -> None:
        """Ask for the next chunk if it is time to, and the server is there to be asked."""
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
        """Wait for a reply without which there is no action, at most until it is overdue."""
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
        """Enter the chunk that has been asked for, if it is due and has arrived."""
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
        """Return the chunk's action, or one that falls back."""
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
        """Tell whether a chunk has been asked for and is not overdue."""
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
        time: When it was asked, as `time.monotonic()`.
        connection: Number of the connection.
    """

    reply: "futures.Future[Any]"
    step: int
    time: float
    connection: int


def _config(settings: Mapping[str, Any]) -> ClientConfig:
    names = [field.name for field in dataclasses.fields(ClientConfig)]
    for name in settings:
        check_choice("setting", name, names)
    return ClientConfig(**settings)
