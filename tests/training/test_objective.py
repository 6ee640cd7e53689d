"""Which tokens the training loss counts, and its value for every combination of its settings."""

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
from dfplan.diffusion.noise_levels import (
    PARADIGMS,
    HistoryNoiseConfig,
    TwoStreamNoiseLevelSampler,
)
from dfplan.diffusion.parametrize import PARAMETRIZATIONS, WEIGHTS, loss_weight
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
    draw = jax.jit(sample_batch, static_argnums=(2, 3, 4))
    return draw(batch_key(0, 0), training_arrays, spec.model.layout, spec.data, 8)


class FakeNet:
    """A network that outputs `function(x)` of its targets, and records its input in a model."""

    def __init__(self, function, model):
        self.function = function
        self.model = model

    def __call__(self, x, level, valid=None):
        self._record(x, level, two_stream=False)
        return self.function(x)

    def two_streams(self, x, level):
        self._record(x, level, two_stream=True)
        return self.function(x[:, x.shape[1] // 2 :])

    def _record(self, x, level, two_stream):
        self.model.x = x
        self.model.level = level
        self.model.two_stream = two_stream


class FakeModel:
    """A model whose network outputs its parameters, and which records the network's input."""

    diffusion = DiffusionConfig("cosine")
    schedule = DiffusionConfig("cosine").make_schedule()

    def __init__(self, has_goal):
        self.layout = SimpleNamespace(has_goal=has_goal)

    def denoiser(self, params):
        return FakeNet(lambda x: params, self)


def random_batch(valid):
    tokens = np.random.default_rng(0).normal(size=(*valid.shape, 3))
    return Batch(jnp.asarray(tokens, jnp.float32), jnp.asarray(valid), *[jnp.zeros(0)] * 4)


def output_gradient(config, has_goal, valid, num_levels=0):
    """Return the gradient's size with respect to each output token, the model and the tokens."""
    batch = random_batch(valid)
    model = FakeModel(has_goal)
    output = jnp.full((*valid.shape, 3), 9.0)
    model.diffusion = DiffusionConfig(num_levels=num_levels)
    key = jax.random.key(1)
    grad = jax.grad(lambda out: denoising_loss(out, model, config, key, batch))(output)  # pyright: ignore[reportArgumentType]
    # Within the gradient's trace the model records tracers; run again for values.
    denoising_loss(output, model, config, key, batch)  # pyright: ignore[reportArgumentType]
    return np.abs(grad).max(axis=-1), model, batch.tokens


@pytest.mark.parametrize("has_goal", [False, True], ids=["plain", "goal"])
@pytest.mark.parametrize("two_stream", [False, True])
@pytest.mark.parametrize("paradigm", ["independent", "teacher_forcing", "regression"])
def test_only_noisy_tokens_count(paradigm, two_stream, has_goal):
    config = ObjectiveConfig(paradigm, two_stream)
    valid = np.ones((64, TOKENS), bool)
    valid[::2, -2:] = False
    grad, model, _ = output_gradient(config, has_goal, valid, num_levels=3)
    assert model.two_stream == two_stream
    level = np.asarray(model.level[:, -TOKENS:])
    learned = valid & (level > 0)
    learned[:, : int(has_goal)] = False
    if config.next_token and not two_stream:
        first = learned.argmax(axis=1)  # the tokens after it are not sampled yet
        learned &= np.arange(TOKENS) == first[:, None]
    if paradigm == "regression":
        assert (level[learned] == 1).all()
    assert not learned.all() and learned[:, -1].any()
    assert (level == 0).any() or (paradigm, two_stream) == ("regression", True)
    np.testing.assert_array_equal(grad > 0, learned)


def test_streams_have_independent_levels():
    valid = np.ones((64, TOKENS), bool)
    _, model, tokens = output_gradient(ObjectiveConfig(two_stream=True), True, valid)
    history, target = np.split(np.asarray(model.level), 2, axis=1)
    assert np.abs(np.corrcoef(history[:, 1:].ravel(), target[:, 1:].ravel())[0, 1]) < 0.2
    alpha, sigma = model.schedule.alpha_sigma(model.level)
    eps = (np.tile(tokens, (1, 2, 1)) * alpha[..., None] - model.x) / np.maximum(sigma, 1e-3)[
        ..., None
    ]
    assert np.abs(eps[np.asarray(sigma) > 1e-2]).max() < 6


def test_teacher_forcing_has_a_clean_history():
    valid = np.ones((64, TOKENS), bool)
    _, model, tokens = output_gradient(ObjectiveConfig("teacher_forcing", True), True, valid)
    assert not np.asarray(model.level[:, 1:TOKENS]).any()
    np.testing.assert_array_equal(model.x[:, 1:TOKENS], tokens[:, 1:])
    assert (np.asarray(model.level[:, TOKENS:]) > 0).all()


@pytest.mark.parametrize("has_goal", [False, True], ids=["plain", "goal"])
@pytest.mark.parametrize("two_stream", [False, True])
def test_a_clean_prefix_is_known_and_not_learned(two_stream, has_goal):
    valid = np.ones((300, TOKENS), bool)
    config = ObjectiveConfig("independent", two_stream, prefix_tokens=2)
    grad, model, _ = output_gradient(config, has_goal, valid)
    _, without, _ = output_gradient(dataclasses.replace(config, prefix_tokens=0), has_goal, valid)
    level, free = (np.asarray(m.level).reshape(300, -1, TOKENS) for m in (model, without))
    states = slice(int(has_goal), None)
    level = level[..., states]
    free = free[..., states]
    length = ((level == 0) & (free > 0))[:, -1].sum(axis=1)  # with the present
    counts = np.bincount(length, minlength=4)
    assert counts[1] == 0 and (counts[[0, 2, 3]] > 70).all() and counts[[0, 2, 3]].sum() == 300
    in_prefix = np.arange(TOKENS - has_goal) < length[:, None]
    np.testing.assert_array_equal(level, np.where(in_prefix[:, None], 0, free))
    np.testing.assert_array_equal(grad[:, states] > 0, ~in_prefix & (level[:, -1] > 0))


def history_levels(rows=400, **settings):
    """Return the levels of the history stream, without the goal's."""
    valid = np.ones((rows, TOKENS), bool)
    config = ObjectiveConfig(two_stream=True, history=HistoryNoiseConfig(**settings))
    _, model, _ = output_gradient(config, True, valid)
    return np.asarray(model.level[:, 1:TOKENS])


def test_the_mixture_of_history_levels_is_a_setting():
    clean = history_levels(clean=1.0, ramp=0.0, near=0.05)
    assert 0.03 < clean.max() <= 0.05
    rising = history_levels(clean=0.0, ramp=1.0)
    assert (np.diff(rising, axis=1) >= 0).all() and rising.max() > 0.5
    independent = history_levels(clean=0.0, ramp=0.0)
    assert 0.45 < independent.mean() < 0.55 and (np.diff(independent, axis=1) < 0).any()
    half = history_levels(clean=0.5, ramp=0.0, near=0.0)
    share = np.mean((half == 0).all(axis=1))
    assert abs(share - 0.5) < 5 * (0.25 / len(half)) ** 0.5


def test_teacher_forcing_ignores_the_mixture():
    plain = ObjectiveConfig().two_stream_noise_levels(7)
    assert plain == TwoStreamNoiseLevelSampler(num_levels=7)
    rising = ObjectiveConfig("teacher_forcing", history=HistoryNoiseConfig(clean=0.0, ramp=1.0))
    default = ObjectiveConfig("teacher_forcing")
    assert rising.two_stream_noise_levels(0) == default.two_stream_noise_levels(0)


def test_a_single_stream_ignores_the_mixture():
    valid = np.ones((64, TOKENS), bool)
    plain, mixed = (
        output_gradient(config, True, valid)[1].level
        for config in (
            ObjectiveConfig(two_stream=False),
            ObjectiveConfig(two_stream=False, history=HistoryNoiseConfig(clean=0.0, near=1.0)),
        )
    )
    np.testing.assert_array_equal(plain, mixed)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"clean": -0.1}, r"clean .*\[0, 1\], got -0.1"),
        ({"ramp": 1.5}, r"ramp .*\[0, 1\], got 1.5"),
        ({"near": math.nan}, r"near .*\[0, 1\], got nan"),
        ({"clean": 0.9}, r"clean and training\.objective\.history\.ramp .* 0.9 and 0.2"),
    ],
    ids=str,
)
def test_invalid_mixtures_are_refused(settings, words):
    with pytest.raises(UserError, match=rf"training\.objective\.history\.{words}"):
        HistoryNoiseConfig(**settings)


