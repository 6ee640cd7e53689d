"""Write a dataset as one NPZ file, for peers: python -m experiments.locomotion.export TASK FILE."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.data.minari_io import load_trajectories
from dfplan.data.trajectories import Trajectories
from dfplan.tasks.registry import get_task
from dfplan.util.files import atomic_file


def main(argv: Sequence[str] | None = None) -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.locomotion.export", description=__doc__
    )
    parser.add_argument("task")
    parser.add_argument("file", type=Path)
    args = parser.parse_args(argv)
    export(args.task, args.file)


def export(task: str, file: Path) -> None:
    """Write the dataset of a task."""
    data = load_trajectories(get_task(task).dataset, rewards=True)
    arrays: dict[str, Any] = transitions(data)
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(file) as staged, staged.open("wb") as stream:
        np.savez(stream, **arrays)


def transitions(data: Trajectories) -> dict[str, np.ndarray]:
    """Return one row per control step, in order.

    `observations`, `actions`, `rewards`, `terminals` (the episode terminated at this step) and
    `timeouts` (it was truncated). The last state of a truncated episode is lost, as d3rlpy's
    datasets do not hold it.
    """
    assert data.reward is not None and data.terminated is not None
    steps = data.action_rows
    ends = np.zeros(len(data.state), bool)
    ends[data.last - 1] = True
    terminated = np.repeat(data.terminated, data.length)
    return {
        "observations": data.layout.to_global(data.state)[steps].astype(np.float32),
        "actions": data.action[steps],
        "rewards": data.reward[steps].astype(np.float32),
        "terminals": (ends & terminated)[steps],
        "timeouts": (ends & ~terminated)[steps],
    }


if __name__ == "__main__":
    main()
