"""Plans against an uncached computation of all tokens, and what plans depend on."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from dfplan.diffusion.config import DiffusionConfig
from dfplan.diffusion.matrix import levels
from dfplan.diffusion.resample_noise import resample_noise
from dfplan.diffusion.sampler import sample, token_noise
from dfplan.guidance.guide import gradient_guidance
from dfplan.model import Model
from dfplan.planner.call import PlanCall
from dfplan.planner.diffusion_planner import DiffusionPlanner
from dfplan.planner.inverse import inverse_action
from dfplan.planner.measures import arrival, tokens_off_support
from dfplan.planner.support import DataSupport
from dfplan.representation.config import DataConfig
from dfplan.representation.layout import Layout
from dfplan.representation.tokens import TokenLayout
from dfplan.types import UserError

from .tiny import (
    ACTIONS,
    BATCH,
    CANDIDATES,
    GOAL,
    HISTORY,
    HORIZON,
    STATES,
    STEPS,
    STRIDE,
    changed,
    make_history,
    make_keys,
    make_model,
    make_planner,
    make_weights,
    row,
)

MODEL = make_model()
# The caches of the second layer hold what the first one made of earlier tokens.
DEEP = make_model(layers=2)
BIDIRECTIONAL = dataclasses.replace(DEEP, net=dataclasses.replace(DEEP.net, kind="bidirectional"))
RECURRENT = dataclasses.replace(DEEP, net=dataclasses.replace(DEEP.net, kind="gru"))
ROWS = STEPS * HORIZON + 1  # rows of the longest matrix
CUSTOM = np.array(
    [
        [4, 4, 4, 4, 4],
        [4, 4, 4, 2, 4],
        [2, 4, 4, 2, 4],
        [2, 4, 4, 2, 4],
        [0, 1, 3, 2, 4],
        [0, 0, 3, 0, 1],
        [0, 0, 0, 0, 0],
    ]
)
SETTINGS = {
    "autoregressive": {},
    "full_sequence": {
        "sampling.matrix": "full_sequence",
        "sampling.solver": "ddim",
        "sampling.clip": 1.5,
    },
    "pyramid-0.5": {"sampling.matrix": "pyramid:slope=0.5"},
    "pyramid-1": {
        "sampling.matrix": "pyramid",
        "sampling.solver": "multistep",
    },
    "pyramid-2.5": {
        "sampling.matrix": "pyramid:slope=2.5",
        "sampling.solver": "ancestral",
    },
    "trapezoid": {"sampling.matrix": "trapezoid"},
    "custom": {
        "sampling.matrix": "custom",
        "sampling.custom_matrix": tuple(CUSTOM.ravel().tolist()),
    },
}
SLOW = ("pyramid-0.5", "pyramid-2.5")
TOLERANCE = 1.0
STATE_MEAN, STATE_STD = np.asarray(STATES.mean), np.asarray(STATES.std)
ACTION_MEAN, ACTION_STD = np.asarray(ACTIONS.mean), np.asarray(ACTIONS.std)
NEAR = jnp.array([[-3.5, -2.5], [-2.0, -2.5]])
DIFFUSED = make_model(layers=2, frames="stack", actions=True)


def plan(planner, keys=None, history=None, goal=GOAL, denoising=False, **options):
    weights = make_weights(planner.model)
    history = make_history(planner.model) if history is None else history
    keys = make_keys() if keys is None else keys
    call = PlanCall(weights, keys, history, goal, **options)
    return planner.plan(call, denoising=denoising)


def test_one_compiled_program_per_shape():
    planner = make_planner(MODEL, **{"goal.tolerance": 0.123})  # not compiled by another test
    history = make_history(MODEL)
    before = DiffusionPlanner.plan._cache_size()
    for seed in range(3):
        plan(planner, make_keys(seed), make_history(MODEL, seed), GOAL + seed)
    call = PlanCall(make_weights(MODEL, 1), make_keys(), history, GOAL)
    planner.plan(call, denoising=False)
    assert DiffusionPlanner.plan._cache_size() == before + 1
    for _ in range(2):
        plan(planner, make_keys(0, 1), row(history, 0), GOAL[:1])
    assert DiffusionPlanner.plan._cache_size() == before + 2


@functools.partial(jax.jit, static_argnames=("model", "solver", "scale", "samples"))
def full_pass(
    model, solver, scale, samples, params, known, known_level, start, matrix_levels, keys, goal
):
    """Sample while evaluating all tokens, the known ones included, at every step."""
    net = model.denoiser(params)

    def denoise(carry, x, level, begin):
        everything = jnp.concatenate([known, x], axis=1)
        all_levels = jnp.concatenate([known_level, level], axis=1)
        output = net(everything, all_levels)[:, known.shape[1] :]
        return model.x0(x, output, level), carry

    def cost(tokens):
        return jnp.sum((STATES.decode(tokens[..., -4:])[..., :2] - goal[:, None]) ** 2, (1, 2))

    carry = ()
    if scale:
        futures = functools.partial(resample_noise, keys[1], count=samples)
        denoise = gradient_guidance(denoise, cost, model.schedule.alpha_sigma, scale, futures)
        carry = carry, jnp.zeros_like(start)
    return sample(
        denoise, carry, start, matrix_levels, schedule=model.schedule, solver=solver, keys=keys[0]
    ).tokens


def known_tokens(planner, keys, history, goal):
    """Return goal and history as the network's input, built one token at a time."""
    model = planner.model
    history = jax.tree.map(np.asarray, history)
    tokens = np.zeros((BATCH, 1 + HISTORY, model.layout.features))
    level = np.zeros((BATCH, 1 + HISTORY))
    noise = [np.asarray(jax.random.normal(k, tokens.shape[1:])) for k in keys]
    for b in range(BATCH):
        tokens[b, 0, :2] = (goal[b] - STATE_MEAN[:2]) / STATE_STD[:2]
        for h in range(HISTORY):
            level[b, 1 + h] = k = history.level[b, h]
            token = ((history.frames[b, h] - STATE_MEAN) / STATE_STD).reshape(-1)
            if model.layout.actions:
                action = (history.actions[b, h] - ACTION_MEAN) / ACTION_STD
                token = np.concatenate([token, action.reshape(-1)])
            missing = k >= 1
            tokens[b, 1 + h] = noise[b][1 + h] if missing else np.cos(np.pi / 2 * k) * token
    return tokens, level