def test_fused_weights_do_not_treat_the_goal_as_history():
    model = FakeModel(has_goal=True)
    config = ObjectiveConfig(two_stream=False, weight="fused_min_snr")
    level = jnp.array([[0.0, 0.9, 0.2, 1.0], [1.0, 0.9, 0.2, 1.0]])
    clean_goal, missing_goal = _weight(model, config, level, level)  # pyright: ignore[reportArgumentType]
    np.testing.assert_array_equal(clean_goal, missing_goal)
    assert clean_goal[0] == 0 and clean_goal[3] > 0.1  # after a nearly clean token


def network_loss(spec, two_stream):
    """Return the real network's loss as a function of parameters and batch."""
    config = ObjectiveConfig(two_stream=two_stream)

    def loss(params, batch):
        return denoising_loss(params, spec.model, config, jax.random.key(2), batch)

    return loss


@pytest.mark.parametrize("two_stream", [False, True])
def test_padding_influences_nothing(spec, params, batch, two_stream):
    loss = jax.jit(network_loss(spec, two_stream))
    changed = batch._replace(tokens=batch.tokens.at[:, -2:].add(7.0))
    assert loss(params, batch) != loss(params, changed)
    padded = batch.valid.at[:, -2:].set(False)
    assert loss(params, batch._replace(valid=padded)) == loss(
        params, changed._replace(valid=padded)
    )


