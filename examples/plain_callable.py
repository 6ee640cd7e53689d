"""A planner as a plain function of the observation, for code that knows nothing of dfplan."""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from dfplan.agent import Agent


def drive(policy: Callable[[Any], np.ndarray], steps: int) -> float:
    """Anybody's loop: the sum of rewards, over episodes that the policy is told nothing about."""
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
    """Drive with a function that follows its plans, and with one that plans at every step."""
    agent = Agent.load("pointmaze-umaze")
    following = drive(agent.act, steps)  # plans anew at once where the goal moves, as it does here
    forgetful = drive(lambda observation: agent.predict(observation)[0], steps // 10)
    print(f"{following:.0f} of {steps} rewards; {forgetful:.0f} of {steps // 10}")
    return following, forgetful


if __name__ == "__main__":
    main()
