"""Sampling along every matrix: the distribution it ends with, windows, and keys."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.diffusion.active_windows import ActiveWindows, all_tokens, windows, windows_to_end
from dfplan.diffusion.matrix import (
    autoregressive,
    check_matrix,
    full_sequence,
    levels,
    make_matrix,
    pyramid,
    trapezoid,
)
from dfplan.diffusion.sampler import sample, token_noise
from dfplan.diffusion.schedules import Cosine, LinearBeta
from dfplan.diffusion.solvers import SOLVERS

from .gaussian import COVARIANCE, FEATURES, MEAN, SIZE, TOKENS, Exact, distance, end_law

SCHEDULE = Cosine()
RHO = 1.5
LONG = 289  # rows of padded matrices
MANY = 2048  # samples for estimates of distributions


def custom(steps):
    """Return a matrix with token 4 first, then 0 and 2, then the others; some rows are idle."""
    delay = np.array([1, 3, 1, 2, 0, 3]) * (steps // 2)
    rows = np.clip(steps + delay - np.arange(steps + delay.max() + 1)[:, None], 0, steps)
    return check_matrix(
        np.repeat(rows, [1 + (m % 7 == 3) for m in range(len(rows))], 0), TOKENS, steps
    )


MATRICES = {
    "full_sequence": lambda steps: full_sequence(TOKENS, steps),
    "autoregressive": lambda steps: autoregressive(TOKENS, steps),
    "pyramid": lambda steps: pyramid(TOKENS, steps, steps / 4),
    "pyramid-1": lambda steps: pyramid(TOKENS, steps, 1.0),
    "pyramid-0.5": lambda steps: pyramid(TOKENS, steps, 0.5),
    "trapezoid": lambda steps: trapezoid(TOKENS, steps, steps / 3),
    "custom": custom,
}
EVERY = pytest.mark.parametrize("name", MATRICES)
by_solver = functools.partial(pytest.mark.parametrize, "solver")


def padded(name, steps, rows=LONG):
    """Return levels with idle rows at the end, so that all matrices share a compiled program."""
    matrix = levels(MATRICES[name](steps), steps, RHO)
    return np.pad(matrix, ((0, rows - len(matrix)), (0, 0)), mode="edge")


@functools.partial(jax.jit, static_argnames=("denoise", "solver"))
def run(denoise, solver, start, matrix_levels, keys):
    return sample(
        denoise, (), start, matrix_levels, schedule=denoise.schedule, solver=solver, keys=keys
    ).tokens


def affine_law(denoise, solver, name, steps):
    """Return mean and covariance after a deterministic solver, which is affine in its noise."""
    start = jnp.concatenate([jnp.zeros((1, SIZE)), jnp.eye(SIZE)]).reshape(-1, TOKENS, FEATURES)
    keys = jax.random.split(jax.random.key(0), len(start))
    end = run(denoise, solver, start, padded(name, steps), keys)
    end = np.asarray(end, np.float64).reshape(-1, SIZE)
    jacobian = (end[1:] - end[0]).T
    return end[0], jacobian @ jacobian.T


@EVERY
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_reference_converges_to_the_exact_joint_distribution(name, eta):
    """The reference for the tests below: first order in 1 / K for every matrix."""
    errors = [
        distance(*end_law(SCHEDULE, levels(MATRICES[name](steps), steps, RHO), eta))
        for steps in (32, 64)
    ]
    assert errors[1] < 0.11
    assert 1.7 < errors[0] / errors[1] < 2.1


@EVERY
def test_deterministic_ddim_ends_with_the_reference(name):
    actual = affine_law(Exact(SCHEDULE), SOLVERS.make("ddim"), name, 24)
    expected = end_law(SCHEDULE, levels(MATRICES[name](24), 24, RHO), 0.0)
    np.testing.assert_allclose(actual[0], expected[0], atol=2e-4)
    np.testing.assert_allclose(actual[1], expected[1], atol=2e-4)


@EVERY
@by_solver(["ddim:eta=0.5", "ddim:eta=1", "ancestral"])
def test_noisy_solvers_end_with_the_reference(name, solver):
    steps = 12
    rows = MANY
    k_start, k_rows = jax.random.split(jax.random.key(1))
    start = jax.random.normal(k_start, (rows, TOKENS, FEATURES))
    end = run(
        Exact(SCHEDULE),
        SOLVERS.make(solver),
        start,
        padded(name, steps, 73),
        jax.random.split(k_rows, rows),
    ).reshape(rows, SIZE)
    eta = 0.5 if solver == "ddim:eta=0.5" else 1.0
    mean, covariance = end_law(SCHEDULE, levels(MATRICES[name](steps), steps, RHO), eta)
    # Whitened, the errors are those of the mean and covariance of standard normals.
    white = np.linalg.solve(np.linalg.cholesky(covariance), (np.asarray(end, np.float64) - mean).T)
    assert np.abs(white.mean(1)).max() < 4.5 / rows**0.5
    error = np.abs(np.cov(white) - np.eye(SIZE))
    assert np.diag(error).max() < 4.5 * (2 / rows) ** 0.5
    assert (error - np.diag(np.diag(error))).max() < 4.5 / rows**0.5


@EVERY
def test_multistep_recovers_the_joint(name):
    """Within 2 % at 48 steps per token, where DDIM's error is at least four times larger."""
    law = affine_law(Exact(SCHEDULE), SOLVERS.make("multistep"), name, 48)
    assert distance(*law) < 0.02
    first_order = end_law(SCHEDULE, levels(MATRICES[name](48), 48, RHO), 0.0)
    assert distance(*law) < distance(*first_order) / 4


