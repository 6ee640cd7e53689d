"""Evaluate a planner with Stable-Baselines3's evaluate_policy.

Needs Stable-Baselines3: pip install "dfplan[sb3]"
"""

from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from dfplan.agent import Agent


def main(
    episodes: int = 4, envs: int = 2, vec_env: type[VecEnv] = DummyVecEnv
) -> tuple[list[float], list[int]]:
    """Evaluate the planner; return the return and the length of each episode."""
    vector = make_vec_env(
        "dfplan_envs:dfplan/PointMaze_UMaze_D4RL-v0", envs, seed=7000, vec_env_cls=vec_env
    )
    agent = Agent.load("pointmaze-umaze")
    returns, lengths = evaluate_policy(
        agent, vector, n_eval_episodes=episodes, return_episode_rewards=True
    )
    print(f"returns {returns}, lengths {lengths}")
    vector.close()
    return returns, lengths


if __name__ == "__main__":
    main()
