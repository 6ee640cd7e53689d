"""Optimizer: AdamW or Muon, with warmup, cosine decay and gradient clipping."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dfplan.types import PyTree, check_choice
from dfplan.util.validate import check_integers, check_numbers

MAX_RATE = 1000.0
OPTIMIZERS = ("adamw", "muon")
MUON_OVER_ADAM = 10.0
"""Learning rate of Muon over that of Adam."""
NEWTON_SCHULZ = (np.float32(3.4445), np.float32(-4.7750), np.float32(2.0315))
"""Coefficients by Jordan et al. 2024, optax's default, as float32 also in JAX's 64-bit mode."""


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """How parameters are updated.

    Attributes:
        name: "adamw", or "muon" (orthogonalized momentum for matrices, Adam for the rest).
        learning_rate: Peak learning rate of Adam; matrices under Muon use ten times as much.
        warmup: Steps of linear warmup.
        final: Learning rate at the end, as a fraction of the peak (cosine decay).
        weight_decay: Decoupled weight decay, of matrices only.
        clip: Largest global gradient norm; 0 for no limit.

    Raises:
        UserError: If a value is unknown or out of range.
    """

    name: str = "muon"
    learning_rate: float = 1e-3
    warmup: int = 200
    final: float = 0.02
    weight_decay: float = 1e-4
    clip: float = 1.0

    def __post_init__(self):
        check_choice("training.optimizer.name", self.name, OPTIMIZERS)
        check_integers(self, "training.optimizer.", minimum=0, names=["warmup"])
        check_numbers(self, "training.optimizer.", ["clip"])
        names = ["learning_rate", "weight_decay"]
        check_numbers(self, "training.optimizer.", names, high=MAX_RATE)
        check_numbers(self, "training.optimizer.", ["final"], high=1.0)


def make_optimizer(config: OptimizerConfig, steps: int) -> optax.GradientTransformation:
    """Return the optax transformation for a run of `steps` steps."""

    def schedule(peak: float) -> optax.Schedule:
        warmup = min(config.warmup, steps // 2)
        rate = optax.warmup_cosine_decay_schedule(
            init_value=0.0,
            peak_value=peak,
            warmup_steps=warmup,
            decay_steps=steps,
            end_value=peak * config.final,
        )
        # A float count, as JAX in 64-bit mode divides integers in double precision.
        return lambda count: rate(jnp.asarray(count, jnp.float32))

    rate = schedule(config.learning_rate)
    if config.name == "adamw":
        update = optax.adamw(rate, weight_decay=config.weight_decay, mask=_is_matrix)
    else:
        update = optax.contrib.muon(
            schedule(MUON_OVER_ADAM * config.learning_rate),
            ns_coeffs=NEWTON_SCHULZ,  # pyright: ignore[reportArgumentType]  (an array works, too)
            weight_decay=config.weight_decay,
            adam_learning_rate=rate,
        )
    clip = optax.clip_by_global_norm(config.clip) if config.clip else optax.identity()
    return optax.chain(clip, update)


def _is_matrix(params: PyTree) -> PyTree:
    return jax.tree.map(lambda p: p.ndim == 2, params)
