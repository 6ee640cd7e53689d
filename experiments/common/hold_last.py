"""HoldLast: an agent that is not told of missing numbers and sees those observed last instead."""

from typing import Any

import numpy as np

from dfplan.evaluation.play import BatchAgent


class HoldLast:
    """An agent that replaces missing numbers by those observed last.

    Args:
        agent: Agent that acts.
    """

    def __init__(self, agent: BatchAgent):
        self._agent = agent
        self._last: np.ndarray | None = None

    def reset(self, mask: np.ndarray | None = None, *, seed: Any = None) -> None:
        """Begin new episodes in all environments, whose first observations are complete."""
        self._last = None
        self._agent.reset(mask, seed=seed)

    def act(
        self,
        observation: np.ndarray,
        goal: np.ndarray | None = None,
        *,
        episode_over: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the agent's actions."""
        if self._last is not None:
            observation = np.where(np.isnan(observation), self._last, observation)
        self._last = observation
        return self._agent.act(observation, goal, episode_over=episode_over)
