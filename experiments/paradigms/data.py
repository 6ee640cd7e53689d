"""Data without goals: the states and actions of a task's dataset as a dataset of its own."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from dfplan.cli.common import console
from dfplan.data.minari_io import load_trajectories
from dfplan.data.store.listing import local_ids
from dfplan.tasks.registry import get_task
from experiments.common.commands import collect_once, run_command
from experiments.paradigms.study import SOURCE, Study, dataset

HELD_OUT_STEPS = "100000"


def prepare(study: Study) -> None:
    """Collect the training data, and held-out data of the same kind to continue."""
    source = get_task(SOURCE).dataset
    collect_once(source, _collect_arguments(source, 0))
    _strip_goals(source, dataset(0))
    seed = study.evaluation.start
    held_out = f"paradigms/medium-goals-{seed}-v0"
    collect_once(held_out, [*_collect_arguments(held_out, seed), "--steps", HELD_OUT_STEPS])
    _strip_goals(held_out, dataset(seed))


def _collect_arguments(dataset_id: str, seed: int) -> list[str]:
    return [SOURCE, "--dataset", dataset_id, "--seed", str(seed)]


def _strip_goals(source: str, target: str) -> None:
    """Write a dataset's states and actions as a dataset without goals, unless it exists."""
    if target in local_ids():
        console.print(f"{target}: already written")
        return
    data = load_trajectories(source)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "states.npz"
        np.savez(
            path,
            observations=data.state,
            actions=data.action[data.action_rows],
            episode_lengths=data.length - 1,
        )
        run_command(["import", "numpy", str(path), "--dataset", target])