def test_multistep_with_another_schedule():
    schedule = LinearBeta()
    actual = affine_law(Exact(schedule), SOLVERS.make("multistep"), "pyramid", 48)
    assert distance(*actual) < 0.02


def test_a_causal_denoiser_suffices_autoregressively():
    """Later tokens at pure noise carry no information."""
    causal = affine_law(Exact(SCHEDULE, causal=True), SOLVERS.make("ddim"), "autoregressive", 24)
    expected = end_law(SCHEDULE, levels(autoregressive(TOKENS, 24), 24, RHO), 0.0)
    np.testing.assert_allclose(causal[0], expected[0], atol=2e-4)
    np.testing.assert_allclose(causal[1], expected[1], atol=2e-4)
    # Not when all are denoised together: later tokens are then informative.
    together = affine_law(Exact(SCHEDULE, causal=True), SOLVERS.make("ddim"), "full_sequence", 24)
    assert distance(*together) > 0.2


@pytest.mark.parametrize(("solver", "order"), [("ddim", 1.0), ("multistep", 2.0)])
def test_order_of_convergence(solver, order):
    """Measure the slope of log error over log steps, each token between two inner levels.

    At levels 0 and 1 the log-SNR is infinite, which obscures the order;
    `test_multistep_recovers_the_joint` covers the whole path.
    """
    high = np.array([0.9, 0.8, 0.95, 0.7, 0.85, 0.6])
    low = np.array([0.2, 0.3, 0.1, 0.25, 0.4, 0.1])
    start = jax.random.normal(jax.random.key(3), (SIZE + 1, TOKENS, FEATURES))
    keys = jax.random.split(jax.random.key(0), SIZE + 1)
    counts = (8, 16, 32)

    def end(steps):
        fraction = np.minimum(np.arange(LONG) / steps, 1)[:, None]
        path = np.float32(high + fraction * (low - high))
        return run(Exact(SCHEDULE), SOLVERS.make(solver), start, path, keys)

    # Extrapolated to step size 0.
    truth = end(256) + (end(256) - end(128)) / (2**order - 1)
    errors = [float(jnp.linalg.norm(end(n) - truth)) for n in counts]
    slope = -np.polyfit(np.log(counts), np.log(errors), 1)[0]
    assert abs(slope - order) < 0.2, (slope, errors)


@by_solver(["ddim", "ddim:eta=0.5", "ddim:eta=1", "ancestral", "multistep"])
def test_known_tokens_never_change(solver):
    needs_noise = SOLVERS.make(solver).needs_noise
    rows = MANY if needs_noise else SIZE + 1
    length = 73 if needs_noise else LONG
    matrix = padded("pyramid-1", 6, length)
    matrix[:, 1] = 0.0
    matrix[:, 4] = 0.3
    start = jax.random.normal(jax.random.key(3), (rows, TOKENS, FEATURES))
    keys = jax.random.split(jax.random.key(0), rows)
    end = run(Exact(SCHEDULE), SOLVERS.make(solver), start, matrix, keys)
    np.testing.assert_array_equal(end[:, [1, 4]], start[:, [1, 4]])
    assert (end[:, [0, 2, 3, 5]] != start[:, [0, 2, 3, 5]]).all()


