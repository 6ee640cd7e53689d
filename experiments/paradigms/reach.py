"""Episodes that end at their first success, all that a reach rate asks for."""

from typing import Any

import gymnasium as gym
import numpy as np

from dfplan.agent import Agent
from dfplan.data.make_env import make_env
from dfplan.evaluate import measure, run_episodes
from dfplan.tasks import Task


class UntilSuccess(gym.Wrapper):
    """Ends an episode at its first success."""

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """The environment's step, terminated where it was a success."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, reward, terminated or bool(info["success"]), truncated, info


def reach(agent: Agent, where: Task, seeds: range) -> dict[str, np.ndarray]:
    """Whether and when each episode first succeeds: "reach_rate" and "first_reach", `[E]`.

    One episode after the other; up to its success each is the episode that `dfplan eval` plays, as
    a plan is the same in any batch.
    """
    env = UntilSuccess(make_env(where.env, where.env_kwargs))
    layout = agent.layout
    played = run_episodes(agent, env, np.array(seeds), state=layout.state, goal=layout.goal)
    env.close()
    found = measure(played)
    return {name: np.asarray(found[name]) for name in ("reach_rate", "first_reach")}
