"""Metrics of episodes."""

from collections.abc import Mapping

import numpy as np

from dfplan.evaluation.bootstrap import interval
from dfplan.evaluation.episodes import Episodes
from dfplan.tasks.protocols import EvaluationProtocol

METRICS = (
    "raw_return",
    "normalized_score",
    "latched_score",
    "first_reach",
    "reach_rate",
    "success_rate",
)


def measure(
    episodes: Episodes, score: Mapping[str, float] | None = None
) -> dict[str, np.ndarray | None]:
    """Return each metric per episode, `[E]`; None if the task does not have it.

    - raw_return: Sum of rewards.
    - normalized_score: 100 (raw_return - min) / (max - min), with the task's constants.
    - latched_score: The same for a return that counts 1 for every step from the first success on.
    - first_reach: Time to goal: steps until the first success, censored at the episode's length.
    - reach_rate: Whether any step was a success.
    - success_rate: Whether the last step was a success.

    Args:
        episodes: Episodes.
        score: Returns "min" and "max" that correspond to normalized scores of 0 and 100, or None.
    """
    raw = episodes.reward.sum(axis=1)
    values: dict[str, np.ndarray | None] = dict.fromkeys(METRICS)
    values["raw_return"] = raw
    if score:
        values["normalized_score"] = _normalize(raw, score)
    if episodes.success is None:
        return values
    rows = np.arange(len(raw))
    reached = episodes.success.any(axis=1)
    first = np.where(reached, episodes.success.argmax(axis=1), episodes.length)
    values["first_reach"] = first.astype(float)
    values["reach_rate"] = reached.astype(float)
    values["success_rate"] = episodes.success[rows, episodes.length].astype(float)
    if score:
        # The reset has no reward: an episode that starts at the goal counts from its first step.
        latched = np.where(reached, episodes.length - np.maximum(first, 1) + 1, 0)
        values["latched_score"] = _normalize(latched, score)
    return values


def score_tasks(
    metrics: Mapping[str, np.ndarray | None], protocol: EvaluationProtocol
) -> dict[str, dict[str, dict[str, float] | None]]:
    """Return the scores of each of the protocol's tasks, "task1" first, and last of all "overall".

    The scores are the intervals (see `interval`) of the protocol's metric and of "success_steps":
    the control steps until the first success, over the episodes that have one.

    Args:
        metrics: Metrics per episode from `measure`, in the order in which episodes were played.
        protocol: Protocol of the evaluation; it must have tasks.
    """
    raw = metrics["raw_return"]
    assert raw is not None
    episodes = np.arange(len(raw))
    rows = np.split(episodes, protocol.task_count)
    parts = {f"task{k + 1}": rows[k] for k in range(protocol.task_count)} | {"overall": episodes}
    return {name: _score(metrics, protocol.metric, part) for name, part in parts.items()}


def _score(
    metrics: Mapping[str, np.ndarray | None], name: str, episodes: np.ndarray
) -> dict[str, dict[str, float] | None]:
    """Return the scores of some episodes; None for a score without any value."""
    part = {key: None if array is None else array[episodes] for key, array in metrics.items()}
    steps = part["first_reach"]
    if steps is not None:
        steps = steps[part["reach_rate"] == 1]
    return {name: interval(part[name]), "success_steps": interval(steps)}


def _normalize(returns: np.ndarray, score: Mapping[str, float]) -> np.ndarray:
    return 100 * (returns - score["min"]) / (score["max"] - score["min"])
