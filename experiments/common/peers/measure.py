"""Train an algorithm on a task's data and evaluate it by the task's protocol."""

import dataclasses
import functools
import json
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.cli.progress_bar import step_bar
from dfplan.data.minari_io import load_trajectories
from dfplan.data.trajectories import Trajectories
from dfplan.tasks.registry import Task
from dfplan.util.files import atomic_file
from experiments.common.peers.goals import load_data
from experiments.common.peers.learner import Algorithm, act, init_state, train_until
from experiments.common.peers.networks import Networks
from experiments.common.protocol_episodes import play_episodes, score
from experiments.common.records import measure_once
from experiments.common.task_study import TaskStudy

CHUNK = 2000
"""Optimizer steps between reports of progress."""
PEERS = "peers"
"""Folder of the trained networks in that of the study's runs."""


def measure_peer(
    study: TaskStudy, name: str, seed: int, algorithm: Algorithm, *, seeds: range, num_envs: int
) -> None:
    """Train and evaluate an algorithm on a task; skips finished work.

    Args:
        study: Study, whose results get the scores.
        name: Short name of the task.
        seed: Training seed.
        algorithm: Algorithm with its settings.
        seeds: Episode seeds.
        num_envs: Largest number of environments at once.
    """
    task = study.task(name)
    data = load_trajectories(task.dataset)
    peer = type(algorithm).__name__.lower()
    training = {
        "task": name,
        "data": data.fingerprint,
        "algorithm": _describe(algorithm),
        "training_seed": seed,
    }
    file = study.runs / PEERS / f"{peer}-{name}-{seed}.npz"

    def evaluate() -> dict[str, Any]:
        networks, seconds = _learn_once(file, training, algorithm, data, seed)
        agent = PeerAgent(algorithm, networks, *_moments(data))
        scores = _play(agent, data, task, seeds, num_envs)
        return {**scores, "training_cpu_seconds": seconds}

    request = {**training, "seeds": [seeds.start, seeds.stop]}
    measure_once(study.result(name, seed, peer), request, evaluate)


def _describe(algorithm: Algorithm) -> dict[str, Any]:
    """Return the settings of an algorithm as JSON."""
    settings = dataclasses.asdict(algorithm)  # pyright: ignore[reportArgumentType]
    settings["settings"]["shares"] = algorithm.settings.shares._asdict()
    return settings


def _moments(data: Trajectories) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the standard deviation of the states; 1 where they are constant."""
    deviation = data.state.std(axis=0)
    return data.state.mean(axis=0), np.where(deviation > 0, deviation, 1.0)


def _learn_once(
    file: Path, request: dict[str, Any], algorithm: Algorithm, data: Trajectories, seed: int
) -> tuple[Networks, float]:
    """Return trained networks and the CPU seconds of their training, from a file if it exists.

    Otherwise, train them and write the file, so that another evaluation needs no training.
    """
    key = jax.random.key(seed)
    dims = data.state.shape[1], data.action.shape[1]
    structure = jax.tree.structure(jax.eval_shape(lambda: algorithm.init(key, *dims)))
    if file.is_file():
        with np.load(file) as arrays:
            if str(arrays["request"]) == json.dumps(request):
                leaves = [arrays[str(k)] for k in range(structure.num_leaves)]
                return jax.tree.unflatten(structure, leaves), float(arrays["seconds"])
    begin = time.process_time()
    networks = _learn(algorithm, data, key)
    seconds = time.process_time() - begin
    file.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {
        str(k): np.asarray(leaf) for k, leaf in enumerate(jax.tree.leaves(networks))
    }
    arrays |= {"request": np.array(json.dumps(request)), "seconds": np.array(seconds)}
    with atomic_file(file) as staged, staged.open("wb") as stream:
        np.savez(stream, **arrays)
    return networks, seconds


def _learn(algorithm: Algorithm, data: Trajectories, key: Any) -> Networks:
    arrays = load_data(data, *_moments(data))
    dims = data.state.shape[1], data.action.shape[1]
    state = init_state(algorithm, jax.random.fold_in(key, 0), *dims)
    train = functools.partial(train_until, key=jax.random.fold_in(key, 1))
    steps = algorithm.settings.steps
    with step_bar(type(algorithm).__name__, steps) as advance:
        for first in range(0, steps, CHUNK):
            stop = min(first + CHUNK, steps)
            state = train(state, arrays, algorithm, stop=jnp.int32(stop))
            jax.block_until_ready(state.step)
            advance(stop)
    return state.networks


def _play(
    agent: "PeerAgent", data: Trajectories, task: Task, seeds: range, num_envs: int
) -> dict[str, Any]:
    """Return the scores of an agent, which is given the whole state of the goal."""
    layout = dataclasses.replace(data.layout, goal_dims=tuple(range(data.state.shape[1])))
    return score(play_episodes(agent, layout, task, seeds, num_envs=num_envs), task)


class PeerAgent:
    """Acts in a batch of environments; see `dfplan.evaluation.play.BatchAgent`.

    Args:
        algorithm: Algorithm.
        networks: Its trained networks.
        mean: `[S]` mean of the states.
        std: `[S]` standard deviation of the states.
    """

    def __init__(self, algorithm: Algorithm, networks: Networks, mean: np.ndarray, std: np.ndarray):
        self._algorithm = algorithm
        self._networks = networks
        self._mean = mean
        self._std = std

    def reset(self, mask: np.ndarray | None = None, *, seed: Any = None) -> None:
        """Do nothing: the policy has no memory."""

    def act(
        self, observation: Any, goal: Any = None, *, episode_over: np.ndarray | None = None
    ) -> np.ndarray:
        """Return actions `[B, A]`."""
        state = (np.asarray(observation) - self._mean) / self._std
        goal_state = (np.asarray(goal) - self._mean) / self._std
        return np.asarray(act(self._algorithm, self._networks, state, goal_state))
