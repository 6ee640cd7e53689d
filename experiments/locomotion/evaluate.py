"""Evaluate planners, behavior cloning and peers."""

import functools
import itertools
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.data.minari_io import load_trajectories
from dfplan.evaluation.episodes import Episodes
from dfplan.evaluation.metrics import measure
from dfplan.evaluation.play import BatchAgent, run_episodes
from dfplan.representation.layout import Layout
from dfplan.tasks.make_env import make_env
from dfplan.tasks.perturb import Perturbation, perturbed
from dfplan.tasks.registry import Task
from dfplan.types import UserError
from experiments.common.cloning import Cloning
from experiments.common.records import is_done, measure_once, read, write
from experiments.common.task_study import TaskStudy
from experiments.common.trained import Trained
from experiments.locomotion.export import export
from experiments.locomotion.study import HERE, PEER_STEPS

CLONING_STEPS = 50_000
CLONING_BATCH = 256
PEERS = ("bc", "td3+bc", "iql", "dt")
DEFAULT_PEERS = ("bc", "td3+bc", "iql")
"""Peers that train in hours; the Decision Transformer, "dt", takes days."""
PEERS_PYTHON = "PEERS_PYTHON"
"""Environment variable that names the Python of the peers' virtual environment."""


def evaluate(study: TaskStudy) -> None:
    """Evaluate every planner; measured ones are skipped."""
    for name, seed in study.cases():
        task = study.task(name)
        trained = study.load(name, seed)
        measure_once(
            study.result(name, seed, "dfplan"),
            trained.request(task, study.evaluation),
            functools.partial(_evaluate_trained, trained, task, study.evaluation),
        )


def clone(study: TaskStudy) -> None:
    """Train and evaluate behavior cloning with a network of dfplan's experiments."""
    for name, seed in study.cases():
        task = study.task(name)
        measure_once(
            study.result(name, seed, "cloning"),
            clone_request(task, study.evaluation),
            functools.partial(_evaluate_clone, task, seed, study.evaluation),
        )


def clone_request(task: Task, seeds: range) -> dict[str, Any]:
    """Return what the scores of behavior cloning depend on, except the code."""
    return {
        "task": task.name,
        "seeds": [seeds.start, seeds.stop],
        "steps": CLONING_STEPS,
        "batch": CLONING_BATCH,
    }


def make_clone(task: Task, seed: int) -> tuple[Cloning, Layout]:
    """Train behavior cloning on the data of a task; also return the layout of the data."""
    data = load_trajectories(task.dataset)
    return Cloning(data, steps=CLONING_STEPS, batch=CLONING_BATCH, seed=seed), data.layout


def run_peers(
    study: TaskStudy, steps: int = PEER_STEPS, peers: Sequence[str] = DEFAULT_PEERS
) -> None:
    """Train and evaluate the peers with the Python that `PEERS_PYTHON` names.

    Args:
        study: The study.
        steps: Optimizer steps of each peer.
        peers: Names of the peers.

    Raises:
        UserError: If the variable is not set.
        CalledProcessError: If a peer fails.
    """
    python = os.environ.get(PEERS_PYTHON)
    if not python:
        raise UserError(f"set {PEERS_PYTHON} to the Python of the peers' virtual environment")
    for (name, seed), peer in itertools.product(study.cases(), peers):
        _run_peer(study, python, peer, name, seed=seed, steps=steps)


def peer_actor(study: TaskStudy, peer: str, name: str, *, seed: int, steps: int) -> Path:
    """Return the file of a peer's policy after a number of optimizer steps."""
    return study.runs / "peers" / f"{peer}-{name}-{seed}-{steps}.npz"


def _run_peer(
    study: TaskStudy, python: str, peer: str, name: str, *, seed: int, steps: int
) -> None:
    """Train and evaluate a peer once."""
    task = study.task(name)
    episodes = study.evaluation
    request = {
        "task": name,
        "seeds": [episodes.start, episodes.stop],
        "steps": steps,
    }
    path = study.result(name, seed, peer)
    if is_done(path, request):
        return
    data = study.runs / "exported" / f"{name}.npz"
    if not data.exists():
        export(name, data)
    out = peer_actor(study, peer, name, seed=seed, steps=steps).with_suffix(".json")
    command = [python, str(HERE / "peers" / "run.py"), peer, str(data), str(task.env)]
    options = {
        "--steps": steps,
        "--seed": seed,
        "--episodes": len(episodes),
        "--episode-seed": episodes.start,
        "--target-return": _expert_return(task),
        "--out": out,
    }
    for option, value in options.items():
        command += [option, str(value)]
    subprocess.run(command, check=True)
    played = json.loads(out.read_text())
    write(path, {"request": request, **score(task, np.array(played["returns"])), **played})


def _expert_return(task: Task) -> float:
    """Return the expert's mean return, which a normalized score of 100 stands for."""
    assert task.score is not None
    return task.score["max"]


def _evaluate_trained(trained: Trained, task: Task, seeds: range) -> dict[str, Any]:
    return evaluate_planner(trained.agent(), task, seeds)


def evaluate_planner(agent: Agent, task: Task, seeds: range) -> dict[str, Any]:
    """Return the normalized scores of an agent's episodes."""
    return score(task, play(agent, task, agent.layout, seeds))


def _evaluate_clone(task: Task, seed: int, seeds: range) -> dict[str, Any]:
    agent, layout = make_clone(task, seed)
    return score(task, play(agent, task, layout, seeds))


def play(
    agent: BatchAgent,
    task: Task,
    layout: Layout,
    seeds: range,
    perturbations: Sequence[Perturbation] = (),
) -> np.ndarray:
    """Return the return of each episode."""
    returns = measure(play_episodes(agent, task, layout, seeds, perturbations))["raw_return"]
    assert returns is not None
    return returns


def play_episodes(
    agent: BatchAgent,
    task: Task,
    layout: Layout,
    seeds: range,
    perturbations: Sequence[Perturbation] = (),
) -> Episodes:
    """Play one episode per seed, side by side."""

    def make() -> Any:
        return perturbed(make_env(task.env, task.env_kwargs), perturbations)

    return run_episodes(
        agent, make, np.asarray(seeds), state=layout.state, goal=layout.goal, num_envs=len(seeds)
    )


def score(task: Task, returns: np.ndarray) -> dict[str, Any]:
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


def read_scores(study: TaskStudy, method: str, name: str) -> list[list[float]]:
    """Return the scores of a method's episodes, one list per seed that was evaluated."""
    paths: list[Path] = [study.result(name, seed, method) for seed in study.seeds]
    records = [read(path) for path in paths]
    return [record["scores"] for record in records if record is not None]
