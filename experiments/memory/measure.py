"""Train the T-maze's networks and play the episodes of every row; finished work is skipped."""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from dfplan.agent import Agent
from dfplan.evaluation.episodes import Episodes
from dfplan.evaluation.play import run_episodes
from dfplan.tasks.make_env import make_env
from dfplan.tasks.perturb import parse_perturbation, perturbed
from experiments.common.commands import collect_once, option_list
from experiments.common.episodes import summarize
from experiments.common.records import measure_once
from experiments.common.trained import Trained
from experiments.common.training import train_to_end
from experiments.memory.study import NETWORKS, SMALL, TABLES, TMAZE, Row, Study


def train(study: Study) -> None:
    """Collect the T-maze's data and train its networks, with the public command line.

    Raises:
        SystemExit: If the command fails, with its exit code.
    """
    collect_once(study.task(TMAZE["history"]).dataset, ["tmaze"])
    for name, steps in NETWORKS.items():
        for seed in study.seeds:
            directory = study.network(name, seed)
            settings = SMALL | {"training.steps": steps, "training.seed": seed}
            command = ["train", "tmaze", *option_list(settings), "--out", str(directory)]
            train_to_end(directory, command)


def measure(study: Study, tables: Sequence[str] = ()) -> None:
    """Measure every row of the named tables, or of all."""
    for table in tables or TABLES:
        for name, row in TABLES[table].items():
            for seed in study.training_seeds(row):
                trained = Trained.load(study.run(row, seed), row.planner)
                request = trained.request(study.task(row), study.episodes(row))
                measure_once(
                    study.result(name, row, seed),
                    {**request, "perturb": row.perturb},
                    functools.partial(_measure_row, study, row, trained.agent()),
                )
            jax.clear_caches()


def _measure_row(study: Study, row: Row, agent: Agent) -> dict[str, Any]:
    return summarize(play_row(study, row, agent, seeds=study.episodes(row)), study.task(row))


def play_row(study: Study, row: Row, agent: Agent, seeds: range) -> Episodes:
    """Play one episode per seed, side by side, in the row's perturbed environment.

    Unlike `experiments.common.episodes`, this serves tasks whose observation has no goal.
    """
    task = study.task(row)
    perturbations = [parse_perturbation(text) for text in row.perturb]
    return run_episodes(
        agent,
        lambda: perturbed(make_env(task.env, task.env_kwargs), perturbations),
        np.asarray(seeds),
        state=agent.layout.state,
        goal=agent.layout.goal,
    )
