"""Drive each trained run through each condition, and compare what it believed with the truth."""

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.evaluate import Episodes
from dfplan.perturb import parse_perturbation
from experiments.maze2d.evaluate import Trained, answer, drive, summary
from experiments.maze2d.study import task
from experiments.robustness.conditions import CONDITIONS, Condition
from experiments.robustness.study import Study

BELIEFS = ("reading", "estimate", "denoised")
"""What was observed, what was acted on, and what the network makes of that when it plans."""


def measure(study: Study, names: Sequence[str] = ()) -> None:
    """Measure every run of the study under some conditions, or all; what is done stays."""
    for maze, seed, name in itertools.product(study.mazes, study.seeds, names or CONDITIONS):
        condition = CONDITIONS[name]
        trained = Trained.load(study.run(maze, seed), condition.planner)
        asked = trained.asked(task(maze), study.evaluation)
        answer(
            study.result(maze, seed, name),
            {**asked, "perturb": condition.perturb},
            functools.partial(measure_run, trained, maze, condition, study.evaluation),
        )


def measure_run(trained: Trained, maze: str, condition: Condition, seeds: range) -> dict[str, Any]:
    """The metrics of a run under a condition, and the errors of its beliefs."""
    watched, where = Watched(trained.agent()), task(maze)
    perturbations = [parse_perturbation(text) for text in condition.perturb]
    episodes = drive(watched, where, seeds, perturbations)
    record = summary(episodes, where)
    record["errors"] = errors(episodes, watched.beliefs(), trained.run.layout.goal_dims)
    return {"checkpoint": str(trained.directory), **record}


class Watched:
    """An agent that keeps what it read and believed at every step.

    Args:
        agent: acts.
    """

    def __init__(self, agent: Agent):
        self._agent = agent
        self._kept: list[tuple[np.ndarray, ...]] = []

    def reset(self, mask: np.ndarray | None = None, *, seed: Any = None) -> None:
        """Begin new episodes."""
        self._agent.reset(mask, seed=seed)

    def act(self, observation: Any) -> np.ndarray:
        """The agent's actions."""
        agent = self._agent
        action = agent.act(observation)
        assert agent.plan is not None
        planned = np.where(agent.elapsed[:, None] == 1, agent.plan.history[:, -1], np.nan)
        reading = agent.layout.state(observation)
        self._kept.append((reading.copy(), agent.state.copy(), planned))
        return action

    def beliefs(self) -> dict[str, np.ndarray]:
        """Each of `BELIEFS`, `[E, L, S]`, NaN where there was none."""
        arrays = (np.stack(steps, axis=1) for steps in zip(*self._kept, strict=True))
        return dict(zip(BELIEFS, arrays, strict=True))


def errors(
    episodes: Episodes, beliefs: dict[str, np.ndarray], dims: tuple[int, ...]
) -> dict[str, dict[str, list[float]]]:
    """How far each belief was from the truth on the way to the first success.

    Returns:
        Of each belief the sum of squared distances in every episode, and the number of its steps:
        those where the belief is not NaN. An episode that begins at its goal has one step.
    """
    assert episodes.success is not None
    truth = episodes.states[:, :-1][..., dims]
    before = ~np.logical_or.accumulate(episodes.success[:, :-1], axis=1)
    before[:, 0] = True
    found = {}
    for name, belief in beliefs.items():
        square = ((belief[..., dims] - truth) ** 2).sum(axis=-1)
        counts = before & np.isfinite(square)
        found[name] = {
            "square": np.where(counts, square, 0.0).sum(axis=1).tolist(),
            "steps": counts.sum(axis=1).tolist(),
        }
    return found
