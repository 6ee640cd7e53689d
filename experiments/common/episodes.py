"""Episodes of a maze task, played side by side, and their metrics."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from dfplan.cli.progress_bar import step_bar
from dfplan.evaluation.bootstrap import interval
from dfplan.evaluation.episodes import Episodes
from dfplan.evaluation.metrics import measure
from dfplan.evaluation.play import BatchAgent, run_episodes
from dfplan.tasks.make_env import make_env
from dfplan.tasks.perturb import Perturbation, perturbed
from dfplan.tasks.registry import Task
from experiments.common.environment import load_environment


def play_episodes(
    agent: BatchAgent, task: Task, seeds: range, perturbations: Sequence[Perturbation] = ()
) -> Episodes:
    """Play one episode per seed, side by side.

    Args:
        agent: Agent or baseline that acts in all episodes at once.
        task: PointMaze task.
        seeds: Environment seeds, one per episode.
        perturbations: Perturbations of the environment.
    """
    title = f"{task.name}, {len(seeds)} episodes"
    max_steps = load_environment(task).steps
    with step_bar(title, len(seeds) * max_steps) as advance:
        return run_episodes(
            agent,
            lambda: perturbed(make_env(task.env, task.env_kwargs), perturbations),
            np.asarray(seeds),
            state=lambda observation: observation["observation"],
            goal=lambda observation: observation["desired_goal"],
            progress=lambda over, steps: advance(over * max_steps + steps),
            num_envs=len(seeds),
        )


def summarize(episodes: Episodes, task: Task) -> dict[str, Any]:
    """Return the metrics of episodes: their intervals, and the value of every episode."""
    values = measure(episodes, task.score)
    return {
        "episodes": len(episodes.seeds),
        "metrics": {name: interval(array) for name, array in values.items()},
        "per_episode": {k: v.tolist() for k, v in values.items() if v is not None},
    }
