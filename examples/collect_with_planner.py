"""Let a trained planner collect a Minari dataset, to train on.

A planner of your own learns from it: dfplan train pointmaze-umaze --dataset my/planned-v0 --out RUN
"""

import gymnasium as gym
import minari

from dfplan.agent import Agent


def main(episodes: int = 20, dataset: str = "my/planned-v0") -> minari.MinariDataset:
    """Record episodes of the planner."""
    env = minari.DataCollector(gym.make("dfplan_envs:dfplan/PointMaze_UMaze_D4RL-v0"))
    agent = Agent.load("pointmaze-umaze")
    for seed in range(7000, 7000 + episodes):
        observation, _ = env.reset(seed=seed)
        agent.reset(seed=seed)
        over = False
        while not over:
            observation, _, terminated, truncated, _ = env.step(agent.act(observation))
            over = terminated or truncated
    found = env.create_dataset(
        dataset, algorithm_name="dfplan", description="Plans for random starts and goals."
    )
    env.close()
    print(f"{dataset}: {found.total_episodes} episodes, {found.total_steps} steps")
    return found


if __name__ == "__main__":
    main()
