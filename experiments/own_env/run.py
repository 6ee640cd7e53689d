"""Reacher from 60 episodes of a mediocre controller: python -m experiments.own_env.run."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dfplan.agent import Agent
from dfplan.data.collect import collect
from dfplan.data.make_env import make_env
from dfplan.data.minari_io import Trajectories, load_trajectories, local_ids
from dfplan.evaluate import BatchAgent, run_episodes
from dfplan.presets import make_config
from dfplan.references import PolicyBatch
from dfplan.tasks import Task
from dfplan.trainer import resume, train
from experiments.maze2d.bootstrap import mean_interval
from experiments.own_env.cloning import Cloning
from experiments.own_env.reacher import Controller

TASK = Task("Reacher-v5", "own/reacher-v0")
STEPS = 60 * 50
"""Control steps of 60 episodes."""
VECTOR = (8, 9)
"""Places of the vector from the target to the fingertip: a goal of (0, 0) is to be there."""
SPEED = (6, 7)
TRAINING_SEEDS = (0, 1, 2)
SEEDS = np.arange(11_000, 11_100)
SETTINGS = {
    # 48 control steps, an episode's length: only plans that see the arrival can choose the soonest.
    "data.stride": 3,
    "data.tokens": 17,
    "data.rest_dims": SPEED,
    "net.width": 64,
    "training.steps": 1_500,
    "planner.candidates": 16,
    "planner.replan_every": 1,
    "planner.goal_tolerance": 0.02,
}


def main(argv: Sequence[str] | None = None) -> None:
    """Measure each training seed that is not measured yet, and print the table of all."""
    parser = argparse.ArgumentParser(prog="python -m experiments.own_env.run", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=TRAINING_SEEDS)
    parser.add_argument("--out", type=Path, default=Path("runs/own_env"))
    args = parser.parse_args(argv)
    if TASK.dataset not in local_ids():
        collect(TASK.env, TASK.dataset, steps=STEPS, policy=Controller)
    print(table([measured(seed, args.out) for seed in args.seeds]))


def measured(seed: int, out: Path) -> dict[str, list[float]]:
    """Return of each episode, of the planner and of what it is compared with."""
    file = out / f"seed-{seed}.json"
    if not file.exists():
        found = measure(seed, out / f"run-{seed}")
        file.write_text(json.dumps(found) + "\n")
    return json.loads(file.read_text())


def measure(seed: int, run: Path) -> dict[str, list[float]]:
    """Train a planner and a clone on the same data, for as many steps, and play the episodes."""
    config = make_config(TASK, "small").override({**SETTINGS, "training.seed": seed})
    if run.exists():
        resume(run)
    else:
        train(TASK, config, run, goal_dims=VECTOR, goal_value=(0.0, 0.0))
    data, env = load_trajectories(TASK.dataset), make_env(TASK.env)
    steps, batch = config.training.steps, config.training.batch_size
    agents = {
        "planner": Agent.load(run),
        "behaviour cloning": Cloning(data, steps=steps, batch=batch, seed=seed),
        "the data's controller": PolicyBatch(lambda episode: Controller(env, episode)),
    }
    return {name: _returns(agent, data) for name, agent in agents.items()}


def _returns(agent: BatchAgent, data: Trajectories) -> list[float]:
    layout = data.layout
    make = lambda: make_env(TASK.env)  # noqa: E731
    played = run_episodes(agent, make, SEEDS, state=layout.state, goal=layout.goal)
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
