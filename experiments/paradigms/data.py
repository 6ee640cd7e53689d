"""Data without goals: the states and actions of a task's dataset, as one of their own."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from dfplan.cli import main
from dfplan.cli.common import console
from dfplan.data.minari_io import load_trajectories, local_ids
from dfplan.tasks import get_task
from experiments.paradigms.study import SOURCE, Study, dataset

HELD_OUT_STEPS = 100_000


def prepare(study: Study) -> None:
    """Collect what the networks learn from, and other data of the same kind to continue."""
    source = get_task(SOURCE).dataset
    _collect(source, 0, None)
    _strip(source, dataset(0))
    held_out = study.evaluation.start
    _collect(_with_goals(held_out), held_out, HELD_OUT_STEPS)
    _strip(_with_goals(held_out), dataset(held_out))


def _with_goals(seed: int) -> str:
    return f"paradigms/medium-goals-{seed}-v0"


def _collect(dataset_id: str, seed: int, steps: int | None) -> None:
    if dataset_id in local_ids():
        console.print(f"{dataset_id}: collected before")
        return
    command = ["collect", SOURCE, "--dataset", dataset_id, "--seed", str(seed)]
    _do(command if steps is None else [*command, "--steps", str(steps)])


def _strip(source: str, wanted: str) -> None:
    """Write a dataset's states and actions as one without goals."""
    if wanted in local_ids():
        console.print(f"{wanted}: made before")
        return
    data = load_trajectories(source)
    taken = np.ones(len(data.action), bool)
    taken[data.start + data.length - 1] = False
    with TemporaryDirectory() as folder:
        path = Path(folder) / "states.npz"
        np.savez(
            path,
            observations=data.state,
            actions=data.action[taken],
            episode_lengths=data.length - 1,
        )
        _do(["import", "numpy", str(path), "--dataset", wanted])


def _do(command: list[str]) -> None:
    if code := main(command):
        raise SystemExit(code)
