"""What the training loss counts, and that every combination of its choices can be trained."""

import dataclasses
import itertools
import math
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.data.windows import Batch, batch_key, sample_batch
from dfplan.diffusion.config import DiffusionConfig
from dfplan.diffusion.noise_levels import PARADIGMS, TwoStreamNoiseLevelSampler
from dfplan.diffusion.parametrize import PARAMETRIZATIONS, WEIGHTS
from dfplan.training.objective import (
    ObjectiveConfig,
    _weight,
    check_model,
    denoising_loss,
    inverse_loss,
)
from dfplan.types import UserError

TOKENS = 5
COMBINATIONS = [c for c in itertools.product(PARADIGMS, (False, True)) if c != ("shared", True)]


@pytest.fixture(scope="module")
def params(spec):
    return spec.model.init(0)


@pytest.fixture(scope="module")
def batch(spec, training_arrays):
    return sample_batch(batch_key(0, 0), training_arrays, spec.model.layout, spec.data, 8)


class ToldNet:
    """Stands for a network that puts out `answer(x)` of the tokens it is asked for."""

    def __init__(self, answer, told):
        self.answer, self.told = answer, told

    def __call__(self, x, level):
        self.told.asked, self.told.x, self.told.level = False, x, level
        return self.answer(x)

    def two_streams(self, x, level):
        self.told.asked, self.told.x, self.told.level = True, x, level
        return self.answer(x[:, x.shape[1] // 2 :])


class Told:
    """Stands for a model; its network puts out what its parameters are, and notes its input."""

    diffusion = DiffusionConfig("cosine")
    schedule = DiffusionConfig("cosine").make_schedule()

    def __init__(self, has_goal):
        self.layout = SimpleNamespace(has_goal=has_goal)

    def denoiser(self, params):
        return ToldNet(lambda x: params, self)


def told_batch(valid):
    tokens = np.random.default_rng(0).normal(size=(*valid.shape, 3))
    return Batch(jnp.asarray(tokens, jnp.float32), jnp.asarray(valid), *[jnp.zeros(0)] * 4)


def told_gradient(config, has_goal, valid, levels=0):
    """Size of the gradient with respect to the network's output, per token, and the network."""
    batch = told_batch(valid)
    model, output = Told(has_goal), jnp.full((*valid.shape, 3), 9.0)
    model.diffusion = DiffusionConfig(num_levels=levels)
    key = jax.random.key(1)
    grad = jax.grad(lambda out: denoising_loss(out, model, config, key, batch))(output)  # pyright: ignore[reportArgumentType]
    # The forward pass runs within the gradient's trace; again, for values.
    denoising_loss(output, model, config, key, batch)  # pyright: ignore[reportArgumentType]
    return np.abs(grad).max(axis=-1), model, batch.tokens


@pytest.mark.parametrize("has_goal", [False, True], ids=["plain", "goal"])
@pytest.mark.parametrize("two_stream", [False, True])
@pytest.mark.parametrize("paradigm", ["independent", "teacher_forcing", "regression"])
def test_loss_counts_noisy_tokens_alone(paradigm, two_stream, has_goal):
    config = ObjectiveConfig(paradigm, two_stream)
    valid = np.ones((64, TOKENS), bool)
    valid[::2, -2:] = False
    grad, model, _ = told_gradient(config, has_goal, valid, levels=3)
    assert model.asked == two_stream
    level = np.asarray(model.level[:, -TOKENS:])
    learned = valid & (level > 0)
    learned[:, : int(has_goal)] = False
    if config.next_token and not two_stream:
        first = learned.argmax(axis=1)  # the tokens after it are not there yet
        learned &= np.arange(TOKENS) == first[:, None]
    if paradigm == "regression":
        assert (level[learned] == 1).all()
    assert not learned.all() and learned[:, -1].any()
    assert (level == 0).any() or (paradigm, two_stream) == ("regression", True)
    np.testing.assert_array_equal(grad > 0, learned)


def test_streams_see_their_own_levels():
    valid = np.ones((64, TOKENS), bool)
    _, model, tokens = told_gradient(ObjectiveConfig(two_stream=True), True, valid)
    history, target = np.split(np.asarray(model.level), 2, axis=1)
    assert np.abs(np.corrcoef(history[:, 1:].ravel(), target[:, 1:].ravel())[0, 1]) < 0.2
    alpha, sigma = model.schedule.alpha_sigma(model.level)
    eps = (np.tile(tokens, (1, 2, 1)) * alpha[..., None] - model.x) / np.maximum(sigma, 1e-3)[
        ..., None
    ]
    assert np.abs(eps[np.asarray(sigma) > 1e-2]).max() < 6


def test_teacher_forcing_has_a_clean_history():
    valid = np.ones((64, TOKENS), bool)
    _, model, tokens = told_gradient(ObjectiveConfig("teacher_forcing", True), True, valid)
    assert not np.asarray(model.level[:, 1:TOKENS]).any()
    np.testing.assert_array_equal(model.x[:, 1:TOKENS], tokens[:, 1:])
    assert (np.asarray(model.level[:, TOKENS:]) > 0).all()


def history_levels(rows=400, **settings):
    """Levels that two streams show the history at, without the goal's."""
    valid = np.ones((rows, TOKENS), bool)
    _, model, _ = told_gradient(ObjectiveConfig(two_stream=True, **settings), True, valid)
    return np.asarray(model.level[:, 1:TOKENS])


def test_the_mixture_of_history_levels_is_a_setting():
    clean = history_levels(history_clean=1.0, history_ramp=0.0, history_near=0.05)
    assert 0.03 < clean.max() <= 0.05
    rising = history_levels(history_clean=0.0, history_ramp=1.0)
    assert (np.diff(rising, axis=1) >= 0).all() and rising.max() > 0.5
    independent = history_levels(history_clean=0.0, history_ramp=0.0)
    assert 0.45 < independent.mean() < 0.55 and (np.diff(independent, axis=1) < 0).any()
    half = history_levels(history_clean=0.5, history_ramp=0.0, history_near=0.0)
    share = np.mean((half == 0).all(axis=1))
    assert abs(share - 0.5) < 5 * (0.25 / len(half)) ** 0.5


def test_the_mixture_is_the_draws_own_unless_it_is_set():
    assert ObjectiveConfig(two_stream=True).two_stream_noise_levels(
        7
    ) == TwoStreamNoiseLevelSampler(steps=7)
    config = ObjectiveConfig("teacher_forcing", True, history_clean=0.0, history_ramp=1.0)
    assert config.two_stream_noise_levels(0) == ObjectiveConfig(
        "teacher_forcing"
    ).two_stream_noise_levels(0)


def test_a_single_stream_does_not_look_at_the_mixture():
    valid = np.ones((64, TOKENS), bool)
    plain, mixed = (
        told_gradient(config, True, valid)[1].level
        for config in (
            ObjectiveConfig(two_stream=False),
            ObjectiveConfig(two_stream=False, history_clean=0.0, history_near=1.0),
        )
    )
    np.testing.assert_array_equal(plain, mixed)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"history_clean": -0.1}, r"history_clean must be in \[0, 1\], got -0.1"),
        ({"history_ramp": 1.5}, r"history_ramp must be in \[0, 1\], got 1.5"),
        ({"history_near": math.nan}, r"history_near must be in \[0, 1\], got nan"),
        (
            {"history_clean": 0.9},
            r"history_clean 0.9 and training\.objective\.history_ramp 0.2 must be probabilities",
        ),
    ],
    ids=str,
)
def test_a_mixture_that_cannot_be(settings, words):
    with pytest.raises(UserError, match=rf"training\.objective\.{words}"):
        ObjectiveConfig(**settings)