def reference(planner, keys, history, goal):
    """Return normalized tokens `[B, N, P, D]`."""
    model = planner.model
    config = planner.config
    split = [jax.random.split(k, 4) for k in keys]
    known, level = known_tokens(planner, [s[0] for s in split], history, goal)
    start, *noise = (
        jnp.concatenate([jax.random.split(s[i], CANDIDATES) for s in split]) for i in (1, 2, 3)
    )
    matrix = levels(config.sampling.make_matrix(HORIZON), STEPS, config.sampling.rho)
    tokens = full_pass(
        model,
        config.sampling.make_solver(),
        0.0 if config.goal.conditioning == "token" else config.guidance.scale,
        config.guidance.samples,
        make_weights(model).params,
        jnp.repeat(jnp.asarray(known, jnp.float32), CANDIDATES, axis=0),
        jnp.repeat(jnp.asarray(level, jnp.float32), CANDIDATES, axis=0),
        token_noise(start, jnp.arange(HORIZON), model.layout.features),
        # Idle rows at the end let all matrices share one program.
        np.pad(matrix, ((0, ROWS - len(matrix)), (0, 0)), mode="edge"),
        noise,
        jnp.repeat(jnp.asarray(goal, jnp.float32), CANDIDATES, axis=0),
    )
    return np.asarray(tokens).reshape(BATCH, CANDIDATES, HORIZON, -1)


def check_against_reference(planner):
    keys = make_keys()
    history = make_history(planner.model)
    result = plan(planner, keys, history)
    tokens = reference(planner, keys, history, GOAL)
    layout = planner.model.layout
    states = tokens[..., : 4 * layout.frame_count][..., -4:] * STATE_STD + STATE_MEAN
    np.testing.assert_allclose(result.candidates[:, :, 1:], states, atol=1e-4, rtol=1e-4)
    present = np.broadcast_to(result.history[:, None, -1], (BATCH, CANDIDATES, 4))
    np.testing.assert_array_equal(result.candidates[:, :, 0], present)
    if layout.actions:
        best = np.stack([tokens[b, result.best[b]] for b in range(BATCH)])
        chunk = best[..., 4 * layout.frame_count :].reshape(BATCH, HORIZON * STRIDE, 2)
        np.testing.assert_allclose(
            result.actions, chunk * ACTION_STD + ACTION_MEAN, atol=1e-4, rtol=1e-4
        )
    else:
        assert result.actions is None


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in SETTINGS],
)
def test_plans_equal_the_uncached_computation(name):
    check_against_reference(make_planner(DEEP, **SETTINGS[name]))


