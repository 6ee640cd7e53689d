"""The newest checkpoint of a run."""

from pathlib import Path

from dfplan.runs.run import checkpoints
from dfplan.training.checkpoint import CheckpointStore


def latest_step(run: Path) -> int | None:
    """The step of a run's newest checkpoint, or None."""
    with CheckpointStore(checkpoints(run)) as store:
        return store.latest()