def test_two_streams_have_gradients_everywhere(spec, params, batch):
    loss = jax.jit(network_loss(spec, True))
    grads = jax.jit(jax.grad(network_loss(spec, True)))(params, batch)
    for grad in jax.tree.leaves(grads["denoiser"]):
        assert np.isfinite(grad).all() and np.any(grad)
    # A step along the gradient changes the loss by the square of its norm.
    square = sum(np.sum(np.square(grad)) for grad in jax.tree.leaves(grads["denoiser"]))
    step = 0.01 / square
    ahead, behind = (
        jax.tree.map(lambda p, g, sign=sign: p + sign * step * g, params, grads)
        for sign in (1.0, -1.0)
    )
    assert loss(ahead, batch) - loss(behind, batch) == pytest.approx(0.02, rel=0.05)


@pytest.mark.parametrize(("paradigm", "two_stream"), COMBINATIONS)
def test_loss_formula_in_every_combination(paradigm, two_stream):
    """Against the error of a linear network, computed from its recorded input."""
    model = FakeModel(has_goal=True)
    model.denoiser = lambda scale: FakeNet(lambda x: x * scale, model)
    batch = random_batch(np.ones((64, TOKENS), bool))
    scale = jnp.full(3, 0.5)
    weights = WEIGHTS if paradigm != "regression" else ("uniform",)
    for weight, kind, num_levels in itertools.product(weights, PARAMETRIZATIONS, (0, 4)):
        model.diffusion = DiffusionConfig(parametrization=kind, num_levels=num_levels)
        config = ObjectiveConfig(paradigm, two_stream, weight)
        loss = denoising_loss(scale, model, config, jax.random.key(2), batch)  # pyright: ignore[reportArgumentType]
        expected = loss_by_hand(model, config, np.asarray(batch.tokens), scale)
        assert loss == pytest.approx(expected, rel=1e-3), (weight, kind, num_levels)


