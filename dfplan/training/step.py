"""TrainState and the pure training step."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from dfplan.data.windows import TrainingArrays, batch_key, sample_batch
from dfplan.model import Model
from dfplan.representation.config import DataConfig
from dfplan.training.config import TrainingConfig
from dfplan.training.objective import denoising_loss, inverse_loss
from dfplan.training.optimizer import make_optimizer
from dfplan.types import Array, PyTree


class TrainState(NamedTuple):
    """Everything that training changes.

    Attributes:
        step: int32, steps done.
        params, ema: parameters and their exponential moving average.
        opt_state: of the optax transformation.
        teacher: parameters that are learned from and stay; None where only data are.
    """

    step: Array
    params: PyTree
    ema: PyTree
    opt_state: PyTree
    teacher: PyTree | None = None


class TrainSpec(NamedTuple):
    """The static side of training; hashable, so one compiled program per recipe."""

    model: Model
    data: DataConfig
    training: TrainingConfig

    @property
    def tokens_per_step(self) -> int:
        """State tokens that one step learns from."""
        return self.training.batch_size * self.data.tokens

    def optimizer(self) -> optax.GradientTransformation:
        """The optimiser of the whole run."""
        return make_optimizer(self.training.optimizer, self.training.steps)


def init_state(spec: TrainSpec, params: PyTree = None) -> TrainState:
    """The state before the first step, on this process's first device.

    Args:
        spec: what to train.
        params: to begin with; fresh ones when None.
    """
    if params is None:
        params = spec.model.init(spec.training.seed)
    distils = spec.training.objective.loss == "consistency"
    # A step gives its old state's memory away, part by part.
    ema, teacher = (jax.tree.map(jnp.copy, params) for _ in range(2))
    opt_state = spec.optimizer().init(params)
    state = TrainState(jnp.int32(0), params, ema, opt_state, teacher if distils else None)
    # Placed as one that was read from a checkpoint, or `train_until` would compile for both.
    return jax.device_put(state, jax.local_devices()[0])


def train_step(
    spec: TrainSpec, training_arrays: TrainingArrays, state: TrainState
) -> tuple[TrainState, dict]:
    """One optimiser step on the batch of `state.step`; a pure function.

    Returns:
        The next state and the scalars loss, inverse_loss and grad_norm.
    """
    config = spec.training
    k_data, k_noise = jax.random.split(batch_key(config.seed, state.step))
    batch = sample_batch(k_data, training_arrays, spec.model.layout, spec.data, config.batch_size)

    def total(params):
        denoise = denoising_loss(
            params, spec.model, config.objective, k_noise, batch, state.teacher
        )
        inverse = inverse_loss(params, spec.model, batch)
        return denoise + inverse, {"loss": denoise, "inverse_loss": inverse}

    (_, metrics), grads = jax.value_and_grad(total, has_aux=True)(state.params)
    updates, opt_state = spec.optimizer().update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    # A young average would remember the initialisation, so its memory grows with the run.
    decay = jnp.minimum(config.ema, (1.0 + state.step) / (10.0 + state.step))
    ema = jax.tree.map(lambda e, p: decay * e + (1 - decay) * p, state.ema, params)
    metrics["grad_norm"] = optax.tree.norm(grads)
    return TrainState(state.step + 1, params, ema, opt_state, state.teacher), metrics


@functools.partial(jax.jit, static_argnums=0, donate_argnums=2)
def train_until(spec: TrainSpec, training_arrays: TrainingArrays, state: TrainState, stop: Array):
    """Steps up to `stop` in one call; the metrics are means over these steps.

    `stop` is traced, so runs of any length, and resumed ones, share one compiled program and hence
    give the same bits.
    """

    def body(carry):
        state, total = carry
        state, metrics = train_step(spec, training_arrays, state)
        return state, jax.tree.map(jnp.add, total, metrics)

    first = state.step
    zeros = {"loss": 0.0, "inverse_loss": 0.0, "grad_norm": 0.0}
    zeros = jax.tree.map(jnp.float32, zeros)
    state, total = jax.lax.while_loop(lambda c: c[0].step < stop, body, (state, zeros))
    count = jnp.maximum(stop - first, 1)
    return state, jax.tree.map(lambda t: t / count, total)
