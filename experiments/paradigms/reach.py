"""Episodes that end at their first success, which is all that a reach rate needs."""

from typing import Any

import gymnasium as gym
import numpy as np

from dfplan.agent import Agent
from dfplan.evaluation.metrics import measure
from dfplan.evaluation.play import run_episodes
from dfplan.tasks.make_env import make_env
from dfplan.tasks.registry import Task


class UntilSuccess(gym.Wrapper):
    """Terminates an episode at its first success."""

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step the environment; a success terminates the episode."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return observation, reward, terminated or bool(info["success"]), truncated, info


def measure_reach(agent: Agent, task: Task, seeds: range) -> dict[str, np.ndarray]:
    """Return whether and when each episode first succeeds: "reach_rate" and "first_reach", `[E]`.

    Episodes are played one after the other. Up to its success each is the episode that `dfplan
    eval` plays, as a plan does not depend on the rest of its batch.
    """
    env = UntilSuccess(make_env(task.env, task.env_kwargs))
    layout = agent.layout
    episodes = run_episodes(agent, env, np.array(seeds), state=layout.state, goal=layout.goal)
    env.close()
    metrics = measure(episodes)
    return {name: np.asarray(metrics[name]) for name in ("reach_rate", "first_reach")}
