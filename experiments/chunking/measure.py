"""Scores and smoothness of the episodes of one task at one delay."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from dfplan.evaluation.bootstrap import interval
from dfplan.evaluation.play import run_episodes
from dfplan.runs.run import Run, Weights
from dfplan.tasks.make_env import make_env
from experiments.chunking.execution import make_agent


@dataclasses.dataclass(frozen=True)
class Motion:
    """What smoothness is measured on.

    Attributes:
        rates: State dimensions that are velocities.
        period: Seconds per control step.
    """

    rates: tuple[int, ...]
    period: float


def measure(
    run: Run, weights: Weights, motion: Motion, *, execution: str, delay: int, seeds: np.ndarray
) -> dict[str, Mapping[str, float] | None]:
    """Play episodes and return the means of these measures, with 95 % intervals over episodes.

    - "score": sum of rewards.
    - "jerk": mean size of the second difference of the velocities, over the squared period.
    - "mean_jump" and "largest_jump": change of the action where a new plan becomes active.
    - "step": mean change of the action at all other control steps.

    Args:
        run: Trained run.
        weights: Weights of the run.
        motion: What smoothness is measured on.
        execution: See `make_agent`.
        delay: Control steps that planning takes.
        seeds: Seeds of the episodes.
    """
    agent = make_agent(run, weights, execution, delay)
    task = run.task
    layout = run.layout
    episodes = run_episodes(
        agent,
        lambda: make_env(task.env, task.env_kwargs),
        seeds,
        state=layout.state,
        goal=layout.goal,
        num_envs=len(seeds),
    )
    actions = np.array(agent.actions).swapaxes(0, 1)  # pyright: ignore
    switches = np.array(agent.switches).T[:, 1:]  # pyright: ignore
    change = np.linalg.norm(np.diff(actions, axis=1), axis=-1)
    velocity = episodes.states[..., list(motion.rates)]
    jerk = np.linalg.norm(np.diff(velocity, n=2, axis=1), axis=-1) / motion.period**2
    at_switches = np.where(switches, change, np.nan)
    measures: dict[str, Any] = {
        "score": episodes.reward.sum(axis=1),
        "jerk": jerk.mean(axis=1),
        "mean_jump": np.nanmean(at_switches, axis=1),
        "largest_jump": np.nanmax(at_switches, axis=1),
        "step": np.nanmean(np.where(switches, np.nan, change), axis=1),
    }
    return {name: interval(values) for name, values in measures.items()}
