"""TrainingConfig: length, batch, averaging and logging of a training run."""

import dataclasses

from dfplan.training.objective import ObjectiveConfig
from dfplan.training.optimizer import OptimizerConfig
from dfplan.util.validate import check_integers, check_numbers

SEEDS = 2**32
"""Number of valid seeds; JAX takes a seed modulo this."""
MAX_BATCH = 1_000_000


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """A training run.

    Attributes:
        steps: Optimizer steps.
        batch_size: Sequences per step, of all devices together; their number must divide it.
        seed: PRNG seed for initialization, batches and noise; below 2**32.
        ema: Decay of the moving average of the parameters, which is what plans are made with.
        log_every: Steps per call of the compiled program and per line of metrics; a checkpoint in
            between splits them.
        save_every: Steps between checkpoints; the last step is always saved. The newest two are
            kept.
        keep_period: Checkpoints whose step is a multiple of this are kept, too; 0 for none.
        fsdp_devices: Devices that share one copy of parameters and optimizer state (FSDP), for
            models that do not fit on one; must divide the number of devices. The groups are data
            parallel.
        wandb: Weights & Biases project to log to as well (extra `wandb`); empty for none.
        objective: What a step learns.
        optimizer: How parameters are updated.

    Raises:
        UserError: If a value is out of range.
    """

    steps: int = 4_000
    batch_size: int = 32
    seed: int = 0
    ema: float = 0.999
    log_every: int = 50
    save_every: int = 500
    keep_period: int = 0
    fsdp_devices: int = 1
    wandb: str = ""
    objective: ObjectiveConfig = ObjectiveConfig()
    optimizer: OptimizerConfig = OptimizerConfig()

    def __post_init__(self):
        check_integers(self, "training.", minimum=1, names=["steps", "save_every"])
        names = ["batch_size", "log_every"]
        check_integers(self, "training.", minimum=1, names=names, maximum=MAX_BATCH)
        check_integers(self, "training.", minimum=0, names=["keep_period"])
        check_integers(self, "training.", minimum=1, names=["fsdp_devices"])
        check_numbers(self, "training.", ["ema"], high=1.0, open_high=True)
        check_integers(self, "training.", minimum=0, names=["seed"], maximum=SEEDS - 1)