def test_fused_weights_do_not_take_the_goal_for_history():
    model, config = Told(has_goal=True), ObjectiveConfig(two_stream=False, weight="fused_min_snr")
    level = jnp.array([[0.0, 0.9, 0.2, 1.0], [1.0, 0.9, 0.2, 1.0]])
    known, missing = _weight(model, config, level, level)  # pyright: ignore[reportArgumentType]
    np.testing.assert_array_equal(known, missing)
    assert known[0] == 0 and known[3] > 0.1  # behind a nearly clean token


def with_net(spec, two_stream):
    """Loss of the real network for parameters and a batch."""
    model, config = spec.model, ObjectiveConfig(two_stream=two_stream)
    key = jax.random.key(2)
    return lambda params, batch: denoising_loss(params, model, config, key, batch)


@pytest.mark.parametrize("two_stream", [False, True])
def test_padding_influences_nothing(spec, params, batch, two_stream):
    loss = jax.jit(with_net(spec, two_stream))
    changed = batch._replace(tokens=batch.tokens.at[:, -2:].add(7.0))
    assert loss(params, batch) != loss(params, changed)
    padded = batch.valid.at[:, -2:].set(False)
    assert loss(params, batch._replace(valid=padded)) == loss(
        params, changed._replace(valid=padded)
    )


