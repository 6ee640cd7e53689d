"""Drive a vector environment in any autoreset mode."""

import gymnasium as gym
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import RecordEpisodeStatistics

from dfplan.agent import Agent
from dfplan.rollout import rollout


def main(
    episodes: int = 4, envs: int = 4, mode: AutoresetMode = AutoresetMode.NEXT_STEP
) -> list[float]:
    """Drive until that many episodes have ended, and return their returns."""
    vector = gym.make_vec(
        "dfplan_envs:dfplan/PointMaze_UMaze_D4RL-v0",
        num_envs=envs,
        vectorization_mode="sync",  # or "async": one process per environment
        vector_kwargs={"autoreset_mode": mode},
    )
    vector = RecordEpisodeStatistics(vector)
    returns: list[float] = []
    for step in rollout(Agent.load("pointmaze-umaze"), vector, seed=7000):
        for i in (step.terminated | step.truncated).nonzero()[0]:
            returns.append(float(step.info["episode"]["r"][i]))
            print(f"environment {i}: return {returns[-1]:.0f}")
        if len(returns) >= episodes:
            break
    vector.close()
    return returns


if __name__ == "__main__":
    main()