@pytest.mark.parametrize("samples", [1, 3])
def test_guided_plans_equal_the_uncached_computation(samples):
    check_against_reference(
        make_planner(
            DEEP,
            **{"goal.conditioning": "both", "guidance.scale": 0.02, "guidance.samples": samples},
        )
    )


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        (MODEL, {"guidance.samples": 2}),
        (RECURRENT, {"history.guidance_weights": (0.5,), "sampling.matrix": "pyramid"}),
    ],
    ids=["futures", "recurrent, with a noised history"],
)
def test_an_extra_cost_is_evaluated_on_complete_tokens_too(model, settings, monkeypatch):
    def guided_candidates():
        def far(states, goal):  # depends on all states; a new function, so it compiles again
            return states[..., :2].sum(axis=(1, 2)) ** 2 / 1000

        planner = make_planner(
            model, **settings, **{"goal.conditioning": "both", "guidance.scale": 0.02}
        )
        return plan(planner, extra_cost=Partial(far)).candidates

    in_phases = guided_candidates()
    monkeypatch.setattr("dfplan.diffusion.active_windows.PHASES", 1)
    np.testing.assert_allclose(in_phases, guided_candidates(), atol=1e-4, rtol=1e-4)


def test_noise_levels_snap_to_discrete_training_levels():
    model = dataclasses.replace(MODEL, diffusion=DiffusionConfig(num_levels=10))
    planner = make_planner(model, **{"sampling.steps": 5, "sampling.rho": 2.0})
    matrix_levels = planner.levels(planner.config.sampling.make_matrix(HORIZON))
    np.testing.assert_allclose(np.unique(matrix_levels), [0.0, 0.1, 0.2, 0.4, 0.6, 1.0])
    with pytest.raises(UserError, match=r"planner.sampling.steps 11 .*valid: 1 to 10"):
        make_planner(model, **{"sampling.steps": 11})


@pytest.mark.parametrize("matrix", ["autoregressive", "pyramid"])
def test_plans_of_a_recurrent_network_equal_the_uncached_computation(matrix):
    check_against_reference(make_planner(RECURRENT, **{"sampling.matrix": matrix}))


@pytest.mark.parametrize("matrix", ["full_sequence", "pyramid"])
def test_plans_of_a_bidirectional_network_equal_the_uncached_computation(matrix):
    check_against_reference(make_planner(BIDIRECTIONAL, **{"sampling.matrix": matrix}))


def test_stacked_frames_and_diffused_actions_equal_the_uncached_computation():
    check_against_reference(make_planner(DIFFUSED, low_level_controller="diffused"))


def test_a_plan_does_not_depend_on_its_batch():
    check_independence_of_batch(make_planner(MODEL), GOAL)


def check_independence_of_batch(planner, goal):
    keys = make_keys()
    history = make_history(MODEL)
    together = plan(planner, keys, history, goal)
    for b in range(BATCH):
        alone = plan(planner, keys[b : b + 1], row(history, b), goal[b : b + 1])
        assert alone.best[0] == together.best[b]
        jax.tree.map(
            functools.partial(np.testing.assert_allclose, atol=1e-4, rtol=1e-4),
            alone,
            row(together, b),
        )


def arriving(**config):
    """Return a planner with a tolerance so wide that candidates arrive, at different tokens."""
    return make_planner(MODEL, **config, **{"goal.tolerance": TOLERANCE})


@pytest.mark.parametrize("name", ["autoregressive", "pyramid-1", "full_sequence"])
def test_ending_early_changes_no_plan(name):
    planner = arriving(**SETTINGS[name])
    early = plan(planner, goal=NEAR)
    full = plan(planner, goal=NEAR, denoising=True)
    assert (early.arrival <= HORIZON * STRIDE).any() and np.ptp(early.arrival) > 0
    jax.tree.map(
        functools.partial(np.testing.assert_allclose, atol=1e-4, rtol=1e-4),
        early,
        full._replace(denoising=None),
    )


def test_a_plan_is_as_sampled_until_its_arrival_and_then_at_rest():
    model = make_model(layers=2, rest_dims=(2, 3))
    planner = make_planner(model, **{"goal.tolerance": TOLERANCE})
    result = plan(planner, goal=NEAR)
    sampled = plan(make_planner(model), goal=NEAR)
    token = np.ceil(result.arrival / STRIDE).astype(int)
    assert (token < HORIZON).any()
    for b in range(BATCH):
        np.testing.assert_allclose(
            result.states[b, : token[b] + 1],
            sampled.candidates[b, result.best[b], : token[b] + 1],
            atol=1e-4,
        )
        at_rest = np.concatenate([NEAR[b], [0.0, 0.0]])
        np.testing.assert_allclose(
            result.states[b, token[b] + 1 :], np.tile(at_rest, (HORIZON - token[b], 1)), atol=1e-6
        )


