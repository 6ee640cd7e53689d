"""A model is a static description; parameters are passed in."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.diffusion.config import DiffusionConfig
from dfplan.diffusion.parametrize import PARAMETRIZATIONS, target
from dfplan.model import INVERSE_WIDTH, Model, parameter_count
from dfplan.representation.tokens import TokenLayout


@pytest.fixture(scope="module")
def model(tiny_data, tiny_config):
    layout = TokenLayout.create(tiny_data.layout, tiny_config.data)
    return Model(layout, tiny_config.net, tiny_config.diffusion)


@pytest.fixture(scope="module")
def params(model):
    return model.init(0)


def test_equal_models_share_compiled_programs(model):
    twin = dataclasses.replace(model)
    assert twin == model and hash(twin) == hash(model) and twin is not model
    traces = []

    def count(m):
        traces.append(m)
        return jnp.zeros(())

    program = jax.jit(count, static_argnums=0)
    program(model)
    program(twin)
    assert len(traces) == 1
    program(dataclasses.replace(model, diffusion=DiffusionConfig(parametrization="x0")))
    assert len(traces) == 2


def test_parameters_depend_only_on_the_seed(model, params):
    again = model.init(0)
    other = model.init(1)
    assert jax.tree.structure(again) == jax.tree.structure(other)
    jax.tree.map(np.testing.assert_array_equal, again, params)
    same = jax.tree.map(lambda a, b: bool(jnp.all(a == b)), params, other)
    assert not all(jax.tree.leaves(same["denoiser"]["embed"]["kernel"]))
    assert jax.eval_shape(lambda: model.init(0)) == jax.eval_shape(lambda: params)


def test_networks_use_the_given_parameters(model, params):
    zero = jax.tree.map(jnp.zeros_like, params)
    x = jnp.ones((2, 3, model.layout.features))
    level = jnp.ones((2, 3))
    assert model.denoiser(params)(x, level).shape == x.shape
    assert np.any(model.denoiser(params)(x, level))
    assert not np.any(model.denoiser(zero)(x, level))
    state = jnp.ones((2, model.layout.state_dim))
    gap = jnp.ones(2)
    assert model.inverse(params)(state, state, gap).shape == (2, model.layout.action_dim)
    assert not np.any(model.inverse(zero)(state, state, gap))


def test_parameter_count(model, params):
    inverse = (7 + 1) * INVERSE_WIDTH + (INVERSE_WIDTH + 1) * INVERSE_WIDTH
    assert parameter_count(params["inverse"]) == inverse + (INVERSE_WIDTH + 1) * 2
    assert parameter_count(params) > parameter_count(params["inverse"])
    assert parameter_count(jax.eval_shape(lambda: params)) == parameter_count(params)


@pytest.mark.parametrize("kind", PARAMETRIZATIONS)
def test_the_clean_estimate_inverts_the_target(model, kind):
    model = dataclasses.replace(model, diffusion=DiffusionConfig(parametrization=kind))
    rng = np.random.default_rng(0)
    x0, eps = (jnp.asarray(rng.normal(size=(4, 5, 3)), jnp.float32) for _ in range(2))
    level = jnp.asarray(rng.uniform(0, 0.9, size=(4, 5)), jnp.float32)
    alpha, sigma = (a[..., None] for a in model.schedule.alpha_sigma(level))
    output = target(kind, x0, eps, alpha, sigma)
    np.testing.assert_allclose(model.x0(alpha * x0 + sigma * eps, output, level), x0, atol=1e-4)
