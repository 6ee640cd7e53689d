"""pack: a copy of a run with only what evaluation needs, small enough to ship."""

import contextlib
import tempfile
from pathlib import Path

from dfplan.run import Run, checkpoints, load_weights
from dfplan.training.checkpoint import CheckpointStore
from dfplan.types import PyTree, UserError, one_line


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
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UserError(f"{out} exists and is not empty; name another directory")
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as part:
            copy = Path(part) / "run"
            _write(run, params, directory, copy)
            copy.replace(out)
    except OSError as error:
        reason = error.strerror or one_line(error)
        raise UserError(f"cannot write {out}: {reason}") from error
    return sum(path.stat().st_size for path in out.rglob("*") if path.is_file())


def _write(run: Run, params: PyTree, directory: Path, copy: Path) -> None:
    run.save(copy)
    with contextlib.closing(CheckpointStore(checkpoints(directory))) as store:
        step = store.latest()
    assert step is not None  # its weights have been loaded
    with contextlib.closing(CheckpointStore(checkpoints(copy))) as store:
        store.save_weights(step, params)
