"""Use a planner as a plain function of the observation, in code that does not know dfplan."""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from dfplan.agent import Agent


def drive(policy: Callable[[Any], np.ndarray], steps: int) -> float:
    """Return the sum of rewards of a loop that tells the policy nothing about episodes."""
    env = gym.make("dfplan_envs:dfplan/PointMaze_UMaze_D4RL-v0")
    observation, _ = env.reset(seed=7000)
    total = 0.0
    for _ in range(steps):
        observation, reward, terminated, truncated, _ = env.step(policy(observation))
        total += float(reward)
        if terminated or truncated:
            observation, _ = env.reset()
    env.close()
    return total


def main(steps: int = 600) -> tuple[float, float]:
    """Drive with a function that follows its plans, and with one that replans at every step."""
    agent = Agent.load("pointmaze-umaze")
    stateful = drive(agent.act, steps)  # also replans when the goal moves, as it does on reset
    stateless = drive(lambda observation: agent.predict(observation)[0], steps // 10)
    print(f"{stateful:.0f} of {steps} rewards; {stateless:.0f} of {steps // 10}")
    return stateful, stateless


if __name__ == "__main__":
    main()
