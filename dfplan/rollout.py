"""Rollout: an agent in a Gymnasium vector environment, whichever way that resets itself."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv

from dfplan.agent import Agent
from dfplan.types import UserError


class Step(NamedTuple):
    """One step of `B` environments.

    Attributes:
        observation: what was acted on.
        action: `[B, ...]`, what was done.
        reward, terminated, truncated, info: what `step` returned, of `[B]`.
        live: `[B]` bool, the rows that are a step of an episode; under `AutoresetMode.NEXT_STEP`
            an environment spends one between two episodes on its reset, which is none.
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
    """Drive `B` environments, one episode after the other, for as long as steps are asked for.

    Each environment's plans and history begin anew with its episodes. With environments that are
    reset by hand (`AutoresetMode.DISABLED`), this resets them.

        for step in itertools.islice(rollout(agent, envs, seed=0), 1000):
            ...

    Args:
        agent: acts; it is reset first.
        envs: any Gymnasium vector environment.
        seed: of the first resets and of the plans, as `envs.reset` takes it; None for any, and for
            the plans to go on from those before.

    Raises:
        UserError: when `envs` does not say how it resets itself.
    """
    mode = _autoreset_mode(envs)
    late = mode == AutoresetMode.NEXT_STEP
    mask = "episode_over" if late else "episode_start"
    seeds: Any = None if seed is None else np.asarray(seed).tolist()
    observation, _ = envs.reset(seed=seeds)
    agent.reset(seed=seeds)
    over = np.zeros(envs.num_envs, bool)
    while True:
        action = agent.act(observation, **{mask: over})
        following, reward, terminated, truncated, info = envs.step(action)
        live = ~over if late else np.ones_like(over)
        yield Step(observation, action, reward, terminated, truncated, info, live)
        observation, over = following, terminated | truncated
        if mode == AutoresetMode.DISABLED and over.any():
            observation, _ = envs.reset(options={"reset_mask": over})


def _autoreset_mode(envs: Any) -> AutoresetMode:
    mode = envs.metadata.get("autoreset_mode")
    try:
        return AutoresetMode(mode)
    except ValueError as error:
        raise UserError(
            f"the environment's metadata has autoreset_mode {mode!r}; "
            f"valid, of a vector environment: {', '.join(map(str, AutoresetMode))}"
        ) from error
