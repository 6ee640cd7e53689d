"""Returns of an actor's episodes."""

import gymnasium as gym
import numpy as np

from dfplan_envs.locomotion.actor import Actor


def play(
    env_id: str, actor: Actor | None, *, episodes: int, seed: int, noisy: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Return the return and the length of each episode, `[E]`.

    Args:
        env_id: Gymnasium id.
        actor: Actor; None for uniformly random actions.
        episodes: Number of episodes.
        seed: Seed of the first episode; episode i has `seed` + i.
        noisy: Whether the actor's noise is added.
    """
    env = gym.make(env_id)
    shape = env.action_space.shape
    returns = np.zeros(episodes)
    lengths = np.zeros(episodes, int)
    for i in range(episodes):
        rng = np.random.default_rng(seed + i)
        observation, _ = env.reset(seed=seed + i)
        ended = False
        while not ended:
            if actor is None:
                action = rng.uniform(-1.0, 1.0, shape)
            else:
                noise = rng.normal(size=shape)[None] if noisy else None
                action = actor.act(observation[None], noise)[0]
            observation, reward, terminated, truncated, _ = env.step(action)
            returns[i] += float(reward)
            lengths[i] += 1
            ended = terminated or truncated
    env.close()
    return returns, lengths
