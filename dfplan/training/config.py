"""TrainingConfig: length, batch, averaging and logging of a training run."""

import dataclasses

from dfplan.training.objective import ObjectiveConfig
from dfplan.training.optimizer import OptimizerConfig
from dfplan.types import UserError

SEEDS = 2**32  # JAX takes a seed modulo this


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """A training run.

    Attributes:
        steps: optimiser steps.
        batch_size: sequences per step.
        seed: of initialisation, batches and noise; below 2**32.
        ema: decay of the parameters' moving average, which is what plans are made with.
        log_every: steps per call of the compiled program and per line of metrics, which a
            checkpoint in between makes shorter.
        save_every: steps between checkpoints; the last step is always saved.
        wandb: project of Weights & Biases to log to as well (extra `wandb`); empty for none.
        objective, optimizer: see there.

    Raises:
        UserError: when a value is out of range.
    """

    steps: int = 4_000
    batch_size: int = 32
    seed: int = 0
    ema: float = 0.999
    log_every: int = 50
    save_every: int = 500
    wandb: str = ""
    objective: ObjectiveConfig = ObjectiveConfig()
    optimizer: OptimizerConfig = OptimizerConfig()

    def __post_init__(self):
        for name in ("steps", "batch_size", "log_every", "save_every"):
            if getattr(self, name) < 1:
                raise UserError(f"training.{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.ema < 1:
            raise UserError(f"training.ema must be in [0, 1), got {self.ema}")
        if not 0 <= self.seed < SEEDS:
            raise UserError(f"training.seed must be in [0, {SEEDS}), got {self.seed}")