def test_two_streams_have_finite_gradients_everywhere(spec, params, batch):
    loss, grads = jax.jit(jax.value_and_grad(with_net(spec, True)))(params, batch)
    assert np.isfinite(loss)
    for grad in jax.tree.leaves(grads["denoiser"]):
        assert np.isfinite(grad).all() and np.any(grad)


@pytest.mark.parametrize(("paradigm", "two_stream"), COMBINATIONS)
def test_every_combination_has_a_finite_loss_and_gradients(paradigm, two_stream):
    # A linear network: that the real one's gradients are finite does not hang on these.
    told = Told(has_goal=True)
    told.denoiser = lambda scale: ToldNet(lambda x: x * scale, told)
    batch, scale, key = told_batch(np.ones((64, TOKENS), bool)), jnp.full(3, 0.5), jax.random.key(2)
    weights = WEIGHTS if paradigm != "regression" else ("uniform",)
    for weight, kind, levels in itertools.product(weights, PARAMETRIZATIONS, (0, 4)):
        told.diffusion = DiffusionConfig(parametrization=kind, num_levels=levels)
        config = ObjectiveConfig(paradigm, two_stream, weight)
        loss, grad = jax.value_and_grad(denoising_loss)(scale, told, config, key, batch)
        assert np.isfinite(loss) and loss > 0
        assert np.isfinite(grad).all() and np.any(grad)


def test_inverse_loss_is_the_actions_squared_error(spec, params, batch):
    found = spec.model.inverse(params)(batch.state, batch.next_state, batch.gap)
    expected = np.mean((np.asarray(found) - np.asarray(batch.action)) ** 2)
    np.testing.assert_allclose(inverse_loss(params, spec.model, batch), expected, rtol=1e-5)


def looking_ahead(model):
    return dataclasses.replace(model, net=dataclasses.replace(model.net, attention="bidirectional"))


def test_a_network_that_looks_ahead_does_not_see_padding(spec, batch):
    model = looking_ahead(spec.model)
    params = model.init(0)
    params["denoiser"] = jax.tree.map(lambda p: p + 0.1, params["denoiser"])  # its head is small
    valid = jnp.ones(batch.valid.shape, bool).at[:, -2:].set(False)
    batch = batch._replace(valid=valid)
    other = batch._replace(tokens=batch.tokens.at[:, -2:].add(5.0))
    key, config = jax.random.key(0), ObjectiveConfig("shared", False)
    loss = jax.jit(lambda b: denoising_loss(params, model, config, key, b))
    assert loss(batch) == loss(other) > 0
    seen = jnp.ones_like(valid)
    assert loss(batch._replace(valid=seen)) != loss(other._replace(valid=seen))


def test_what_a_model_cannot_learn(spec):
    ahead = looking_ahead(spec.model)
    eps = dataclasses.replace(spec.model, diffusion=DiffusionConfig(parametrization="eps"))
    check_model(ObjectiveConfig("shared", False), ahead)
    for config, model, says in (
        (ObjectiveConfig(two_stream=True), ahead, "'bidirectional' .*valid here: false"),
        (
            ObjectiveConfig("regression", False),
            ahead,
            "'regression' .*valid here: independent, shared",
        ),
        (ObjectiveConfig("teacher_forcing", False), ahead, "'teacher_forcing' .*comes after"),
        (ObjectiveConfig("regression", False), eps, "'eps' says nothing .*valid here: x0, v"),
    ):
        with pytest.raises(UserError, match=says):
            check_model(config, model)
    with pytest.raises(UserError, match=r"weight 'min_snr' is 0 at pure noise.*valid.*uniform"):
        ObjectiveConfig("regression", False, weight="min_snr")


def test_two_streams_do_not_go_with_shared_levels():
    with pytest.raises(UserError, match=r"two_stream .*'shared'.*valid here: false"):
        ObjectiveConfig("shared", True)


@pytest.mark.parametrize("two_stream", [False, True])
def test_tokens_that_are_not_there_are_pure_noise(two_stream):
    valid = np.ones((64, TOKENS), bool)
    valid[:, :2] = False
    grad, model, _ = told_gradient(ObjectiveConfig(two_stream=two_stream), False, valid)
    level = np.asarray(model.level).reshape(64, -1, TOKENS)
    assert (level[..., :2] == 1).all() and (level[..., 2:] < 1).mean() > 0.8
    np.testing.assert_array_equal(grad > 0, valid)
