"""Robot: the agent of one connection, with messages in and messages out, without a network."""

import time
from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.serve.dialects import Dialect, OpenPi
from dfplan.serve.request import Request, read_request
from dfplan.serve.settings import RobotSettings
from dfplan.types import UserError
from dfplan.wire import keys
from dfplan.wire.codec import pack, unpack


class Robot:
    """A robot that sends observations and gets chunks of actions.

    Each has an agent, and with it a history, an active plan and a random sequence of its own.

    Args:
        agent: Agent of this robot alone.
        settings: What every robot gets; the action horizon must be set.
        default_goal: Goal `[G]` of requests without one, or None.
        dialect: Form of the messages.
    """

    def __init__(
        self,
        agent: Agent,
        settings: RobotSettings,
        default_goal: np.ndarray | None = None,
        dialect: Dialect = OpenPi(),
    ):
        self._agent = agent
        self._settings = settings
        self._default_goal = default_goal
        self._dialect = dialect
        self._executed = settings.execution_horizon  # unless a request says otherwise
        self._session_id: str | int | None = None
        self._is_new = True  # no request has begun an episode yet
        self._last_total_ms: float | None = None

    def answer(self, message: bytes, received: float) -> bytes | str:
        """Return the reply to a message, which some dialects send as text.

        Args:
            message: Encoded request.
            received: Value of `time.perf_counter()` when it was received.

        Raises:
            UserError: If the message is not valid, or the agent refuses its observation or goal.
        """
        request = read_request(unpack(message), self._agent.layout, self._dialect)
        self._begin_episode(request)
        if request.endpoint == keys.RESET:
            return self._dialect.reset_reply
        reply = self._act(request)
        now = time.perf_counter()
        reply[keys.SERVER_TIMING] = {keys.INFER_MS: 1000 * (now - received)}
        if self._last_total_ms is not None:
            reply[keys.SERVER_TIMING][keys.PREV_TOTAL_MS] = self._last_total_ms
        return pack(self._dialect.reply(reply))

    def sent(self, received: float) -> None:
        """Record that the reply to the message received at that time has been sent."""
        self._last_total_ms = 1000 * (time.perf_counter() - received)

    def _begin_episode(self, request: Request) -> None:
        """Begin an episode if the request asks for one, or is the first."""
        changed = request.session_id is not None and request.session_id != self._session_id
        begins = request.begins or (changed and not self._is_new)
        if begins or (self._is_new and request.seed is not None):
            self._agent.reset(seed=request.seed)
        if request.session_id is not None:
            self._session_id = request.session_id
        self._is_new = False

    def _act(self, request: Request) -> dict[str, Any]:
        agent = self._agent
        layout = agent.layout
        goal = self._goal(request)
        length = self._length(request)
        executed = self._executed if request.executed is None else request.executed
        started = time.perf_counter()
        chunk = agent.act_chunk(request.observation, goal, length=length, executed=executed)
        infer_ms = 1000 * (time.perf_counter() - started)
        if self._dialect.executes_chunks:
            self._executed = length
        actions = chunk.actions.reshape(len(chunk.actions), layout.action_dim)
        reply: dict[str, Any] = {
            keys.ACTIONS: np.asarray(actions, np.float32),
            keys.POLICY_TIMING: {keys.INFER_MS: infer_ms},
        }
        if request.returns_plan:
            reply[keys.STATES] = np.asarray(chunk.states, layout.dtype)
            reply[keys.PLAN] = _describe_plan(agent)
        return reply

    def _length(self, request: Request) -> int:
        """Return the number of actions in the reply."""
        limit = self._settings.action_horizon
        length = limit if request.action_horizon is None else request.action_horizon
        if not 1 <= length <= limit:
            raise UserError(f"{keys.ACTION_HORIZON} is {length}; valid: 1 to {limit}")
        return length

    def _goal(self, request: Request) -> Any:
        """Return the goal of the request or of the server; None if the observation holds it."""
        layout = self._agent.layout
        if request.goal is not None:
            return request.goal
        if self._default_goal is not None:
            return self._default_goal
        if layout.goal_dim and not layout.gives_goal:
            raise UserError(
                f"the request has no goal, and this planner needs one; needed: {keys.GOAL}, "
                f"{layout.goal_dim} numbers"
            )
        return None


def _describe_plan(agent: Agent) -> dict[str, Any]:
    """Return the active plan as lists, because openpi's clients slice arrays by control step."""
    plan = agent.plan
    assert plan is not None
    return {
        "states": np.asarray(plan.states)[0].tolist(),
        "stride": agent.planner.model.layout.stride,
        "elapsed": max(int(agent.elapsed[0]) - 1, 0),
        "arrives": bool(agent.arrives()[0]),
    }
