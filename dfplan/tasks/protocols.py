"""Evaluation protocols: how the episodes of an evaluation begin, and what counts as success.

A package adds one through the entry-point group `dfplan.protocols`, as a class or function that
makes an `EvaluationProtocol`. A task names its protocol in `Task.protocol`.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from dfplan.tasks.author_warnings import hide_author_warnings
from dfplan.types import UserError, one_line
from dfplan.util.registry import Registry


class EvaluationProtocol(Protocol):
    """How the episodes of an evaluation begin, and which metric scores each task.

    Attributes:
        task_count: Number of fixed tasks, to which episodes are assigned evenly; 0 without tasks.
        metric: Metric of `dfplan.evaluation.metrics.METRICS` by which each task is scored.
        gives_goals: Whether a reset's info holds the goal of the episode. Otherwise observations
            hold it, or the episode has no goal.
    """

    @property
    def task_count(self) -> int:
        """See the class."""
        ...

    @property
    def metric(self) -> str:
        """See the class."""
        ...

    @property
    def gives_goals(self) -> bool:
        """See the class."""
        ...

    def reset(self, env: Any, seed: int, task: int | None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode.

        Args:
            env: Gymnasium environment.
            seed: Seed of the episode; it decides everything random about the reset.
            task: Number of the task, counted from 1; None without tasks.

        Returns:
            The first observation and its info.
        """
        ...

    def goal_observation(self, info: Mapping[str, Any]) -> Any:
        """Return an observation of the goal from a reset's info, if the protocol gives goals."""
        ...


@runtime_checkable
class WrappingProtocol(Protocol):
    """An optional method of an evaluation protocol."""

    def wrap(self, env: Any) -> Any:
        """Return the environment in the form that the protocol needs, before its first reset.

        Args:
            env: Gymnasium environment.
        """
        ...


@dataclasses.dataclass(frozen=True)
class SeedProtocol:
    """Each episode is one reset with its own seed; goals come with the observations."""

    task_count: int = dataclasses.field(default=0, init=False)
    metric: str = dataclasses.field(default="success_rate", init=False)
    gives_goals: bool = dataclasses.field(default=False, init=False)

    def reset(self, env: Any, seed: int, task: int | None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
        return env.reset(seed=seed)

    def goal_observation(self, info: Mapping[str, Any]) -> Any:
        """Raise an error: goals come with the observations."""
        raise NotImplementedError


PROTOCOLS = Registry(
    "evaluation protocol",
    "dfplan.protocols",
    {"seeds": SeedProtocol, "ogbench": "dfplan.tasks.ogbench:OGBenchProtocol"},
)


def wrap_env(protocol: EvaluationProtocol, env: Any) -> Any:
    """Return the environment in the form that a protocol needs; see `WrappingProtocol`."""
    if not isinstance(protocol, WrappingProtocol):
        return env
    with hide_author_warnings():
        return protocol.wrap(env)


def begin_episode(
    protocol: EvaluationProtocol, env: Any, seed: int, task: int | None
) -> tuple[Any, dict[str, Any]]:
    """Reset an environment as a protocol does, see `EvaluationProtocol.reset`.

    The environment must be one that `wrap_env` has returned.

    Raises:
        UserError: If the environment does not have the protocol's tasks.
    """
    with hide_author_warnings():
        return _reset(protocol, env, seed, task)


def _reset(
    protocol: EvaluationProtocol, env: Any, seed: int, task: int | None
) -> tuple[Any, dict[str, Any]]:
    if task is None:
        return protocol.reset(env, seed, task)
    try:
        return protocol.reset(env, seed, task)
    except UserError:
        raise
    except Exception as error:  # environments refuse unknown options with many kinds of exceptions
        name = env.spec.id if env.spec else str(env)
        raise UserError(
            f"environment {name} cannot begin task {task} of protocol {type(protocol).__name__} "
            f"({one_line(error)}); valid: an environment of that protocol, or --protocol seeds"
        ) from error


def assign_tasks(protocol: EvaluationProtocol, episodes: int) -> list[int | None]:
    """Return the task of each episode: the same number for each task, task after task.

    Raises:
        UserError: If the number of episodes is not a multiple of the number of tasks.
    """
    if not protocol.task_count:
        return [None] * episodes
    per_task, remainder = divmod(episodes, protocol.task_count)
    if remainder:
        raise UserError(
            f"{episodes} episodes cannot be divided evenly among {protocol.task_count} tasks; "
            f"valid: a multiple of {protocol.task_count}"
        )
    return [k for k in range(1, protocol.task_count + 1) for _ in range(per_task)]
