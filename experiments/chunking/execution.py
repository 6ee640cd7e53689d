"""Ways to execute plans that take time: wait for them, switch to them, or commit a prefix."""

from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.control.executor import DelayedExecutor
from dfplan.evaluation.play import BatchAgent
from dfplan.runs.run import Run, Weights

EXECUTIONS = ("synchronous", "naive", "committed")


class Recorder:
    """Acts as an agent does, and records actions and switches between plans.

    Args:
        agent: Agent to record.

    Attributes:
        actions: Actions `[B, A]` of each control step.
        switches: `[B]` bool at each control step: whether a new plan became active.
    """

    def __init__(self, agent: Agent):
        self._agent = agent
        self.actions: list[np.ndarray] = []
        self.switches: list[np.ndarray] = []

    def reset(self, mask: np.ndarray | None = None, *, seed: Any = None) -> None:
        """See `Agent.reset`."""
        self._agent.reset(mask, seed=seed)

    def act(self, observation: Any, goal: Any = None, **options: Any) -> np.ndarray:
        """See `Agent.act`."""
        before = self._agent.elapsed
        action = self._agent.act(observation, goal, **options)
        after = self._agent.elapsed
        if len(before) == len(after):
            self.switches.append((before >= 0) & (after != before + 1))
        else:
            self.switches.append(np.zeros(len(after), bool))
        self.actions.append(action)
        return action


class Waiting(Recorder):
    """Holds still while a plan is made, for a number of control steps, and then follows it.

    All robots of the batch replan at the same control steps.

    Args:
        agent: Agent that plans at once.
        delay: Control steps that planning takes.
    """

    def __init__(self, agent: Agent, delay: int):
        super().__init__(agent)
        self._delay = delay
        self._left = 0
        self._first: np.ndarray | None = None

    def act(self, observation: Any, goal: Any = None, **options: Any) -> np.ndarray:
        """Return zero actions until the plan is ready; then see `Agent.act`."""
        if self._first is None:
            action = super().act(observation, goal, **options)
            has_new_plan = (self._agent.elapsed == 1).any()
            if not (has_new_plan and self._delay):
                return action
            self._first = self.actions.pop()
            self.switches.pop()
            self._left = self._delay
        if self._left:
            action = np.zeros_like(self._first)
        else:
            action = self._first
            self._first = None
        # Both the stop and the start are switches.
        edge = self._left in (0, self._delay)
        self._left -= 1
        self.actions.append(action)
        self.switches.append(np.full(len(action), edge))
        return action


def make_agent(run: Run, weights: Weights, execution: str, delay: int) -> BatchAgent:
    """Return an agent whose plans take `delay` control steps.

    Args:
        run: Trained run.
        weights: Weights of the run.
        execution: "synchronous" (the robot waits for each plan), "naive" (it follows its last plan
            meanwhile, and then the new one from the control step that this has reached) or
            "committed" (the new plan begins with what the robot does meanwhile).
        delay: Control steps.
    """
    if execution == "synchronous" or not delay:
        return Waiting(Agent.from_run(run, weights), delay)
    committed = delay if execution == "committed" else 0
    timing = {"timing.deadline_ms": 0.0, "timing.inference_delay": committed}
    run = run.with_planner(timing)
    return Recorder(Agent.from_run(run, weights, executor=DelayedExecutor(delay)))
