"""Collect the data, train the planners, and evaluate planners, clones and peers."""

import functools
import itertools
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.data.minari_io import load_trajectories
from dfplan.evaluation.metrics import measure
from dfplan.evaluation.play import BatchAgent, run_episodes
from dfplan.representation.layout import Layout
from dfplan.tasks.make_env import make_env
from dfplan.tasks.registry import Task, get_task
from dfplan.types import UserError
from experiments.common.cloning import Cloning
from experiments.common.commands import collect_once
from experiments.common.records import is_done, measure_once, read, write
from experiments.common.trained import Trained
from experiments.common.training import train_to_end
from experiments.locomotion.export import export
from experiments.locomotion.study import HERE, Study

CLONING_STEPS = 50_000
CLONING_BATCH = 256
PEERS = ("bc", "td3+bc", "iql")
PEERS_PYTHON = "PEERS_PYTHON"
"""Environment variable that names the Python of the peers' virtual environment."""


def collect(study: Study) -> None:
    """Collect each task's data with the public command line.

    Raises:
        SystemExit: If the command fails, with its exit code.
    """
    for name in study.names:
        collect_once(get_task(name).dataset, [name])


def train(study: Study) -> None:
    """Train one run per task and seed, with the task's preset and no other setting.

    Raises:
        SystemExit: If a command fails or is interrupted, with its exit code.
    """
    for name, seed in _cases(study):
        directory = study.run(name, seed)
        command = ["train", name, "--training.seed", str(seed), "--out", str(directory)]
        train_to_end(directory, command)


def evaluate(study: Study) -> None:
    """Evaluate every planner; measured ones are skipped."""
    for name, seed in _cases(study):
        task = get_task(name)
        trained = Trained.load(study.run(name, seed), _planner_settings(task))
        measure_once(
            study.result("dfplan", name, seed),
            trained.request(task, study.evaluation),
            functools.partial(_evaluate_planner, trained, task, study.evaluation),
        )


def clone(study: Study) -> None:
    """Train and evaluate behavior cloning with a network of dfplan's experiments."""
    for name, seed in _cases(study):
        request = {
            "task": name,
            "seeds": [study.evaluation.start, study.evaluation.stop],
            "steps": CLONING_STEPS,
            "batch": CLONING_BATCH,
        }
        measure_once(
            study.result("cloning", name, seed),
            request,
            functools.partial(_evaluate_clone, get_task(name), seed, study.evaluation),
        )


def run_peers(study: Study) -> None:
    """Train and evaluate the peers with the Python that `PEERS_PYTHON` names.

    Raises:
        UserError: If the variable is not set.
        CalledProcessError: If a peer fails.
    """
    python = os.environ.get(PEERS_PYTHON)
    if not python:
        raise UserError(f"set {PEERS_PYTHON} to the Python of the peers' virtual environment")
    for (name, seed), peer in itertools.product(_cases(study), PEERS):
        _run_peer(study, python, peer, name, seed=seed)


def _run_peer(study: Study, python: str, peer: str, name: str, *, seed: int) -> None:
    """Train and evaluate a peer once."""
    task = get_task(name)
    episodes = study.evaluation
    request = {
        "task": name,
        "seeds": [episodes.start, episodes.stop],
        "steps": study.peer_steps,
    }
    path = study.result(peer, name, seed)
    if is_done(path, request):
        return
    data = study.runs / "exported" / f"{name}.npz"
    if not data.exists():
        export(name, data)
    out = study.runs / "peers" / f"{peer}-{name}-{seed}.json"
    command = [python, str(HERE / "peers" / "run.py"), peer, str(data), str(task.env)]
    options = {
        "--steps": study.peer_steps,
        "--seed": seed,
        "--episodes": len(episodes),
        "--episode-seed": episodes.start,
        "--out": out,
    }
    for option, value in options.items():
        command += [option, str(value)]
    subprocess.run(command, check=True)
    played = json.loads(out.read_text())
    write(path, {"request": request, **_scores(task, np.array(played["returns"])), **played})


def _cases(study: Study) -> Iterator[tuple[str, int]]:
    return itertools.product(study.names, study.seeds)


def _planner_settings(task: Task) -> dict[str, Any]:
    """Return the planner settings of the task's present preset."""
    prefix = "planner."
    return {k.removeprefix(prefix): v for k, v in task.preset.items() if k.startswith(prefix)}


def _evaluate_planner(trained: Trained, task: Task, seeds: range) -> dict[str, Any]:
    agent = trained.agent()
    return _scores(task, play(agent, task, agent.layout, seeds))


def _evaluate_clone(task: Task, seed: int, seeds: range) -> dict[str, Any]:
    data = load_trajectories(task.dataset)
    agent = Cloning(data, steps=CLONING_STEPS, batch=CLONING_BATCH, seed=seed)
    return _scores(task, play(agent, task, data.layout, seeds))


def play(agent: BatchAgent, task: Task, layout: Layout, seeds: range) -> np.ndarray:
    """Return the return of each episode."""
    make: Callable[[], Any] = functools.partial(make_env, task.env, task.env_kwargs)
    episodes = run_episodes(
        agent, make, np.asarray(seeds), state=layout.state, goal=layout.goal, num_envs=len(seeds)
    )
    returns = measure(episodes)["raw_return"]
    assert returns is not None
    return returns


def _scores(task: Task, returns: np.ndarray) -> dict[str, Any]:
    """Return the normalized scores of returns."""
    assert task.score is not None
    low = task.score["min"]
    high = task.score["max"]
    scores = 100 * (returns - low) / (high - low)
    return {
        "mean_score": float(scores.mean()),
        "mean_return": float(returns.mean()),
        "scores": scores.tolist(),
    }


def read_scores(study: Study, method: str, name: str) -> list[list[float]]:
    """Return the scores of a method's episodes, one list per seed that was evaluated."""
    paths: list[Path] = [study.result(method, name, seed) for seed in study.seeds]
    records = [read(path) for path in paths]
    return [record["scores"] for record in records if record is not None]
