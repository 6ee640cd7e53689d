"""Plans guided by noised histories, against a plain computation."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.diffusion.matrix import levels
from dfplan.diffusion.sampler import sample, token_noise
from dfplan.diffusion.schedules import Cosine
from dfplan.planner.call import PlanCall
from dfplan.planner.noised_history import add_noise, raise_level
from dfplan.types import UserError

from .test_diffusion_planner import known_tokens
from .tiny import (
    BATCH,
    CANDIDATES,
    GOAL,
    HORIZON,
    STATES,
    STEPS,
    changed,
    make_history,
    make_keys,
    make_model,
    make_planner,
    make_weights,
    planner_config,
    row,
)

MODEL = make_model()
DEEP = make_model(layers=2)
WEIGHT = 0.7
PLAIN = make_planner(MODEL)
GUIDED = changed(PLAIN, **{"history.guidance_weights": (WEIGHT,), "history.guidance_keep": 1})


@functools.cache
def plan(planner):
    return planner.plan(
        PlanCall(make_weights(planner.model), make_keys(), make_history(MODEL), GOAL)
    )


@pytest.mark.slow
def test_weight_zero_turns_guidance_off():
    zero = changed(PLAIN, **{"history.guidance_weights": (0.0,), "history.guidance_levels": (0.5,)})
    jax.tree.map(np.testing.assert_array_equal, plan(zero), plan(PLAIN))
    assert abs(plan(GUIDED).candidates - plan(PLAIN).candidates)[:, :, 1:].max() > 1e-2


@pytest.mark.parametrize("kind", ["transformer", pytest.param("gru", marks=pytest.mark.slow)])
def test_it_equals_a_computation_without_cache_and_windows(kind):
    """D + w (D - D'), where D' is given the goal and the present alone."""
    model = dataclasses.replace(DEEP, net=dataclasses.replace(DEEP.net, kind=kind))
    planner = dataclasses.replace(GUIDED, model=model)
    history = make_history(model)
    noised_history = history._replace(level=history.level.at[:, :-1].set(1.0))
    split = [jax.random.split(k, 4) for k in make_keys()]
    start, noise = (
        jnp.concatenate([jax.random.split(s[i], CANDIDATES) for s in split]) for i in (1, 2)
    )
    history_keys = [s[0] for s in split]
    contexts = [known_tokens(planner, history_keys, h, GOAL) for h in (history, noised_history)]
    contexts = [[jnp.repeat(jnp.float32(a), CANDIDATES, axis=0) for a in c] for c in contexts]
    net = model.denoiser(make_weights(model).params)

    def denoise(carry, x, level, begin):
        estimates = []
        for tokens, token_levels in contexts:
            output = net(
                jnp.concatenate([tokens, x], axis=1), jnp.concatenate([token_levels, level], axis=1)
            )
            estimates.append(model.x0(x, output[:, tokens.shape[1] :], level))
        return estimates[0] + WEIGHT * (estimates[0] - estimates[1]), carry

    config = planner.config
    sampled = jax.jit(
        lambda: (
            sample(
                denoise,
                (),
                token_noise(start, jnp.arange(HORIZON), model.layout.features),
                levels(config.sampling.make_matrix(HORIZON), STEPS, config.sampling.rho),
                schedule=model.schedule,
                solver=config.sampling.make_solver(),
                keys=noise,
            ).tokens
        )
    )()
    expected = STATES.decode(sampled.reshape(BATCH, CANDIDATES, HORIZON, -1))
    np.testing.assert_allclose(plan(planner).candidates[:, :, 1:], expected, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
def test_a_plan_does_not_depend_on_its_batch():
    planner = changed(GUIDED, **{"history.guidance_levels": (0.5,), "history.guidance_keep": 0})
    keys = make_keys()
    history = make_history(MODEL)
    for b in range(BATCH):
        alone = planner.plan(
            PlanCall(make_weights(MODEL), keys[b : b + 1], row(history, b), GOAL[b : b + 1])
        )
        np.testing.assert_allclose(
            alone.candidates[0], plan(planner).candidates[b], atol=1e-4, rtol=1e-4
        )


def test_a_noised_history_is_as_noisy_as_its_level():
    level = jnp.broadcast_to(jnp.array([0.0, 0.2, 1.0, 0.0]), (4_000, 4))
    level_to = raise_level(level, 0.5, keep=1)
    np.testing.assert_allclose(level_to[0], [0.5, 0.5, 1.0, 0.0])
    np.testing.assert_array_equal(raise_level(level, 0.1, keep=0)[0], jnp.array([0.1, 0.2, 1, 0.1]))
    keys = jax.random.split(jax.random.key(0), len(level))
    values = jnp.broadcast_to(jnp.array([3.0, -1.0, 0.5, 2.0]), (*level.shape, 1, 4))
    noise = np.asarray(add_noise(Cosine(), keys, level, level_to, values, STATES) - values)[:, :, 0]
    scale = noise.std(axis=0) / np.asarray(STATES.std)
    variance = {k: np.tan(np.pi / 2 * k) ** 2 for k in (0.2, 0.5)}  # (sigma / alpha) ** 2
    np.testing.assert_allclose(scale[0], np.sqrt(variance[0.5]), rtol=0.05)
    np.testing.assert_allclose(scale[1], np.sqrt(variance[0.5] - variance[0.2]), rtol=0.05)
    assert (noise[:, 2:] == 0).all()


def test_settings_that_contradict_each_other_are_refused():
    with pytest.raises(UserError, match=r"weights has 2 .* 1 "):
        planner_config(**{"history.tokens": 2, "history.guidance_weights": (1.0, 0.5)})
    with pytest.raises(UserError, match=r"keep 2 .* valid: 0 to 1"):
        planner_config(
            **{"history.tokens": 2, "history.guidance_weights": (1.0,), "history.guidance_keep": 2}
        )
    assert planner_config(**{"history.guidance_weights": [0.5]}).history.guided  # pyright: ignore
    assert not planner_config(**{"history.guidance_weights": (0.0,)}).history.guided
