"""Metrics of a run in Weights & Biases."""

import secrets
from pathlib import Path
from typing import Any

from dfplan.types import UserError, one_line
from dfplan.util.optional import import_optional

ID = "wandb_id.txt"


class WandbLog:
    """Logs scalars to a project, in the extra `wandb`.

    A resumed run goes on in the same W&B run, whose id is kept beside it. W&B keeps what it was
    given first of the steps past the checkpoint, which are trained to the same bits again.

    Without an account: the environment variable WANDB_MODE=offline, W&B's own.

    Args:
        project: name of the project.
        directory: of the run.
        config: settings to show beside the curves.

    Raises:
        UserError: when wandb is not installed, or does not begin a run.
    """

    def __init__(self, project: str, directory: Path, config: dict[str, Any]):
        wandb = import_optional("wandb", "wandb", "training.wandb")
        path = directory / ID
        if not path.exists():
            path.write_text(secrets.token_hex(4) + "\n")
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
        """Send what is left."""
        self._run.finish()
