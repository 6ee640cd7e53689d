"""TrainState and the pure training step."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from dfplan.data.training_arrays import TrainingArrays
from dfplan.data.windows import Batch, sample_batch, step_keys
from dfplan.model import Model
from dfplan.representation.config import DataConfig
from dfplan.training.config import TrainingConfig
from dfplan.training.objective import denoising_loss, inverse_loss
from dfplan.training.optimizer import make_optimizer
from dfplan.training.sharding import gather, shard_batch, shard_state, state_sharding
from dfplan.types import Array, PyTree


class TrainState(NamedTuple):
    """Everything that training changes.

    Attributes:
        step: Number of steps taken, int32.
        params: Parameters.
        ema: Exponential moving average of the parameters.
        opt_state: State of the optax transformation.
        teacher: Fixed parameters to distill from; None when learning from data only.
    """

    step: Array
    params: PyTree
    ema: PyTree
    opt_state: PyTree
    teacher: PyTree | None = None


class TrainSpec(NamedTuple):
    """The static side of training; hashable, so that equal specs share one compiled program.

    Attributes:
        model: Description of the networks.
        data: How windows are sampled from trajectories.
        training: Settings of the run.
        mesh: Mesh of devices that the training is sharded over; None for a single device.
    """

    model: Model
    data: DataConfig
    training: TrainingConfig
    mesh: Mesh | None = None

    @property
    def tokens_per_step(self) -> int:
        """Number of state tokens that one step learns from."""
        return self.training.batch_size * self.data.tokens

    def optimizer(self) -> optax.GradientTransformation:
        """Return the optimizer of the whole run."""
        return make_optimizer(self.training.optimizer, self.training.steps)


def init_state(spec: TrainSpec, params: PyTree = None) -> TrainState:
    """Return the state before the first step, on the mesh or on this process's first device.

    On a mesh it is made sharded, so that no device ever holds all of it.

    Args:
        spec: What to train.
        params: Initial parameters; freshly initialized if None.
    """
    if spec.mesh is None:
        # Placed like a state from a checkpoint, or `train_until` would compile once for each.
        return jax.device_put(_make_state(spec, params), jax.local_devices()[0])
    make_state = functools.partial(_make_state, spec)
    shardings = state_sharding(spec.mesh, jax.eval_shape(make_state, params))
    return jax.jit(make_state, out_shardings=shardings)(params)


def abstract_state(spec: TrainSpec) -> TrainState:
    """Return the shapes and, on a mesh, the shardings of the state, without making it."""
    state = jax.eval_shape(lambda: _make_state(spec, None))
    if spec.mesh is None:
        return state
    shardings = state_sharding(spec.mesh, state)
    return jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        state,
        shardings,
    )


def _make_state(spec: TrainSpec, params: PyTree) -> TrainState:
    if params is None:
        params = spec.model.init(spec.training.seed)
    distills = spec.training.objective.loss == "consistency"
    # Copies, as a step donates every buffer of its old state.
    ema = jax.tree.map(jnp.copy, params)
    teacher = jax.tree.map(jnp.copy, params) if distills else None
    opt_state = spec.optimizer().init(params)
    return TrainState(
        step=jnp.int32(0), params=params, ema=ema, opt_state=opt_state, teacher=teacher
    )


def train_step(
    spec: TrainSpec, training_arrays: TrainingArrays, state: TrainState
) -> tuple[TrainState, dict]:
    """Take one optimizer step on the batch of `state.step`; a pure function.

    Returns:
        The next state, and the scalars loss, inverse_loss and grad_norm.
    """
    k_data, k_noise = step_keys(spec.training.seed, state.step)
    return learn(spec, draw_batch(spec, training_arrays, k_data), state, k_noise)


def draw_batch(spec: TrainSpec, training_arrays: TrainingArrays, k_data: Array) -> Batch:
    """Draw a batch from data in memory; each device draws its own rows of it.

    The batch depends on the key alone: it is the same on any number of devices.
    """
    batch = sample_batch(
        k_data,
        training_arrays,
        spec.model.layout,
        config=spec.data,
        batch=spec.training.batch_size,
    )
    return shard_batch(spec.mesh, batch)


def learn(
    spec: TrainSpec, batch: Batch, state: TrainState, k_noise: Array
) -> tuple[TrainState, dict]:
    """Take one optimizer step on a batch; a pure function.

    Args:
        spec: What to train.
        batch: Batch of `state.step`; on a mesh sharded as by `shard_batch`.
        state: State before the step.
        k_noise: PRNG key for noise levels and noise.

    Returns:
        As `train_step`.
    """
    config = spec.training
    mesh = spec.mesh

    def total_loss(params):
        params = gather(mesh, params)
        denoise = denoising_loss(
            params=params,
            model=spec.model,
            config=config.objective,
            key=k_noise,
            batch=batch,
            teacher=gather(mesh, state.teacher),
        )
        inverse = inverse_loss(params, spec.model, batch)
        return denoise + inverse, {"loss": denoise, "inverse_loss": inverse}

    (_, metrics), grads = jax.value_and_grad(total_loss, has_aux=True)(state.params)
    grads = shard_state(mesh, grads)
    updates, opt_state = spec.optimizer().update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    # The decay grows with the step, or an early average would remember the initialization.
    step = state.step.astype(jnp.float32)
    decay = jnp.minimum(config.ema, (1.0 + step) / (10.0 + step))
    ema = jax.tree.map(lambda e, p: decay * e + (1 - decay) * p, state.ema, params)
    metrics["grad_norm"] = optax.tree.norm(grads)
    state = TrainState(
        step=state.step + 1,
        params=params,
        ema=ema,
        opt_state=opt_state,
        teacher=state.teacher,
    )
    return shard_state(mesh, state), metrics


@functools.partial(jax.jit, static_argnums=0, donate_argnums=2)
def train_until(spec: TrainSpec, training_arrays: TrainingArrays, state: TrainState, stop: Array):
    """Train up to step `stop` in one call; return the state, and the metrics' means over the steps.

    `stop` is traced, so runs of any length, and resumed ones, share one compiled program and hence
    give bit-identical results.
    """

    def body(carry):
        state, total = carry
        state, metrics = train_step(spec, training_arrays, state)
        return state, jax.tree.map(jnp.add, total, metrics)

    first = state.step
    state, total = jax.lax.while_loop(lambda c: c[0].step < stop, body, (state, zero_metrics()))
    count = jnp.maximum(stop - first, 1)
    return state, jax.tree.map(lambda t: t / count, total)


def zero_metrics() -> dict[str, Array]:
    """Return the scalars of `train_step`, each 0."""
    return {name: jnp.float32(0.0) for name in ("loss", "inverse_loss", "grad_norm")}
