"""Packing: a copy of a run with only what evaluation needs, small enough to ship."""

from pathlib import Path

from dfplan.runs.run import Run, checkpoints, load_weights
from dfplan.training.checkpoint import CheckpointStore
from dfplan.types import PyTree
from dfplan.util.files import atomic_directory, folder_size


def pack(directory: Path | str, out: Path | str) -> int:
    """Copy a run's `config.json` and newest weights: everything that its planner reads.

    The training state and all logs are left out: the copy can be evaluated, but training cannot be
    resumed from it. It is written atomically.

    Args:
        directory: Directory of the run.
        out: Directory of the copy; must not exist, or be empty.

    Returns:
        Size of the copy in bytes.

    Raises:
        UserError: If there is no run or no checkpoint, either is damaged, or `out` is not empty or
            cannot be written.
    """
    directory = Path(directory)
    out = Path(out)
    run = Run.load(directory)
    params = load_weights(run, directory).params
    with atomic_directory(out) as copy:
        run.save(copy)
        _save_weights(params, _latest_step(directory), copy)
    return folder_size(out)


def _latest_step(directory: Path) -> int:
    with CheckpointStore(checkpoints(directory)) as store:
        step = store.latest()
    assert step is not None  # its weights have been loaded
    return step


def _save_weights(params: PyTree, step: int, directory: Path) -> None:
    with CheckpointStore(checkpoints(directory)) as store:
        store.save_weights(step, params)
