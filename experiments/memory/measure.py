"""Train the T-maze's networks and drive every row's episodes; what is done stays."""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from dfplan.agent import Agent
from dfplan.cli import main
from dfplan.data.make_env import make_env
from dfplan.data.minari_io import local_ids
from dfplan.evaluate import Episodes, run_episodes
from dfplan.perturb import parse_perturbation, perturbed
from experiments.maze2d.evaluate import Trained, answer, is_trained, summary
from experiments.memory.study import NETWORKS, SMALL, TABLES, TMAZE, Row, Study


def train(study: Study) -> None:
    """Collect the T-maze's data and train its networks, with the public command line.

    Raises:
        SystemExit: with the command's exit code, when it fails.
    """
    if study.task(TMAZE["history"]).dataset not in local_ids():
        _command(["collect", "tmaze"])
    for name, steps in NETWORKS.items():
        for seed in study.seeds:
            out = study.run(Row("", network=name), seed)
            if not is_trained(out):
                settings = SMALL | {"training.steps": steps, "training.seed": seed}
                options = [str(a) for k, v in settings.items() for a in (f"--{k}", v)]
                _command(["train", "tmaze", *options, "--out", str(out)])


def _command(arguments: list[str]) -> None:
    code = main(arguments)
    jax.clear_caches()
    if code:
        raise SystemExit(code)


def measure(study: Study, tables: Sequence[str] = ()) -> None:
    """Measure every row of some tables, or of all."""
    for table in tables or TABLES:
        for name, row in TABLES[table].items():
            for seed in study.training_seeds(row):
                trained = Trained.load(study.run(row, seed), row.planner)
                asked = trained.asked(study.task(row), study.episodes(row))
                answer(
                    study.result(name, row, seed),
                    {**asked, "perturb": row.perturb},
                    functools.partial(_record, study, row, trained.agent()),
                )
            jax.clear_caches()


def _record(study: Study, row: Row, agent: Agent) -> dict[str, Any]:
    return summary(drive(study, row, agent, study.episodes(row)), study.task(row))


def drive(study: Study, row: Row, agent: Agent, seeds: range) -> Episodes:
    """One episode per seed."""
    task, perturbations = study.task(row), [parse_perturbation(text) for text in row.perturb]
    return run_episodes(
        agent,
        lambda: perturbed(make_env(task.env, task.env_kwargs), perturbations),
        np.asarray(seeds),
        state=agent.layout.state,
        goal=agent.layout.goal,
    )