def test_a_plan_that_arrives_does_not_depend_on_its_batch():
    check_independence_of_batch(arriving(), NEAR)


def test_candidates_off_the_data_support_are_penalized():
    planner = unguided(DEEP)
    weights = make_weights(DEEP)
    candidates = np.asarray(plan(planner).candidates)[..., :2]
    goal = jnp.asarray(candidates[:, 0, 3])  # each robot's candidate 0 arrives at token 3
    hole = np.floor((candidates[0, 0, 1] + 20) * 2).astype(int)  # robot 0's passes through
    visited = np.ones((80, 80), bool)
    visited[tuple(hole)] = False
    support = DataSupport(jnp.full(2, -20.0), jnp.full(2, 0.5), jnp.asarray(visited))
    supported = weights._replace(support=support)
    inputs = make_keys(), make_history(MODEL), goal
    without = planner.plan(PlanCall(weights, *inputs))
    penalized = planner.plan(PlanCall(supported, *inputs))
    off_support = tokens_off_support(jnp.asarray(candidates), without.cost / STRIDE, support)
    assert off_support[0, 0] > 0
    penalty = planner.config.ood_penalty * STRIDE * off_support
    np.testing.assert_allclose(penalized.cost, without.cost + penalty, rtol=1e-3)
    np.testing.assert_array_equal(penalized.best, np.argmin(penalized.cost, axis=1))
    prohibitive = changed(planner, ood_penalty=1e4).plan(PlanCall(supported, *inputs))
    assert without.best[0] == 0 and prohibitive.best[0] == 1
    off = changed(planner, ood_penalty=0.0).plan(PlanCall(supported, *inputs))
    np.testing.assert_array_equal(off.cost, without.cost)


