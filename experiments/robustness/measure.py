"""Play each trained run under each condition, and compare its state estimates with the truth."""

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.evaluation.episodes import Episodes
from dfplan.tasks.perturb import parse_perturbation
from dfplan.tasks.registry import Task, get_task
from experiments.common.episodes import play_episodes, summarize
from experiments.common.records import measure_once
from experiments.common.trained import Trained
from experiments.robustness.conditions import CONDITIONS, Condition
from experiments.robustness.study import Study

BELIEFS = ("reading", "estimate", "denoised")
"""The state as observed, as used by the tracker, and as denoised by the network at a replan."""


def maze_task(maze: str) -> Task:
    """Return the task of a maze with random goals."""
    return get_task(f"pointmaze-{maze}")


def measure(study: Study, names: Sequence[str] = ()) -> None:
    """Measure every run of the study under the named conditions, or all; skips finished work."""
    for maze, seed, name in itertools.product(study.mazes, study.seeds, names or CONDITIONS):
        condition = CONDITIONS[name]
        task = maze_task(maze)
        trained = Trained.load(study.run(maze, seed), condition.planner)
        request = trained.request(task, study.evaluation)
        measure_once(
            study.result(maze, seed, name),
            {**request, "perturb": condition.perturb},
            functools.partial(
                measure_run, trained, task, condition=condition, seeds=study.evaluation
            ),
        )


def measure_run(trained: Trained, task: Task, condition: Condition, seeds: range) -> dict[str, Any]:
    """Return the metrics of a run under a condition, and the errors of its beliefs.

    Args:
        trained: Trained run, with the condition's planner settings.
        task: Task to play.
        condition: Condition to play under.
        seeds: Episode seeds.
    """
    agent = RecordingAgent(trained.agent())
    perturbations = [parse_perturbation(text) for text in condition.perturb]
    episodes = play_episodes(agent, task, seeds, perturbations=perturbations)
    record = summarize(episodes, task)
    record["errors"] = errors(episodes, agent.beliefs(), trained.run.layout.goal_dims)
    return {"checkpoint": str(trained.directory), **record}


class RecordingAgent:
    """An agent that records its readings and state estimates at every step.

    Args:
        agent: Agent that acts.
    """

    def __init__(self, agent: Agent):
        self._agent = agent
        self._steps: list[tuple[np.ndarray, ...]] = []

    def reset(self, mask: np.ndarray | None = None, *, seed: Any = None) -> None:
        """Start new episodes."""
        self._agent.reset(mask, seed=seed)

    def act(
        self, observation: Any, goal: Any = None, *, episode_over: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the agent's actions."""
        agent = self._agent
        action = agent.act(observation, goal, episode_over=episode_over)
        assert agent.plan is not None
        denoised = np.where(agent.elapsed[:, None] == 1, agent.plan.history[:, -1], np.nan)
        reading = agent.layout.state(observation)
        self._steps.append((reading.copy(), agent.state.copy(), denoised))
        return action

    def beliefs(self) -> dict[str, np.ndarray]:
        """Return each of `BELIEFS`, `[E, L, S]`, NaN at steps without it."""
        arrays = (np.stack(steps, axis=1) for steps in zip(*self._steps, strict=True))
        return dict(zip(BELIEFS, arrays, strict=True))


def errors(
    episodes: Episodes, beliefs: dict[str, np.ndarray], dims: tuple[int, ...]
) -> dict[str, dict[str, list[float]]]:
    """Compute the error of each belief up to the first success.

    Args:
        episodes: Episodes with the true states.
        beliefs: `[E, L, S]` states by belief.
        dims: State dimensions to compare.

    Returns:
        For each belief the sum of squared distances in every episode, and the number of steps in
        it: those where the belief is not NaN. An episode that starts at its goal has one step.
    """
    assert episodes.success is not None
    truth = episodes.states[:, :-1][..., dims]
    before_success = ~np.logical_or.accumulate(episodes.success[:, :-1], axis=1)
    before_success[:, 0] = True
    errors_by_belief = {}
    for name, belief in beliefs.items():
        square = ((belief[..., dims] - truth) ** 2).sum(axis=-1)
        is_counted = before_success & np.isfinite(square)
        errors_by_belief[name] = {
            "square": np.where(is_counted, square, 0.0).sum(axis=1).tolist(),
            "steps": is_counted.sum(axis=1).tolist(),
        }
    return errors_by_belief
