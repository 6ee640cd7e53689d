"""Presets: named sizes of network and training; a task's own settings override them."""

from typing import Any

from dfplan.config import Config
from dfplan.tasks.registry import Task
from dfplan.types import check_choice

PRESETS: dict[str, dict[str, Any]] = {
    # A few minutes on two CPU cores: demonstrations, tests, first looks at a dataset.
    "small": {
        "net.width": 96,
        "diffusion.schedule": "cosine",
        "training.steps": 3_000,
        "training.batch_size": 64,
        "training.save_every": 2_000,
        "training.objective.two_stream": False,
        "training.optimizer.name": "adamw",
    },
    # The defaults of the config dataclasses: half an hour on one CPU core. Trains two streams for
    # autoregressive sampling, which long routes need; full-sequence plans are better with "small".
    "default": {},
    # For a GPU.
    "large": {
        "net.width": 256,
        "net.layers": 8,
        "net.heads": 8,
        "net.dtype": "bfloat16",
        "training.steps": 200_000,
        "training.batch_size": 512,
        "training.log_every": 500,
        "training.save_every": 10_000,
    },
}


def make_config(task: Task, preset: str = "default") -> Config:
    """Return the settings of a task at a preset's size.

    Args:
        task: Task whose own settings override the preset's.
        preset: Name of the preset, a key of `PRESETS`.

    Raises:
        UserError: If the preset is unknown.
    """
    check_choice("preset", preset, PRESETS)
    return Config().override(PRESETS[preset]).override(task.preset)
