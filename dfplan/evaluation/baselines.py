"""Baselines: random actions and the data's controller, in the planner's environment and seeds."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from dfplan.tasks.load import load_function
from dfplan.tasks.registry import Task


class Policy(Protocol):
    """A policy for one environment."""

    def act(self, observation: Any) -> np.ndarray:
        """Return the action `[A]` for one observation."""
        ...


class RandomPolicy:
    """Uniformly random actions.

    Args:
        env: Environment whose action space is sampled.
        seed: PRNG seed for the actions.
    """

    def __init__(self, env: Any, seed: int = 0):
        self._space = copy.deepcopy(env.action_space)
        self._space.seed(seed)

    def act(self, observation: Any) -> np.ndarray:
        """Sample the action space."""
        return self._space.sample()


class PolicyBatch:
    """One policy per environment of a batch, with the interface of `play.BatchAgent`.

    Policies never see missing values (NaN): each is replaced by the last observed value of the same
    dimension, or by 0 if the episode has none yet.

    Args:
        make: Function that makes a policy from a seed.
    """

    def __init__(self, make: Callable[[int], Policy]):
        self._make = make
        self._policies: list[Policy] = []
        self._last_observation: Any = None

    def reset(self, mask: np.ndarray | None = None, *, seed: Sequence[int] = ()) -> None:
        """Begin an episode in one environment per seed."""
        self._policies = [self._make(s) for s in seed]
        self._last_observation = None

    def act(
        self, observation: Any, goal: Any = None, *, episode_over: np.ndarray | None = None
    ) -> np.ndarray:
        """Return actions `[B, A]` for a batch of observations; other arguments are ignored."""
        observation = _fill_missing(observation, self._last_observation)
        self._last_observation = observation
        return np.stack(
            [policy.act(_row(observation, i)) for i, policy in enumerate(self._policies)]
        )


def _fill_missing(observation: Any, last: Any) -> Any:
    """Replace missing values with those of the last observation, or with 0 at the start."""
    if isinstance(observation, Mapping):
        return {
            key: _fill_missing(value, None if last is None else last[key])
            for key, value in observation.items()
        }
    return np.where(np.isnan(observation), 0.0 if last is None else last, observation)


def _row(observation: Any, i: int) -> Any:
    if isinstance(observation, Mapping):
        return {key: _row(value, i) for key, value in observation.items()}
    return observation[i]


def baselines(task: Task, env: Any) -> dict[str, PolicyBatch]:
    """Return the baselines of a task by name: "random", and "controller" if the task names one.

    Args:
        task: Task; `policy` names the controller that collected its data, if there is one.
        env: Environment of the task.

    Raises:
        UserError: If the task's controller cannot be loaded.
    """
    policies = {"random": PolicyBatch(lambda seed: RandomPolicy(env, seed))}
    if task.policy:
        make_policy = load_function(task.policy)
        policies["controller"] = PolicyBatch(lambda seed: make_policy(env, seed=seed))
    return policies
