"""pack: a copy of a run with only what evaluation needs, small enough to ship."""

import contextlib
from pathlib import Path

from dfplan.runs.run import Run, checkpoints, load_weights
from dfplan.training.checkpoint import CheckpointStore
from dfplan.types import PyTree
from dfplan.util.files import atomic_directory, folder_size


def pack(directory: Path | str, out: Path | str) -> int:
    """Copy a run's config.json and its newest weights: all that its planner reads.

    What is left out is the training state and all that was logged: the copy can be evaluated, and
    not trained on. It is written whole or not at all.

    Args:
        directory: of the run.
        out: directory of the copy; must not exist, or be empty.

    Returns:
        Size of the copy, bytes.

    Raises:
        UserError: when there is no run or no checkpoint, either is damaged, or `out` holds
            something or cannot be written.
    """
    directory, out = Path(directory), Path(out)
    run = Run.load(directory)
    params = load_weights(run, directory).params
    with atomic_directory(out) as copy:
        _write(run, params, directory, copy)
    return folder_size(out)


def _write(run: Run, params: PyTree, directory: Path, copy: Path) -> None:
    run.save(copy)
    with contextlib.closing(CheckpointStore(checkpoints(directory))) as store:
        step = store.latest()
    assert step is not None  # its weights have been loaded
    with contextlib.closing(CheckpointStore(checkpoints(copy))) as store:
        store.save_weights(step, params)
