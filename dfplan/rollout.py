"""Rollout: an agent in a Gymnasium vector environment of any autoreset mode."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv

from dfplan.agent import Agent
from dfplan.control.inputs import as_seed
from dfplan.types import UserError


class Step(NamedTuple):
    """One step of `B` environments.

    Attributes:
        observation: Observation that was acted on.
        action: `[B, ...]` actions.
        reward: `[B]` rewards.
        terminated: `[B]` bool, episodes that ended.
        truncated: `[B]` bool, episodes that were cut off.
        info: Info that `step` returned.
        live: `[B]` bool, rows that are a step of an episode. Under `AutoresetMode.NEXT_STEP`, the
            step that an environment spends on its reset between two episodes is not.
    """

    observation: Any
    action: np.ndarray
    reward: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    info: dict[str, Any]
    live: np.ndarray


def rollout(
    agent: Agent, envs: VectorEnv, *, seed: int | Sequence[int] | None = None
) -> Iterator[Step]:
    """Drive `B` environments, episode after episode, for as long as steps are requested.

    History and plans begin again with each environment's episodes. Environments that do not reset
    themselves (`AutoresetMode.DISABLED`) are reset here.

        for step in itertools.islice(rollout(agent, envs, seed=0), 1000):
            ...

    Args:
        agent: Agent that acts; it is reset first.
        envs: Gymnasium vector environment.
        seed: Seed of the first resets and of the plans, as `envs.reset` takes it. None leaves the
            environments unseeded and continues the agent's random sequence.

    Yields:
        What happened in each step.

    Raises:
        UserError: If the metadata of `envs` does not name its autoreset mode.
    """
    mode = _autoreset_mode(envs)
    resets_next_step = mode == AutoresetMode.NEXT_STEP
    seeds: Any = None if seed is None else as_seed(seed)
    observation, _ = envs.reset(seed=seeds)
    agent.reset(seed=seeds)
    episode_ended = np.zeros(envs.num_envs, bool)
    while True:
        if resets_next_step:
            action = agent.act(observation, episode_over=episode_ended)
            live = ~episode_ended
        else:
            action = agent.act(observation, episode_start=episode_ended)
            live = np.ones_like(episode_ended)
        next_observation, reward, terminated, truncated, info = envs.step(action)
        yield Step(
            observation=observation,
            action=action,
            reward=reward,
            terminated=terminated,
            truncated=truncated,
            info=info,
            live=live,
        )
        observation = next_observation
        episode_ended = terminated | truncated
        if mode == AutoresetMode.DISABLED and episode_ended.any():
            observation, _ = envs.reset(options={"reset_mask": episode_ended})


def _autoreset_mode(envs: Any) -> AutoresetMode:
    mode = getattr(envs, "metadata", {}).get("autoreset_mode")
    try:
        return AutoresetMode(mode)
    except ValueError as error:
        raise UserError(
            f"the environment's metadata has autoreset_mode {mode!r}; "
            f"valid for a vector environment: {', '.join(map(str, AutoresetMode))}"
        ) from error