def loss_by_hand(model, config, clean, scale):
    """Return the weighted mean squared error of outputs `x * scale` over noisy state tokens."""
    x = np.asarray(model.x[:, -TOKENS:], np.float64)
    level = np.asarray(model.level[:, -TOKENS:])
    history_level = np.asarray(model.level[:, :TOKENS])
    alpha, sigma = (np.asarray(a, np.float64)[..., None] for a in model.schedule.alpha_sigma(level))
    eps = (x - alpha * clean) / np.maximum(sigma, 1e-9)
    kind = model.diffusion.parametrization
    target = {"x0": clean, "eps": eps, "v": alpha * eps - sigma * clean}[kind]
    snr, history_snr = (
        (a / np.maximum(s, 1e-4)) ** 2
        for a, s in (model.schedule.alpha_sigma(lv[:, 1:]) for lv in (level, history_level))
    )
    weight = np.asarray(loss_weight(config.weight, kind, snr, history_snr))
    learned = level[:, 1:] > 0
    if config.next_token and not config.two_stream:
        learned &= np.cumsum(learned, axis=1) == 1
    error = np.mean((x * np.asarray(scale) - target)[:, 1:] ** 2, axis=-1)
    return np.sum((weight * error)[learned]) / learned.sum()


def test_inverse_loss_is_the_squared_error_of_actions(spec, params, batch):
    action = spec.model.inverse(params)(batch.state, batch.next_state, batch.gap)
    expected = np.mean((np.asarray(action) - np.asarray(batch.action)) ** 2)
    np.testing.assert_allclose(inverse_loss(params, spec.model, batch), expected, rtol=1e-5)


def bidirectional(model):
    return dataclasses.replace(model, net=dataclasses.replace(model.net, kind="bidirectional"))


def test_a_bidirectional_network_does_not_see_padding(spec, batch):
    model = bidirectional(spec.model)
    params = model.init(0)
    # A fresh network's head is nearly zero.
    params["denoiser"] = jax.tree.map(lambda p: p + 0.1, params["denoiser"])
    valid = jnp.ones(batch.valid.shape, bool).at[:, -2:].set(False)
    batch = batch._replace(valid=valid)
    other = batch._replace(tokens=batch.tokens.at[:, -2:].add(5.0))
    config = ObjectiveConfig("shared", False)

    @jax.jit
    def loss(batch):
        return denoising_loss(params, model, config, jax.random.key(0), batch)

    assert loss(batch) == loss(other) > 0
    everything = jnp.ones_like(valid)
    assert loss(batch._replace(valid=everything)) != loss(other._replace(valid=everything))


def test_incompatible_models_are_refused(spec):
    ahead = bidirectional(spec.model)
    eps = dataclasses.replace(spec.model, diffusion=DiffusionConfig(parametrization="eps"))
    check_model(ObjectiveConfig("shared", False), ahead)
    for config, model, words in (
        (ObjectiveConfig(two_stream=True), ahead, "'bidirectional' .*valid: false"),
        (ObjectiveConfig("regression", False), ahead, "'regression' .*valid: independent, shared"),
        (ObjectiveConfig("teacher_forcing", False), ahead, "'teacher_forcing' .*'bidirectional'"),
        (ObjectiveConfig("regression", False), eps, "'eps' .*valid: x0, v"),
    ):
        with pytest.raises(UserError, match=words):
            check_model(config, model)
    with pytest.raises(UserError, match=r"weight 'min_snr' .*valid: uniform"):
        ObjectiveConfig("regression", False, weight="min_snr")


def test_two_streams_exclude_shared_levels():
    with pytest.raises(UserError, match=r"two_stream .*'shared'.*valid: false"):
        ObjectiveConfig("shared", True)


@pytest.mark.parametrize("two_stream", [False, True])
def test_padding_is_pure_noise(two_stream):
    valid = np.ones((64, TOKENS), bool)
    valid[:, :2] = False
    grad, model, _ = output_gradient(ObjectiveConfig(two_stream=two_stream), False, valid)
    level = np.asarray(model.level).reshape(64, -1, TOKENS)
    assert (level[..., :2] == 1).all() and (level[..., 2:] < 1).mean() > 0.8
    np.testing.assert_array_equal(grad > 0, valid)
