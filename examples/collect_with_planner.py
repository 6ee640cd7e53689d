"""Collect a Minari dataset with a pretrained planner.

Train a planner on it: dfplan train pointmaze-umaze --dataset my/planned-v0 --out RUN
"""

import gymnasium as gym
import minari

from dfplan.agent import Agent


def main(episodes: int = 20, dataset_id: str = "my/planned-v0") -> minari.MinariDataset:
    """Record episodes of the planner and return the dataset."""
    env = minari.DataCollector(gym.make("dfplan_envs:dfplan/PointMaze_UMaze_D4RL-v0"))
    agent = Agent.load("pointmaze-umaze")
    for seed in range(7000, 7000 + episodes):
        observation, _ = env.reset(seed=seed)
        agent.reset(seed=seed)
        episode_ended = False
        while not episode_ended:
            observation, _, terminated, truncated, _ = env.step(agent.act(observation))
            episode_ended = terminated or truncated
    dataset = env.create_dataset(
        dataset_id, algorithm_name="dfplan", description="Plans for random starts and goals."
    )
    env.close()
    print(f"{dataset_id}: {dataset.total_episodes} episodes, {dataset.total_steps} steps")
    return dataset


if __name__ == "__main__":
    main()
