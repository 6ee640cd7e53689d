"""One step of each solver, with levels per token."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.diffusion.schedules import Cosine
from dfplan.diffusion.solvers import SOLVERS
from dfplan.diffusion.solvers.multistep import SolverState
from dfplan.types import UserError

SCHEDULE = Cosine()
ALL = {
    spec: SOLVERS.make(spec)
    for spec in ("ddim", "ddim:eta=0.5", "ddim:eta=1", "ancestral", "multistep", "consistency")
}
EVERY = pytest.mark.parametrize("solver", ALL.values(), ids=ALL.keys())
# Levels before and after the step, per token: from pure noise, at tiny levels, and down to clean.
FROM = np.array([[1.0, 1.0, 0.9999, 0.7, 0.31, 0.01, 2e-4, 1e-4]], np.float32)
TO = np.array([[0.9, 0.0, 0.999, 0.4, 0.30, 0.0, 1e-4, 0.0]], np.float32)


def random(seed, shape=(1, 8, 3)):
    return jax.random.normal(jax.random.key(seed), shape)


def step(solver, x, x0, level_from, level_to, noise=None, state=None):
    state = solver.init_state(x) if state is None else state
    return solver.step(SCHEDULE, x, x0, state, level_from, level_to, noise)


def exact(level):
    angle = np.pi / 2 * level.astype(np.float64)
    return np.cos(angle)[..., None], np.sin(angle)[..., None]


@pytest.mark.parametrize(
    "solver", [ALL["ddim:eta=1"], ALL["ancestral"]], ids=["ddim:eta=1", "ancestral"]
)
def test_a_draw_from_the_posterior_of_ho_et_al(solver):
    """Equations 6 and 7 of Ho et al. 2020, for the step from one level to the next."""
    (a_s, s_s) = exact(FROM)
    (a_t, s_t) = exact(TO)
    a_s = np.where(FROM[..., None] == 1, 0, a_s)
    alpha_ratio = (a_s / a_t) ** 2
    noise_of_step = (s_s**2 - s_t**2) / a_t**2
    # Where alpha is small, the form that does not cancel.
    noise_of_step = np.where(a_s < 0.1, 1 - alpha_ratio, noise_of_step)
    by_x0 = a_t * noise_of_step / s_s**2
    by_x = np.sqrt(alpha_ratio) * s_t**2 / s_s**2
    spread = np.sqrt(s_t**2 / s_s**2 * noise_of_step)

    x = random(0)
    x0 = random(1)
    noise = random(2)
    mean = step(solver, x, x0, FROM, TO, jnp.zeros_like(x))[0]
    np.testing.assert_allclose(mean, by_x0 * x0 + by_x * x, atol=2e-6)
    drawn = step(solver, x, x0, FROM, TO, noise)[0]
    np.testing.assert_allclose(drawn - mean, spread * noise, rtol=2e-3, atol=1e-6)
    # The noise by itself is precise relative to its size, even where it is tiny.
    noise_only = step(solver, 0 * x, 0 * x, FROM, TO, jnp.ones_like(x))[0]
    np.testing.assert_allclose(noise_only, np.broadcast_to(spread, x.shape), rtol=1e-4)


def test_consistency_adds_fresh_noise_to_the_estimate():
    x = random(0)
    x0 = random(1)
    noise = random(2)
    alpha, sigma = exact(TO)
    new = step(ALL["consistency"], x, x0, FROM, TO, noise)[0]
    np.testing.assert_allclose(new, alpha * x0 + sigma * noise, atol=2e-6)


@pytest.mark.parametrize("kind", ["ancestral", "consistency"])
def test_temperature_scales_the_noise_of_a_step(kind):
    x = random(0)
    x0 = random(1)
    noise = random(2)
    cool = step(SOLVERS.make(kind, temperature=0.25), x, x0, FROM, TO, noise)[0]
    np.testing.assert_array_equal(cool, step(ALL[kind], x, x0, FROM, TO, 0.25 * noise)[0])
    with pytest.raises(UserError, match=r"temperature .*-1"):
        SOLVERS.make(kind, temperature=-1)


def test_ancestral_is_ddim_with_eta_one():
    x = random(0)
    x0 = random(1)
    noise = random(2)
    np.testing.assert_array_equal(
        step(ALL["ancestral"], x, x0, FROM, TO, noise)[0],
        step(ALL["ddim:eta=1"], x, x0, FROM, TO, noise)[0],
    )


@pytest.mark.parametrize("solver", [ALL["ddim"], ALL["multistep"]], ids=["ddim", "multistep"])
def test_exact_estimates_keep_the_noise(solver):
    """With the exact x0, the next token is alpha x0 + sigma eps with the same eps."""
    x0 = random(1)
    eps = random(2)
    (a_s, s_s) = exact(FROM)
    (a_t, s_t) = exact(TO)
    x = jnp.asarray(a_s * x0 + s_s * eps, jnp.float32)
    new, state = step(solver, x, x0, FROM, TO)
    np.testing.assert_allclose(new, a_t * x0 + s_t * eps, atol=3e-6)
    # The state holds the same estimate, so the multistep slope is 0.
    again, _ = step(solver, new, x0, TO, 0.5 * TO, state=state)
    a_u, s_u = exact(0.5 * TO)
    np.testing.assert_allclose(again, a_u * x0 + s_u * eps, atol=3e-6)


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_every_eta_preserves_the_variance(eta):
    """With x0 = 0 and x of variance sigma_s^2, the new token has variance sigma_t^2."""
    x = jnp.ones((1, 8, 1))
    noise = jnp.ones((1, 8, 1))
    zero = jnp.zeros_like(x)
    s_s = exact(FROM)[1]
    s_t = exact(TO)[1]
    by_x = step(SOLVERS.make(f"ddim:eta={eta}"), x, zero, FROM, TO, zero)[0]
    by_noise = step(SOLVERS.make(f"ddim:eta={eta}"), zero, zero, FROM, TO, noise)[0]
    np.testing.assert_allclose((by_x * s_s) ** 2 + by_noise**2, s_t**2, rtol=1e-4)


def test_multistep_is_the_formula_of_dpm_solver_pp_2m():
    """Lu et al. 2022, algorithm 2, on two tokens with different levels and step sizes."""
    level_0 = np.array([[0.8, 0.5]], np.float32)
    level_1 = np.array([[0.6, 0.45]], np.float32)
    level_2 = np.array([[0.5, 0.2]], np.float32)
    x = random(0, (1, 2, 3))
    old = random(1, (1, 2, 3))
    new = random(2, (1, 2, 3))
    solver = ALL["multistep"]
    x_1, state = step(solver, x, old, level_0, level_1)
    actual, _ = step(solver, x_1, new, level_1, level_2, state=state)

    (a0, s0) = exact(level_0)
    (a1, s1) = exact(level_1)
    (a2, s2) = exact(level_2)
    lambdas = [np.log(a / s) for a, s in ((a0, s0), (a1, s1), (a2, s2))]
    h0 = lambdas[1] - lambdas[0]
    h1 = lambdas[2] - lambdas[1]
    first = s1 / s0 * x - a1 * np.expm1(-h0) * old
    np.testing.assert_allclose(x_1, first, atol=2e-6)
    r = h0 / h1
    mixed = (1 + 1 / (2 * r)) * new - 1 / (2 * r) * old
    np.testing.assert_allclose(actual, s2 / s1 * x_1 - a2 * np.expm1(-h1) * mixed, atol=5e-6)


def test_multistep_ends_with_the_estimate():
    solver = ALL["multistep"]
    x = random(0)
    old = random(1)
    new = random(2)
    halfway = 0.5 * FROM
    x, state = step(solver, x, old, FROM, halfway)
    np.testing.assert_allclose(
        step(solver, x, new, halfway, 0 * halfway, state=state)[0], new, atol=1e-6
    )


@EVERY
def test_a_token_that_keeps_its_level_does_not_change(solver):
    x = random(0)
    x0 = random(1)
    noise = random(2)
    state = solver.init_state(x)
    if state:
        state = SolverState(random(3), random(4, (1, 8)), jnp.arange(8)[None] % 2 == 0)
    to = jnp.where(jnp.arange(8) < 4, FROM, TO)
    new, after = step(solver, x, x0 / 0, FROM, to, noise, state)
    np.testing.assert_array_equal(new[:, :4], x[:, :4])
    for a, b in zip(after, state, strict=True):
        np.testing.assert_array_equal(a[:, :4], b[:, :4])
    # Also clean tokens and pure noise.
    ends = jnp.array([[0.0, 1.0] * 4])
    np.testing.assert_array_equal(step(solver, x, x0, ends, ends, noise, state)[0], x)


@EVERY
def test_bounded_between_any_two_levels(solver):
    grid = np.array([0, 1e-6, 1e-3, 0.5, 0.999, 1 - 6e-8, 1], np.float32)
    high, low = np.meshgrid(grid, grid)
    keep = low <= high
    level_from = high[keep][None]
    level_to = low[keep][None]
    x, x0, noise = (random(s, (1, keep.sum(), 2)) for s in range(3))
    new, state = step(solver, x, x0, level_from, level_to, noise)
    later = step(solver, new, x0 + 1, level_to, 0.5 * level_to, noise, state)[0]
    assert jnp.isfinite(new).all() and jnp.isfinite(later).all()
    assert jnp.abs(new).max() < 20 and jnp.abs(later).max() < 20


@EVERY
def test_clip_bounds_the_estimate(solver):
    bounded = dataclasses.replace(solver, clip=0.5)
    x = random(0)
    x0 = 3 * random(1)
    noise = random(2)
    np.testing.assert_array_equal(
        step(bounded, x, x0, FROM, TO, noise)[0],
        step(solver, x, jnp.clip(x0, -0.5, 0.5), FROM, TO, noise)[0],
    )


@pytest.mark.parametrize(
    ("spec", "settings", "words"),
    [
        ("euler", {}, "ddim, ancestral, multistep"),
        ("ancestral:eta=1", {}, "eta"),
        ("ddim:eta=1.5", {}, "1.5"),
        ("ddim:eta=-0.1", {}, "-0.1"),
        ("ddim", {"clip": 0.0}, "clip"),
        ("ddim", {"clip": float("nan")}, "clip"),
    ],
)
def test_invalid_solvers_are_refused(spec, settings, words):
    with pytest.raises(UserError, match=words):
        SOLVERS.make(spec, **settings)


def test_which_solvers_draw_noise():
    assert [s.needs_noise for s in ALL.values()] == [False, True, True, True, False, True]


def test_only_the_multistep_solver_has_a_state():
    assert [name for name, solver in ALL.items() if solver.init_state(random(0))] == ["multistep"]
