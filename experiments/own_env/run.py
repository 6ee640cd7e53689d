"""Planners from the data of mediocre controllers: python -m experiments.own_env.run."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.data.collect import collect
from dfplan.data.minari_io import load_trajectories
from dfplan.data.store.listing import local_ids
from dfplan.evaluation.baselines import PolicyBatch
from dfplan.evaluation.bootstrap import mean_interval
from dfplan.evaluation.play import BatchAgent, run_episodes
from dfplan.representation.layout import Layout
from dfplan.runs.presets import make_config
from dfplan.runs.train import resume, train
from dfplan.tasks.make_env import make_env
from experiments.common.cloning import Cloning
from experiments.common.markdown import cell, table
from experiments.common.protocol import TRAINING_SEEDS
from experiments.own_env.cases import CASES, Case


def main(argv: Sequence[str] | None = None) -> None:
    """Measure each training seed that is not measured yet, and print a table per case."""
    parser = argparse.ArgumentParser(prog="python -m experiments.own_env.run", description=__doc__)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=TRAINING_SEEDS, help="training seeds"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/own_env"))
    args = parser.parse_args(argv)
    for name in args.cases:
        case = CASES[name]
        if case.task.dataset not in local_ids():
            collect(case.task.env, case.task.dataset, steps=case.steps, policy=case.controller)
        results = [measure_once(case, seed, args.out / name) for seed in args.seeds]
        print(f"{name}\n\n{return_table(results)}\n", flush=True)


def measure_once(case: Case, seed: int, out: Path) -> dict[str, list[float]]:
    """Return the results of a training seed, from its file if it is already measured."""
    file = out / f"seed-{seed}.json"
    if not file.exists():
        returns = measure(case, seed, out / f"run-{seed}")
        file.write_text(json.dumps(returns) + "\n")
    return json.loads(file.read_text())


def measure(case: Case, seed: int, run: Path) -> dict[str, list[float]]:
    """Train a planner and a clone with the same data and steps, and play the episodes.

    Args:
        case: Case to measure.
        seed: Training seed.
        run: Directory of the planner's run.

    Returns:
        The return of each episode, of the planner and of the baselines.
    """
    task = case.task
    config = make_config(task, "small").override({**case.settings, "training.seed": seed})
    if run.exists():
        resume(run)
    else:
        train(task, config, run, **case.goal)
    data = load_trajectories(task.dataset)
    env = make_env(task.env)
    clone = Cloning(data, steps=config.training.steps, batch=config.training.batch_size, seed=seed)
    agents = {
        "planner": Agent.load(run, planner=case.planner),
        "behavior cloning": clone,
        "the data's controller": PolicyBatch(lambda episode: case.controller(env, episode)),
    }
    return {name: _returns(agent, case, data.layout) for name, agent in agents.items()}


def _returns(agent: BatchAgent, case: Case, layout: Layout) -> list[float]:
    def make() -> Any:
        return make_env(case.task.env)

    episodes = run_episodes(agent, make, case.seeds, state=layout.state, goal=layout.goal)
    return episodes.reward.sum(axis=1).tolist()


def return_table(results: list[dict[str, list[float]]]) -> str:
    """Return mean returns as Markdown, with 95 % intervals over training seeds and episodes."""
    values = {name: np.array([result[name] for result in results]) for name in results[0]}
    values["planner minus cloning, same episodes"] = values["planner"] - values["behavior cloning"]
    rows = [[name, cell(mean_interval(value), 2)] for name, value in values.items()]
    return table(["", "return"], rows)


if __name__ == "__main__":
    main()
