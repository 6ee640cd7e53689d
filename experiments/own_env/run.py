"""Planners from data of mediocre controllers, beside cloning: python -m experiments.own_env.run."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dfplan.agent import Agent
from dfplan.data.collect import collect
from dfplan.data.layout import Layout
from dfplan.data.make_env import make_env
from dfplan.data.minari_io import load_trajectories, local_ids
from dfplan.evaluate import BatchAgent, run_episodes
from dfplan.presets import make_config
from dfplan.references import PolicyBatch
from dfplan.trainer import resume, train
from experiments.maze2d.bootstrap import mean_interval
from experiments.own_env.cases import CASES, Case
from experiments.own_env.cloning import Cloning

TRAINING_SEEDS = (0, 1, 2)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure each training seed that is not measured yet, and print a table of all per case."""
    parser = argparse.ArgumentParser(prog="python -m experiments.own_env.run", description=__doc__)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--seeds", type=int, nargs="+", default=TRAINING_SEEDS)
    parser.add_argument("--out", type=Path, default=Path("runs/own_env"))
    args = parser.parse_args(argv)
    for name in args.cases:
        case = CASES[name]
        if case.task.dataset not in local_ids():
            collect(case.task.env, case.task.dataset, steps=case.steps, policy=case.controller)
        found = [measured(case, seed, args.out / name) for seed in args.seeds]
        print(f"{name}\n\n{table(found)}\n", flush=True)


def measured(case: Case, seed: int, out: Path) -> dict[str, list[float]]:
    """Return of each episode, of the planner and of what it is compared with."""
    file = out / f"seed-{seed}.json"
    if not file.exists():
        found = measure(case, seed, out / f"run-{seed}")
        file.write_text(json.dumps(found) + "\n")
    return json.loads(file.read_text())


def measure(case: Case, seed: int, run: Path) -> dict[str, list[float]]:
    """Train a planner and a clone on the same data, for as many steps, and play the episodes."""
    task = case.task
    config = make_config(task, "small").override({**case.settings, "training.seed": seed})
    if run.exists():
        resume(run)
    else:
        train(task, config, run, **case.goal)
    data, env = load_trajectories(task.dataset), make_env(task.env)
    steps, batch = config.training.steps, config.training.batch_size
    agents = {
        "planner": Agent.load(run, planner=case.planner),
        "behaviour cloning": Cloning(data, steps=steps, batch=batch, seed=seed),
        "the data's controller": PolicyBatch(lambda episode: case.controller(env, episode)),
    }
    return {name: _returns(agent, case, data.layout) for name, agent in agents.items()}


def _returns(agent: BatchAgent, case: Case, layout: Layout) -> list[float]:
    make = lambda: make_env(case.task.env)  # noqa: E731
    played = run_episodes(agent, make, case.seeds, state=layout.state, goal=layout.goal)
    return played.reward.sum(axis=1).tolist()


def table(results: list[dict[str, list[float]]]) -> str:
    """Mean returns with 95 % intervals over training seeds and episodes, in Markdown."""
    values = {name: np.array([result[name] for result in results]) for name in results[0]}
    ahead = values["planner"] - values["behaviour cloning"]
    rows = [*values.items(), ("planner less cloning, same episodes", ahead)]
    lines = [f"| {name} | {_cell(value)} |" for name, value in rows]
    return "\n".join(["| | return |", "|---|---|", *lines])


def _cell(values: np.ndarray) -> str:
    found = mean_interval(values)
    return f"{found['mean']:.2f} ({found['ci_low']:.2f} to {found['ci_high']:.2f})"


if __name__ == "__main__":
    main()
