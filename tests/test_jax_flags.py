"""Training and planning hold under the settings of JAX that users turn on for their own code.

Programs are traced rather than compiled where tracing already shows a failure.
"""

import contextlib
import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from dfplan.planner.call import PlanCall
from dfplan.planner.plan import History, Weights
from dfplan.planner.prefix import Prefix
from dfplan.planner.warm_start import InitialPlan
from dfplan.runs.data import prepare_arrays
from dfplan.runs.fit import fit_run
from dfplan.tasks.registry import Task
from dfplan.training.checkpoint import CheckpointStore
from dfplan.training.step import TrainSpec, init_state, train_until

SETTINGS = {
    "attention": {"planner.history.guidance_weights": [0.5], "diffusion.num_levels": 8},
    "gradient": {
        "planner.ranker": "arrival",
        "planner.goal.conditioning": "both",
        "planner.guidance.samples": 2,
        "planner.sampling.matrix": "pyramid:slope=2",
        "training.optimizer.name": "muon",
        "data.start_fraction": 0.3,
        "data.before_start": 2,
    },
    "gru": {
        "net.kind": "gru",
        "data.actions": True,
        "data.frames": "stack",
        "planner.low_level_controller": "diffused",
        "diffusion.schedule": "linear_beta",
        "planner.sampling.solver": "ancestral",
    },
    "bidirectional": {
        "net.kind": "bidirectional",
        "training.objective.paradigm": "shared",
        "planner.sampling.matrix": "full_sequence",
        "planner.sampling.solver": "multistep",
        "diffusion.schedule": "sigmoid",
    },
}


@contextlib.contextmanager
def strict():
    """All settings that change what is traced, at once."""
    with jax.numpy_rank_promotion("raise"), jax.enable_x64(True), jax.checking_leaks():
        yield


SMALL = {"net.layers": 1, "planner.history.tokens": 2, "planner.candidates": 2}


@pytest.fixture(scope="module")
def make_run(tiny_data, tiny_config):
    @functools.cache
    def make(name):
        config = tiny_config.override({**SMALL, **SETTINGS[name]})
        return fit_run(Task("package:Walk-v0", "tiny-v0", "walk"), config, tiny_data)

    return make


def spec_of(run):
    return TrainSpec(run.model, run.config.data, run.config.training)


def plan_arguments(run):
    """Return weights, keys, history and goal for two robots, as shapes."""
    layout = run.model.layout
    shape = functools.partial(jax.ShapeDtypeStruct, dtype=jnp.float32)
    history = History(
        shape((2, 2, layout.frame_count, 3)), shape((2, 2, layout.stride, 2)), shape((2, 2))
    )
    params = jax.eval_shape(lambda: run.model.init(0))
    weights = Weights(params, run.states, run.actions, support=run.support)
    keys = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), 2))
    return weights, keys, history, shape((2, 2))


@pytest.mark.parametrize("name", SETTINGS)
def test_plans_are_traced(make_run, name):
    run = make_run(name)
    with strict():
        weights, keys, history, goal = plan_arguments(run)
        planner = run.make_planner()
        program = jax.make_jaxpr(
            lambda weights, keys, history, goal: planner.plan(
                PlanCall(weights, keys, history, goal)
            )
        )(weights, keys, history, goal)
    assert not re.search(r"f64\[\d", str(program))


@pytest.mark.parametrize("name", ["attention", "gru"])
def test_plans_that_begin_with_others_and_have_a_cost_are_traced(make_run, name):
    run = make_run(name)
    planner = run.make_planner()
    layout = run.model.layout
    shape = functools.partial(jax.ShapeDtypeStruct, dtype=jnp.float32)

    def steps(count):
        actions = shape((2, count, layout.action_dim)) if layout.actions else None
        return shape((2, count, layout.state_dim)), actions

    with strict():
        weights, keys, history, goal = plan_arguments(run)
        initial_plan = InitialPlan(*steps(planner.horizon * layout.stride))
        prefix = Prefix(*steps(layout.stride + bool(layout.actions)))  # whole tokens of states
        plan = jax.eval_shape(
            planner.plan,
            PlanCall(weights, keys, history, goal, initial_plan, prefix, Partial(far)),
        )
    assert plan.states.dtype == jnp.float32


def far(states, goal):
    return jnp.abs(states[..., :2] - goal[:, None]).sum(axis=(1, 2))


@pytest.mark.parametrize("name", SETTINGS)
def test_training_steps_are_traced(make_run, tiny_data, name):
    run = make_run(name)
    arrays = prepare_arrays(run, tiny_data)
    spec = spec_of(run)
    with strict():
        state = jax.eval_shape(lambda: init_state(spec))
        after, _ = jax.eval_shape(functools.partial(train_until, spec), arrays, state, jnp.int32(2))
    assert after == state
    dtypes = {leaf.dtype for leaf in jax.tree.leaves(after)}
    assert dtypes == {jnp.dtype(jnp.float32), jnp.dtype(jnp.int32)}


def test_checkpoints_of_one_mode_load_in_the_other(tmp_path, same_bits):
    weights = {"kernel": jnp.arange(6, dtype=jnp.float32), "count": jnp.int32(3)}
    like = jax.eval_shape(lambda: weights)
    with CheckpointStore(tmp_path / "checkpoints") as store:
        store.save_weights(1, weights)
    with jax.enable_x64(True), CheckpointStore(tmp_path / "checkpoints") as store:
        same_bits(store.load_weights(like), weights)


@pytest.mark.slow
def test_training_and_plans_have_the_same_results(make_run, tiny_data):
    run = make_run("attention")
    spec = spec_of(run)
    arrays = prepare_arrays(run, tiny_data)
    planner = run.make_planner()
    history = History(
        frames=np.full((2, 2, 1, 3), 0.3, np.float32),
        actions=np.full((2, 2, 2, 2), 0.2, np.float32),
        level=np.zeros((2, 2), np.float32),
    )

    def result():
        state, metrics = train_until(spec, arrays, init_state(spec), jnp.int32(2))
        weights = Weights(run.model.init(0), run.states, run.actions, support=run.support)
        keys = jax.random.split(jax.random.key(0), 2)
        goal = jnp.ones((2, 2), jnp.float32)
        plan = jax.jit(planner.plan)(
            PlanCall(weights, keys, jax.tree.map(jnp.asarray, history), goal)
        )
        return state.params, metrics, plan.states

    params, metrics, states = result()
    with strict(), jax.debug_nans(True):
        other_params, other_metrics, other_states = result()
    np.testing.assert_array_equal(np.asarray(other_states), np.asarray(states))
    for name, value in metrics.items():
        np.testing.assert_allclose(other_metrics[name], value, rtol=1e-5)
    for a, b in zip(jax.tree.leaves(other_params), jax.tree.leaves(params), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-4, atol=1e-6)
