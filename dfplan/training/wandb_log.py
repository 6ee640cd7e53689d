"""Metrics of a run in Weights & Biases."""

import secrets
from pathlib import Path
from typing import Any

from dfplan.types import UserError, one_line
from dfplan.util import files
from dfplan.util.optional import import_optional

ID = "wandb_id.txt"


class WandbLog:
    """Logs scalars to a Weights & Biases project; needs the extra `wandb`.

    A resumed run continues the same W&B run, whose id is stored in the run directory. Of the steps
    after the checkpoint, which are trained twice with the same results, W&B keeps the first
    records.

    Without an account, set W&B's environment variable WANDB_MODE=offline.

    Args:
        project: Name of the project.
        directory: Run directory.
        config: Settings to show beside the curves.

    Raises:
        UserError: If wandb is not installed, or cannot start a run.
    """

    def __init__(self, project: str, directory: Path, config: dict[str, Any]):
        wandb = import_optional("wandb", "wandb", "training.wandb")
        path = directory / ID
        if not path.exists():
            files.write_text(path, secrets.token_hex(4) + "\n")
        try:
            self._run = wandb.init(
                project=project,
                name=directory.name,
                id=path.read_text().strip(),
                resume="allow",
                dir=str(directory),
                config=config,
            )
        except wandb.Error as error:
            raise UserError(
                f"training.wandb {project!r}: {one_line(error)}; "
                "WANDB_MODE=offline logs without an account"
            ) from error

    def write(self, step: int, scalars: dict[str, float]) -> None:
        """Record `scalars` at `step`."""
        self._run.log(scalars, step=step)

    def close(self) -> None:
        """Send what has not been sent yet, and end the session."""
        self._run.finish()
