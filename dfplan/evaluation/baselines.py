"""References: what a planner is compared with, in the same environment and on the same seeds."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from dfplan.tasks.registry import Task, load_function


class Policy(Protocol):
    """A policy for one environment."""

    def act(self, observation: Any) -> np.ndarray:
        """Action `[A]` for one observation."""
        ...


class RandomPolicy:
    """Uniformly random actions.

    Args:
        env: gives the action space.
        seed: of the actions.
    """

    def __init__(self, env: Any, seed: int = 0):
        self._space = copy.deepcopy(env.action_space)
        self._space.seed(seed)

    def act(self, observation: Any) -> np.ndarray:
        """A sample of the action space."""
        return self._space.sample()


class PolicyBatch:
    """One policy for each environment of a batch, in the form that is evaluated.

    A policy knows nothing of missing numbers: it is shown the last ones that there were.

    Args:
        make: makes a policy from a seed.
    """

    def __init__(self, make: Callable[[int], Policy]):
        self._make = make
        self._policies: list[Policy] = []
        self._seen: Any = None

    def reset(self, mask: np.ndarray | None = None, *, seed: Sequence[int] = ()) -> None:
        """Begin an episode in as many environments as there are seeds."""
        self._policies = [self._make(s) for s in seed]
        self._seen: Any = None

    def act(self, observation: Any, goal: Any = None) -> np.ndarray:
        """Return actions `[B, A]` for a batch of observations; a given goal is ignored."""
        observation = self._seen = _held(observation, self._seen)
        rows = [_row(observation, i) for i in range(len(self._policies))]
        return np.stack([p.act(row) for p, row in zip(self._policies, rows, strict=True)])


def _held(observation: Any, seen: Any) -> Any:
    """The observation, with what is missing as it was seen last, or 0 where it never was."""
    if isinstance(observation, Mapping):
        return {k: _held(v, None if seen is None else seen[k]) for k, v in observation.items()}
    return np.where(np.isnan(observation), 0.0 if seen is None else seen, observation)


def _row(observation: Any, i: int) -> Any:
    if isinstance(observation, Mapping):
        return {key: _row(value, i) for key, value in observation.items()}
    return observation[i]


def baselines(task: Task, env: Any) -> dict[str, PolicyBatch]:
    """What there is to compare with: random actions, and the controller that made a task's data.

    Args:
        task: names its controller, if it has one.
        env: an environment of it.

    Raises:
        UserError: when the task's controller cannot be loaded.
    """
    found = {"random": PolicyBatch(lambda seed: RandomPolicy(env, seed))}
    if task.policy:
        make = load_function(task.policy)
        found["controller"] = PolicyBatch(lambda seed: make(env, seed=seed))
    return found