def test_conditioning_on_known_tokens_is_exact():
    """Tokens at level 0 condition the others: the Gaussian's conditional mean and covariance."""
    known = np.array([0, 3])
    matrix = padded("full_sequence", 48)
    matrix[:, known] = 0.0
    free = np.setdiff1d(np.arange(TOKENS), known)
    k, f = (np.flatnonzero(np.isin(np.arange(SIZE) // FEATURES, t)) for t in (known, free))
    start = np.zeros((SIZE + 1, SIZE))
    start[1 : len(f) + 1, f] = np.eye(len(f))
    start[:, k] = MEAN[k] + [0.5, -1.0, 1.0, 0.3]
    keys = jax.random.split(jax.random.key(0), len(start))
    start = jnp.asarray(start.reshape(-1, TOKENS, FEATURES), jnp.float32)
    end = np.asarray(
        run(Exact(SCHEDULE), SOLVERS.make("multistep"), start, matrix, keys), np.float64
    )
    end = end.reshape(-1, SIZE)
    gain = COVARIANCE[np.ix_(f, k)] @ np.linalg.inv(COVARIANCE[np.ix_(k, k)])
    jacobian = (end[1 : len(f) + 1, f] - end[0, f]).T
    np.testing.assert_allclose(end[0, f], MEAN[f] + gain @ [0.5, -1.0, 1.0, 0.3], atol=0.01)
    np.testing.assert_allclose(
        jacobian @ jacobian.T,
        COVARIANCE[np.ix_(f, f)] - gain @ COVARIANCE[np.ix_(k, f)],
        atol=0.01,
    )


def causal_with_cache(carry, x, level, start):
    """Evaluate two causal layers with caches; a stale entry of either changes the result."""
    first, second = carry
    position = start + jnp.arange(x.shape[1])
    mean_of_past = jnp.arange(first.shape[1])[None] <= position[:, None]
    mean_of_past = mean_of_past / (1 + position[:, None])

    def read(cache, new):
        cache = jax.lax.dynamic_update_slice_in_dim(cache, new, start, axis=1)
        return cache, jnp.einsum("ws,bsd->bwd", mean_of_past, cache)

    mix = jnp.array([[1.0, -0.7], [0.4, 0.9]])
    first, h = read(first, jnp.tanh(x @ mix + level[..., None]))
    h = jnp.tanh(2 * h @ mix + (1 - level[..., None]) * x)
    second, out = read(second, jnp.sin(3 * h))
    return h + out, (first, second)


@functools.partial(jax.jit, static_argnames=("solver", "widths", "trajectory"))
def run_cached(solver, start, matrix_levels, keys, begins, widths, trajectory=False):
    junk = jnp.full_like(start, 50.0)  # unwritten entries must not be read
    return sample(
        causal_with_cache,
        (junk, junk),
        start,
        matrix_levels,
        schedule=SCHEDULE,
        solver=solver,
        keys=keys,
        windows=tuple(map(ActiveWindows, begins, widths)),
        trajectory=trajectory,
    )


def cached(solver, matrix, start, keys, make_windows=None, **options):
    steps = int(matrix.max())
    matrix = np.pad(matrix, ((0, 26 - len(matrix)), (0, 0)))  # one length, so one program
    phases = (windows(matrix),) if make_windows is None else make_windows(matrix)
    begins, widths = zip(*phases, strict=True)
    return run_cached(solver, start, levels(matrix, steps, RHO), keys, begins, widths, **options)


def everything(matrix):
    return (all_tokens(matrix),)


@pytest.mark.parametrize(
    ("name", "solver"), [*((name, "multistep") for name in MATRICES), ("pyramid", "ddim:eta=1")]
)
def test_windows_change_nothing(name, solver):
    matrix = MATRICES[name](4)
    start = jax.random.normal(jax.random.key(3), (3, TOKENS, FEATURES))
    keys = jax.random.split(jax.random.key(0), 3)
    small = cached(SOLVERS.make(solver), matrix, start, keys).tokens
    whole = cached(SOLVERS.make(solver), matrix, start, keys, everything).tokens
    np.testing.assert_allclose(small, whole, atol=1e-5)


@pytest.mark.parametrize("trajectory", [False, True])
@pytest.mark.parametrize("name", ["autoregressive", "pyramid"])
def test_phases_of_windows_to_the_end_change_nothing(name, trajectory):
    matrix = MATRICES[name](4)
    start = jax.random.normal(jax.random.key(3), (3, TOKENS, FEATURES))
    keys = jax.random.split(jax.random.key(0), 3)
    solver = SOLVERS.make("ddim:eta=1")
    assert len(windows_to_end(matrix)) > 1
    phases = cached(solver, matrix, start, keys, windows_to_end, trajectory=trajectory)
    whole = cached(solver, matrix, start, keys, everything, trajectory=trajectory)
    np.testing.assert_allclose(phases.tokens, whole.tokens, atol=1e-5)
    assert phases.complete == whole.complete
    if trajectory:
        np.testing.assert_allclose(phases.trajectory, whole.trajectory, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "solver"),
    [
        ("full_sequence", "multistep"),
        ("autoregressive", "multistep"),
        ("pyramid", "multistep"),
        ("pyramid", "ddim:eta=1"),
    ],
)
def test_a_shorter_horizon_is_a_prefix(name, solver):
    start = jax.random.normal(jax.random.key(3), (3, TOKENS, FEATURES))
    keys = jax.random.split(jax.random.key(0), 3)
    ends = [
        cached(SOLVERS.make(solver), make_matrix(name, t, 4), start[:, :t], keys).tokens
        for t in (4, TOKENS)
    ]
    np.testing.assert_allclose(ends[0], ends[1][:, :4], atol=1e-5)


def test_a_row_does_not_depend_on_its_batch():
    solver = "ddim:eta=1"
    start = jax.random.normal(jax.random.key(3), (3, TOKENS, FEATURES))
    keys = jax.random.split(jax.random.key(0), 3)
    matrix = MATRICES["pyramid-1"](4)
    every = cached(SOLVERS.make(solver), matrix, start, keys).tokens
    alone = cached(SOLVERS.make(solver), matrix, start[1:2], keys[1:2]).tokens
    np.testing.assert_allclose(every[1:2], alone, atol=1e-5)
    other = cached(
        SOLVERS.make(solver), matrix, start, jax.random.split(jax.random.key(1), 3)
    ).tokens
    assert (jnp.abs(every - other) > 1e-3).any(axis=(1, 2)).all()


def test_trajectory():
    matrix = MATRICES["pyramid-1"](4)
    start = jax.random.normal(jax.random.key(3), (3, TOKENS, FEATURES))
    keys = jax.random.split(jax.random.key(0), 3)
    result = cached(SOLVERS.make("ddim:eta=1"), matrix, start, keys, trajectory=True)
    assert result.trajectory.shape == (26, *start.shape)
    np.testing.assert_array_equal(result.trajectory[0], start)
    np.testing.assert_array_equal(result.trajectory[-1], result.tokens)
    changed = np.diff(result.trajectory[: len(matrix)], axis=0) != 0
    np.testing.assert_array_equal(changed.all(axis=(1, 3)), np.diff(matrix, axis=0) != 0)
    plain = cached(SOLVERS.make("ddim:eta=1"), matrix, start, keys)
    assert plain.trajectory is None
    np.testing.assert_allclose(plain.tokens, result.tokens, atol=1e-6)


def test_stopping_early_does_not_change_complete_tokens():
    exact = Exact(SCHEDULE)
    matrix = levels(autoregressive(TOKENS, 4), 4, RHO)
    keys = jax.random.split(jax.random.key(1), 2)
    start = jax.random.normal(jax.random.key(0), (2, TOKENS, FEATURES))

    def denoise(count, x, level, begin):
        return exact((), x, level, begin)[0], count + 1

    def run_until(stop):
        return sample(
            denoise,
            jnp.int32(0),
            start,
            matrix,
            schedule=SCHEDULE,
            solver=SOLVERS.make("ddim:eta=1"),
            keys=keys,
            stop=stop,
        )

    full = run_until(None)
    assert full.complete == TOKENS and full.carry == 4 * TOKENS
    for count in (0, 1, 3):

        def stop(tokens, complete, count=count):
            return complete >= count

        early = run_until(stop)
        assert early.complete == count and early.carry == 4 * count
        np.testing.assert_allclose(early.tokens[:, :count], full.tokens[:, :count], atol=1e-5)
        np.testing.assert_array_equal(early.tokens[:, count:], start[:, count:])
    never = run_until(lambda tokens, complete: jnp.abs(tokens).max() < 0)
    assert never.complete == TOKENS


def test_noise_of_a_token_does_not_depend_on_batch_or_window():
    keys = jax.random.split(jax.random.key(0), 3)
    noise = jax.jit(token_noise, static_argnums=2)
    whole = noise(keys, jnp.arange(8), 4)
    np.testing.assert_array_equal(noise(keys[1:2], jnp.arange(3, 6), 4), whole[1:2, 3:6])
    assert len(np.unique(whole)) == whole.size
    many = noise(jax.random.split(jax.random.key(0), 4000), jnp.arange(2), 2)
    many = np.asarray(many).reshape(4000, 4)
    np.testing.assert_allclose(np.cov(many.T), np.eye(4), atol=6 * (2 / 4000) ** 0.5)
