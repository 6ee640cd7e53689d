"""Drive one environment with the usual Gymnasium loop."""

import gymnasium as gym

from dfplan.agent import Agent


def main(episodes: int = 3) -> list[float]:
    """Drive episodes and return their returns."""
    env = gym.make("dfplan_envs:dfplan/PointMaze_UMaze_D4RL-v0")
    agent = Agent.load("pointmaze-umaze")
    returns = []
    for seed in range(7000, 7000 + episodes):
        observation, _ = env.reset(seed=seed)
        agent.reset(seed=seed)
        returns.append(0.0)
        episode_ended = False
        while not episode_ended:
            action = agent.act(observation)
            observation, reward, terminated, truncated, _ = env.step(action)
            returns[-1] += float(reward)
            episode_ended = terminated or truncated
        print(f"seed {seed}: return {returns[-1]:.0f}")
    env.close()
    return returns


if __name__ == "__main__":
    main()
