"""Optimizer: AdamW or Muon, warm-up and cosine decay, gradient clipping."""

import dataclasses
import math

import jax
import optax

from dfplan.types import UserError, check_choice

OPTIMIZERS = ("adamw", "muon")
MUON_OVER_ADAM = 10.0


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """How parameters move.

    Attributes:
        name: "adamw", or "muon" (orthogonalised momentum for matrices, Adam for the rest).
        learning_rate: peak for Adam; matrices under Muon take ten times it.
        warmup: steps of linear warm-up.
        final: learning rate at the end, as a fraction of the peak (cosine decay).
        weight_decay: decoupled, matrices only.
        clip: largest global gradient norm; 0 for no limit.

    Raises:
        UserError: when a value is out of range.
    """

    name: str = "muon"
    learning_rate: float = 1e-3
    warmup: int = 200
    final: float = 0.02
    weight_decay: float = 1e-4
    clip: float = 1.0

    def __post_init__(self):
        check_choice("training.optimizer.name", self.name, OPTIMIZERS)
        for field in ("learning_rate", "warmup", "weight_decay", "clip"):
            value = getattr(self, field)
            if not 0 <= value < math.inf:  # NaN is no number to use either
                raise UserError(f"training.optimizer.{field} must be at least 0, got {value}")
        if not 0 <= self.final <= 1:
            raise UserError(f"training.optimizer.final must be in [0, 1], got {self.final}")


def _matrices(params):
    return jax.tree.map(lambda p: p.ndim == 2, params)


def make_optimizer(config: OptimizerConfig, steps: int) -> optax.GradientTransformation:
    """The optax transformation of a run of `steps` steps."""

    def schedule(peak: float) -> optax.Schedule:
        warmup = min(config.warmup, steps // 2)
        return optax.warmup_cosine_decay_schedule(0.0, peak, warmup, steps, peak * config.final)

    rate = schedule(config.learning_rate)
    if config.name == "adamw":
        update = optax.adamw(rate, weight_decay=config.weight_decay, mask=_matrices)
    else:
        update = optax.contrib.muon(
            schedule(MUON_OVER_ADAM * config.learning_rate),
            weight_decay=config.weight_decay,
            adam_learning_rate=rate,
        )
    clip = optax.clip_by_global_norm(config.clip) if config.clip else optax.identity()
    return optax.chain(clip, update)