def test_keys_change_plans_and_candidates_differ():
    planner = make_planner(MODEL)
    first, again, other = (plan(planner, make_keys(seed)).candidates for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert abs(first - other)[:, :, 1:].max(axis=-1).min() > 1e-3
    assert abs(first[:, 0] - first[:, 1])[:, 1:].max(axis=-1).min() > 1e-3


def unguided(model=MODEL):
    """Return a planner with guidance of scale 0: the goal ranks candidates but does not steer."""
    return make_planner(model, **{"goal.conditioning": "guidance", "guidance.scale": 0.0})


def test_the_candidate_that_arrives_first_is_chosen():
    planner = unguided()
    candidates = np.asarray(plan(planner).candidates)
    for token in (1, 3):
        # Robot 0's candidate 1 passes its goal at `token`, and robot 1's candidate 0.
        goal = np.stack([candidates[0, 1, token, :2], candidates[1, 0, token, :2]])
        result = plan(planner, goal=jnp.asarray(goal))
        assert result.best.tolist() == [1, 0]
        expected = arrival(candidates[..., :2], np.stack([goal, goal], 1), 0.1) * STRIDE
        np.testing.assert_allclose(result.cost, expected, rtol=1e-3)
        assert all((token - 1) * STRIDE < a <= token * STRIDE for a in result.arrival)
        for b in range(BATCH):
            assert result.cost[b].argmin() == result.best[b] and np.ptp(result.cost[b]) > 0
            assert result.arrival[b] == result.cost[b].min()
            np.testing.assert_array_equal(result.states[b], candidates[b, result.best[b]])


def test_plans_without_a_goal_equal_unguided_ones_and_never_arrive():
    planner = unguided()
    result = plan(planner, goal=None)
    np.testing.assert_allclose(result.candidates, plan(planner).candidates, atol=1e-5)
    np.testing.assert_array_equal(result.arrival, (HORIZON + 1) * STRIDE)


def test_the_goal_as_token_as_gradient_and_as_both():
    base = unguided(DEEP)
    planners = {
        "none": base,
        "guidance": changed(base, **{"guidance.scale": 0.1}),
        "token": make_planner(DEEP),
        "both": changed(base, **{"goal.conditioning": "both", "guidance.scale": 0.1}),
    }
    results = {name: np.asarray(plan(p).candidates) for name, p in planners.items()}
    distance = {
        name: np.linalg.norm(r[:, :, -1, :2] - GOAL[:, None], axis=-1)
        for name, r in results.items()
    }
    for name, r in results.items():
        assert np.isfinite(r).all(), name
    assert distance["guidance"].mean() < 0.8 * distance["none"].mean()
    assert distance["both"].mean() < 0.8 * distance["token"].mean()
    names = list(results)
    for i, name in enumerate(names):
        for other in names[:i]:
            assert abs(results[name] - results[other]).max() > 1e-2, (name, other)


def test_the_goal_token_moves_plans():
    planner = make_planner(MODEL)
    moved = plan(planner, goal=GOAL.at[1].add(1.0))
    change = abs(plan(planner).candidates - moved.candidates).max(axis=(1, 2, 3))
    assert change[0] == 0 and change[1] > 1e-3


def test_history_its_level_and_missing_tokens_change_plans():
    planner = make_planner(MODEL)
    history = make_history(MODEL)
    clean = history._replace(level=jnp.zeros((BATCH, HISTORY)))
    base = plan(planner, history=clean).candidates[:, :, 1:]
    for token in range(HISTORY):
        for level in (0.5, 1.0):
            other = clean._replace(level=clean.level.at[0, token].set(level))
            change = abs(plan(planner, history=other).candidates[:, :, 1:] - base)
            assert change[0].max() > 1e-3 and change[1].max() == 0
        other = clean._replace(frames=clean.frames.at[0, token].add(1.0))
        assert abs(plan(planner, history=other).candidates[0, :, 1:] - base[0]).max() > 1e-3


def test_the_values_of_a_missing_token_are_ignored():
    planner = make_planner(MODEL)
    history = make_history(MODEL)
    other = history._replace(frames=history.frames.at[0, 0].set(jnp.nan))
    a, b = (plan(planner, history=h).candidates for h in (history, other))
    np.testing.assert_array_equal(a, b)


def test_denoising_holds_every_sampling_step():
    planner = make_planner(MODEL)
    result = plan(planner)
    shown = plan(planner, denoising=True)
    assert result.denoising is None and shown.denoising is not None
    matrix = planner.config.sampling.make_matrix(HORIZON)
    assert shown.denoising.shape == (BATCH, len(matrix), CANDIDATES, HORIZON + 1, 4)
    np.testing.assert_allclose(shown.candidates, result.candidates, atol=1e-5)
    np.testing.assert_array_equal(shown.denoising[:, -1], shown.candidates)
    moved = (abs(np.diff(shown.denoising[..., 1:, :], axis=1)) > 1e-5).any(axis=(0, 2, 4))
    np.testing.assert_array_equal(moved, np.diff(matrix, axis=0) != 0)


def test_a_task_without_a_goal():
    layout = TokenLayout.create(Layout(4, 2), DataConfig(stride=STRIDE))
    planner = make_planner(Model(layout, MODEL.net, MODEL.diffusion))
    result = plan(planner, goal=None)
    np.testing.assert_array_equal(result.arrival, (HORIZON + 1) * STRIDE)
    np.testing.assert_array_equal(result.cost, (HORIZON + 1) * STRIDE)
    np.testing.assert_array_equal(result.states, result.candidates[:, 0])
    # With neither a goal token nor a goal, the conditioning makes no difference.
    unguided = changed(planner, **{"goal.conditioning": "guidance"})
    np.testing.assert_array_equal(plan(unguided, goal=None).states, result.states)


def test_inverse_actions_are_in_si_units():
    weights = make_weights(MODEL)
    rng = np.random.default_rng(0)
    state, later = rng.normal(size=(2, 3, 4)).astype(np.float32)
    gap = np.array([1.0, 2.0, 1.0], np.float32)
    action = inverse_action(MODEL, weights, state, later, gap)
    encoded = [(a - STATE_MEAN) / STATE_STD for a in (state, later)]
    output = np.asarray(MODEL.inverse(weights.params)(*encoded, gap))
    expected = output * ACTION_STD + ACTION_MEAN
    np.testing.assert_allclose(action, expected, rtol=1e-4, atol=1e-5)


def test_settings_that_do_not_fit_the_model_are_refused():
    with pytest.raises(UserError, match=r"'diffused' .*data.actions true; valid here: tracker"):
        make_planner(MODEL, low_level_controller="diffused")
    with pytest.raises(UserError, match=r"'autoregressive' .*'bidirectional' .*valid.*full_seq"):
        make_planner(BIDIRECTIONAL, **{"sampling.matrix": "autoregressive"})
    with pytest.raises(UserError, match=r"5 tokens .* 7 numbers"):
        make_planner(MODEL, **{"sampling.matrix": "custom", "sampling.custom_matrix": (4,) * 7})
