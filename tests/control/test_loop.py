"""The control loop's pure functions: sensing, the agent's actions, and unchanged inputs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.agent import Agent
from dfplan.control import loop, replanning
from dfplan.control.batch import BatchPlanner
from dfplan.control.history_buffer import history_tokens
from dfplan.control.linear_dynamics import LinearDynamics
from dfplan.control.loop_state import NO_PLAN, LoopSpec
from dfplan.diffusion.schedules.schedule import level_at
from dfplan.types import UserError
from tests.planner.tiny import (
    ACTIONS,
    BATCH,
    HISTORY,
    LAYOUT,
    STATES,
    STRIDE,
    make_model,
    make_planner,
    make_weights,
)

MODEL = make_model()
STD = np.array(STATES.std)
STEPS = (HISTORY - 1) * STRIDE + 1
DYNAMICS = LinearDynamics(
    weights=np.zeros((4, 7)),
    covariance=1e-6 * np.eye(4),
    low=np.full(4, -9.0),
    high=np.full(4, 9.0),
)


def mean_action(states, stride, elapsed, state, goal):
    return np.tile(np.array(ACTIONS.mean), (len(state), 1))


def make_spec(**config):
    planner = make_planner(MODEL, **{"low_level_controller": "tracker", **config})
    return LoopSpec.create(
        planner, make_weights(MODEL), LAYOUT, tracker=mean_action, dynamics=DYNAMICS
    )


def make_readings(steps, noise=0.0, seed=0):
    """Return states of robots that stand still, and their readings."""
    rng = np.random.default_rng(seed)
    state = STATES.decode(rng.normal(size=(BATCH, 4)))
    errors = noise * STD * rng.normal(size=(steps, BATCH, 4))
    return np.asarray(state), np.array(state + errors, np.float32)


def sense(spec, readings):
    """Take in readings without plans; return the states acted on and the last state of the loop.

    The last reading is not acted on.
    """
    state = loop.init(spec, np.arange(BATCH))
    acted_on = []
    for t, reading in enumerate(readings):
        state = loop.observe(spec, state, reading, None)
        acted_on.append(state.state)
        if t + 1 < len(readings):
            _, state = loop.act(spec, state)
    return np.array(acted_on), state


def tokens_of(spec, state):
    return history_tokens(spec.planner.model.layout, HISTORY, state.history)


def test_without_noise_states_and_history_are_the_readings():
    spec = make_spec(**{"history.level": 0.2})
    _, readings = make_readings(STEPS, 0.3)
    acted_on, state = sense(spec, readings)
    np.testing.assert_array_equal(acted_on, readings)
    history = tokens_of(spec, state)
    np.testing.assert_array_equal(history.frames[:, :, -1], readings[::STRIDE].swapaxes(0, 1))
    np.testing.assert_array_equal(history.level, np.full((BATCH, HISTORY), np.float32(0.2)))


def test_noise_is_filtered_and_history_tells_how_much_is_left():
    noise = 0.3
    truth, readings = make_readings(40, noise)
    spec = make_spec(**{"sensing.observation_noise": tuple(float(n) for n in noise * STD)})
    acted_on, state = sense(spec, readings)
    error = (np.abs(acted_on - truth) / STD).mean(axis=(1, 2))
    assert error[-1] < 0.5 * error[0]
    level = np.asarray(tokens_of(spec, state).level)
    assert (level[:, :-1] > level[:, 1:]).all()  # the more readings, the less noise is left
    # The mean of 40 - k readings has a reading's noise over the root of their number.
    remaining = noise / np.sqrt(40 - STRIDE * np.arange(HISTORY)[::-1])
    expected = level_at(spec.planner.model.schedule, remaining)
    np.testing.assert_allclose(level, np.tile(expected, (BATCH, 1)), rtol=0.02)


def test_the_declared_level_is_the_least():
    _, readings = make_readings(40, 0.01)
    spec = make_spec(**{"sensing.observation_noise": (0.001,), "history.level": 0.4})
    _, state = sense(spec, readings)
    np.testing.assert_array_equal(tokens_of(spec, state).level, np.float32(0.4))


def test_missing_values_are_imputed_and_declared_as_uncertain():
    truth, readings = make_readings(STEPS)
    readings[-1, 0] = np.nan
    readings[:, 1] = np.nan
    spec = make_spec(**{"sensing.missing": True})
    acted_on, state = sense(spec, readings)
    assert np.isfinite(acted_on).all()
    np.testing.assert_allclose(acted_on[-1, 0], truth[0], atol=1e-3)  # it stands still
    np.testing.assert_allclose(acted_on[-1, 1], STATES.mean)  # never observed
    history = tokens_of(spec, state)
    assert (history.level[0, :-1] == 0).all() and 0 < history.level[0, -1] < 0.1
    np.testing.assert_array_equal(history.level[1], 1.0)
    assert jnp.isfinite(history.frames).all()
    _, state = loop.act(spec, state)
    state = loop.reset(spec, state, np.array([False, True]))
    state = loop.observe(spec, state, np.nan_to_num(readings[0], nan=1.0), None)
    np.testing.assert_array_equal(tokens_of(spec, state).level[1], [1.0, 1.0, 0.0])


def test_filtering_needs_dynamics():
    planner = make_planner(MODEL, **{"sensing.missing": True})
    with pytest.raises(UserError, match="dynamics"):
        LoopSpec.create(planner, make_weights(MODEL), LAYOUT)


SETTINGS = {
    "scratch": {},
    "warm": {"warm_start.level": 0.7, "goal.tolerance": 3.0},
    "delay": {"timing.inference_delay": 2, "warm_start.level": 0.7, "goal.tolerance": 3.0},
    "noisy": {"sensing.observation_noise": (0.1,), "sensing.missing": True},
}


def copied(state):
    return jax.tree.map(np.copy, state)


@pytest.mark.parametrize("name", SETTINGS)
def test_an_agent_is_a_python_loop_over_the_functions_none_of_which_changes_its_input(name):
    planner = make_planner(
        MODEL, **{"low_level_controller": "inverse", "replan_every": 4, **SETTINGS[name]}
    )
    weights = make_weights(MODEL)
    seeds = np.array([7, 3])
    rng = np.random.default_rng(0)
    reading = rng.normal(size=(BATCH, 4)).astype(np.float32)
    goal = rng.normal(size=(BATCH, 2)).astype(np.float32)
    agent = Agent(planner, weights, LAYOUT, dynamics=DYNAMICS)
    agent.reset(seed=seeds.tolist())

    spec = LoopSpec.create(planner, weights, LAYOUT, dynamics=DYNAMICS)
    batch_planner = BatchPlanner(planner, weights)
    state = loop.init(spec, seeds)
    requests = []

    def pure(function, *arguments, **options):
        """Call a function of the loop, and check that it leaves the state as it is."""
        before = copied(state)
        result = function(spec, state, *arguments, **options)
        jax.tree.map(np.testing.assert_array_equal, state, before)
        return result

    def activate():
        nonlocal state, requests
        for inputs, plan in requests:
            state = pure(replanning.activate, inputs, plan)
        requests = []

    for t in range(11):
        if t == 6:
            mask = np.array([True, False])
            agent.reset(mask)
            state = pure(loop.reset, mask)
        if t == 8:
            goal = goal + np.array([[0.0], [0.5]], np.float32)
        activate()
        state = pure(loop.observe, reading, goal)
        for rows, delay in pure(replanning.group_by_delay, pure(replanning.needs_plan)):
            inputs, state = pure(replanning.plan_inputs, rows, delay=delay)
            requests.append((inputs, batch_planner.make_plans(inputs, BATCH)))
        activate()
        state = pure(loop.hold_without_plan, np.ones(BATCH, bool))
        action, state = pure(loop.act)
        np.testing.assert_array_equal(agent.act(reading, goal), action)
        np.testing.assert_array_equal(agent.elapsed, state.elapsed)
        reading = (reading + 0.01 * rng.normal(size=reading.shape)).astype(np.float32)
        reading[:, :2] += 0.1 * action


def test_plans_to_another_goal_or_of_another_episode_are_not_activated():
    spec = make_spec()
    batch_planner = BatchPlanner(spec.planner, make_weights(MODEL))
    reading = np.zeros((BATCH, 4), np.float32)
    goal = np.zeros((BATCH, 2), np.float32)
    state = loop.observe(spec, loop.init(spec, np.arange(BATCH)), reading, goal)
    inputs, requested = replanning.plan_inputs(spec, state, np.arange(BATCH))
    plan = batch_planner.make_plans(inputs, BATCH)
    assert (
        replanning.needs_plan(spec, state).all()
        and not replanning.needs_plan(spec, requested).any()
    )
    assert replanning.activate(spec, requested, inputs, plan).elapsed.tolist() == [0, 0]
    moved = loop.observe(spec, requested, reading, goal + np.array([[0.0], [1.0]]))
    assert replanning.needs_plan(spec, moved).tolist() == [False, True]
    assert replanning.activate(spec, moved, inputs, plan).elapsed.tolist() == [0, NO_PLAN]
    again = loop.reset(spec, requested, np.array([True, False]))
    assert replanning.needs_plan(spec, again).tolist() == [True, False]
    assert replanning.activate(spec, again, inputs, plan).elapsed.tolist() == [NO_PLAN, 0]
