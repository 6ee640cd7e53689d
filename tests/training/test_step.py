"""The pure training step: what it learns, averages and compiles."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.data.training_arrays import make_training_arrays
from dfplan.data.trajectories import from_episodes
from dfplan.data.windows import batch_key
from dfplan.diffusion.config import DiffusionConfig
from dfplan.diffusion.loss import diffuse
from dfplan.model import Model
from dfplan.nets.config import NetConfig
from dfplan.representation.config import DataConfig
from dfplan.representation.layout import Layout
from dfplan.representation.normalizer import Normalizer
from dfplan.representation.tokens import TokenLayout
from dfplan.training.config import TrainingConfig
from dfplan.training.objective import ObjectiveConfig
from dfplan.training.optimizer import OptimizerConfig
from dfplan.training.step import TrainSpec, init_state, train_until


def steps(spec, training_arrays, *stops):
    """Return the state at the start and at each stop, and the metrics up to each stop."""
    state = init_state(spec)
    states = [jax.tree.map(np.asarray, state)]
    metrics = []
    for stop in stops:
        state, means = train_until(spec, training_arrays, state, jnp.int32(stop))
        states.append(jax.tree.map(np.asarray, state))
        metrics.append({name: float(value) for name, value in means.items()})
    return states, metrics


def test_average_follows_its_formula(spec, training_arrays):
    states, _ = steps(spec, training_arrays, 1, 2, 3)
    assert [int(s.step) for s in states] == [0, 1, 2, 3]
    for i, (old, new) in enumerate(itertools.pairwise(states)):
        # Early averages decay faster: 1/10 in the first step, later the setting's 0.15.
        decay = min(spec.training.ema, (1 + i) / (10 + i))
        expected = jax.tree.map(lambda e, p, d=decay: d * e + (1 - d) * p, old.ema, new.params)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), new.ema, expected)
    assert states[0].ema is not states[0].params
    assert any(map(np.any, jax.tree.leaves(jax.tree.map(np.subtract, new.ema, new.params))))


def test_metrics_are_means_over_the_steps(spec, training_arrays):
    _, each = steps(spec, training_arrays, 1, 2, 3)
    _, (together,) = steps(spec, training_arrays, 3)
    assert set(together) == {"loss", "inverse_loss", "grad_norm"}
    for name, value in together.items():
        assert value == pytest.approx(np.mean([m[name] for m in each]), rel=1e-5)


def test_zero_steps_change_nothing(spec, training_arrays, same_bits):
    (before, after), _ = steps(spec, training_arrays, 0)
    same_bits(before, after)


def test_short_training_lowers_both_losses(spec, training_arrays):
    _, metrics = steps(spec, training_arrays, 20, 180, 200)
    assert metrics[-1]["loss"] < 0.8 * metrics[0]["loss"]
    assert metrics[-1]["inverse_loss"] < 0.5 * metrics[0]["inverse_loss"]


def test_seeds_differ(spec):
    other = spec._replace(training=dataclasses.replace(spec.training, seed=1))
    kernels = [init_state(r).params["denoiser"]["embed"]["kernel"][...] for r in (spec, other)]
    assert not np.array_equal(*kernels)
    keys = {jax.random.key_data(batch_key(s, i)).tobytes() for s in (0, 1) for i in (0, 1)}
    assert len(keys) == 4


def test_tokens_per_step(spec):
    assert spec.tokens_per_step == 8 * 6


@pytest.mark.slow
def test_training_learns_the_posterior_mean_of_a_gaussian():
    mu = np.array([0.6, -0.4])
    s = np.array([0.3, 0.8])
    rng = np.random.default_rng(0)
    states = (mu + s * rng.normal(size=(20_000, 2))).astype(np.float32)
    data = from_episodes([states], [np.zeros((20_000, 1), np.float32)], Layout(2, 1), "normal-v0")
    identity = [Normalizer(jnp.zeros(d), jnp.ones(d)) for d in (2, 1)]
    config = DataConfig(tokens=4)
    model = Model(
        TokenLayout.create(data.layout, config),
        NetConfig(width=16, layers=1, heads=2, fourier_octaves=1),
        DiffusionConfig("cosine"),
    )
    training = TrainingConfig(
        steps=800,
        batch_size=64,
        ema=0.98,
        objective=ObjectiveConfig(two_stream=False),
        optimizer=OptimizerConfig("adamw", learning_rate=5e-3, warmup=50, final=0.0),
    )
    spec = TrainSpec(model, config, training)
    training_arrays = make_training_arrays(data, config, *identity)
    state, _ = train_until(spec, training_arrays, init_state(spec), jnp.int32(training.steps))

    clean = jnp.asarray(mu + s * rng.normal(size=(2000, 4, 2)), jnp.float32)
    level = jnp.asarray(rng.uniform(size=(2000, 4)), jnp.float32)

    @jax.jit
    def denoise(params):
        x, _ = diffuse(jax.random.key(5), model.schedule, clean, level)
        return x, model.x0(x, model.denoiser(params)(x, level), level)

    x, estimate = map(np.asarray, denoise(state.ema))
    alpha, sigma = (np.asarray(a)[..., None] for a in model.schedule.alpha_sigma(level))
    gain = alpha * s**2 / (alpha**2 * s**2 + sigma**2)
    exact = mu + gain * (x - alpha * mu)
    error = np.sqrt(np.mean((estimate - exact) ** 2, axis=(0, 1))) / s
    assert (error < 0.15).all(), error
