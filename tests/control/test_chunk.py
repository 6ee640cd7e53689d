"""Chunks of actions, and the control steps that pass between two of them; in plain NumPy."""

import numpy as np
import pytest

from dfplan.agent import Agent
from dfplan.control.linear_dynamics import LinearDynamics
from dfplan.diffusion.schedules import Cosine
from dfplan.planner.plan import Weights
from dfplan.representation.layout import Layout
from dfplan.representation.normalizer import Normalizer
from dfplan.types import UserError
from tests.planner.fake import EVERY, HORIZON, STRIDE, FakePlanner

LAYOUT = Layout(2, 2, goal_dims=(0, 1), action_low=(-1.0, -1.0), action_high=(1.0, 1.0))
NORM = Normalizer(np.zeros(2, np.float32), np.ones(2, np.float32))
GOAL = np.array([9.0, 9.0])


def make(tracker=None, dynamics=None, **config):
    planner = FakePlanner(LAYOUT, **config)
    weights = Weights(None, NORM, NORM)
    agent = Agent(planner, weights, LAYOUT, tracker=tracker, dynamics=dynamics)  # pyright: ignore
    return agent, planner


def point():
    """Return the dynamics of a point that moves by a tenth of its action."""
    weights = np.concatenate([np.zeros((2, 2)), 0.1 * np.eye(2), np.zeros((2, 1))], axis=1)
    low = np.full(2, -10.0)
    return LinearDynamics(weights, covariance=1e-4 * np.eye(2), low=low, high=-low)


def test_a_chunk_begins_with_the_action_of_act_and_goes_on_along_the_plan():
    agent, _ = make()
    single, _ = make()
    chunk = agent.act_chunk(np.ones(2), GOAL, length=4)
    np.testing.assert_array_equal(chunk.actions[0], single.act(np.ones(2), GOAL))
    assert agent.plan is not None and agent.plan.actions is not None
    np.testing.assert_array_equal(chunk.actions, np.clip(agent.plan.actions[0, :4], -1, 1))
    between = (agent.plan.states[0, 0] + agent.plan.states[0, 1]) / 2
    np.testing.assert_allclose(chunk.states[:2], [[1, 1], between], rtol=1e-6)
    np.testing.assert_allclose(chunk.states[2], agent.plan.states[0, 1], rtol=1e-6)
    assert agent.elapsed == [1]


def test_a_chunk_beyond_the_plan_repeats_its_end():
    agent, _ = make()
    chunk = agent.act_chunk(np.zeros(2), length=HORIZON * STRIDE + 5)
    assert agent.plan is not None and agent.plan.actions is not None
    np.testing.assert_allclose(chunk.states[-1], agent.plan.states[0, -1], rtol=1e-6)
    np.testing.assert_array_equal(chunk.actions[-1], chunk.actions[HORIZON * STRIDE - 1])


@pytest.mark.parametrize("executed", [2, 3])
def test_executed_steps_age_the_plan_and_fill_the_history(executed):
    chunked, chunked_planner = make()
    stepped, stepped_planner = make()
    for step in range(4 * executed + 1):
        observation = np.array([0.1, -0.2]) * step
        action = stepped.act(observation, GOAL)
        if step % executed:
            continue
        chunk = chunked.act_chunk(observation, GOAL, length=executed, executed=executed)
        if len(chunked_planner.calls) == len(stepped_planner.calls) == 1:
            np.testing.assert_array_equal(chunk.actions[0], action)
    first = chunked_planner.calls[1].history
    assert first.frames.shape == (1, 2, 1, 2)
    # They replan at the first request at or after EVERY steps.
    step = -(-EVERY // executed) * executed
    expected = np.array([[0.1, -0.2]]) * np.array([[step - STRIDE], [step]])
    np.testing.assert_allclose(first.frames[0, :, 0], expected, rtol=1e-5)
    before = chunked_planner.calls[0].history.frames[0, -1, 0]
    np.testing.assert_array_equal(before, [0, 0])
    assert first.level.max() == 0  # the history is complete
    assert (first.actions[0, -1] != 0).all()  # with the actions that were executed


def test_more_steps_than_the_chunk_has_repeat_its_last_action():
    agent, planner = make(replan_every=100)
    chunk = agent.act_chunk(np.zeros(2), GOAL, length=2)
    agent.act_chunk(np.ones(2), GOAL, length=2, executed=5)
    assert agent.elapsed == [6] and planner.rows == [1]
    state = agent._runner.state
    assert state is not None
    np.testing.assert_array_equal(state.history.actions[0, -2], chunk.actions[1])


def test_steps_before_an_episode_do_not_count():
    agent, planner = make()
    agent.act_chunk(np.zeros(2), GOAL, length=2, executed=7)
    assert agent.elapsed == [1]
    agent.reset()
    agent.act_chunk(np.ones(2), GOAL, length=2, executed=7)
    assert agent.elapsed == [1] and len(planner.calls) == 2
    assert planner.calls[1].history.level[0, 0] == 1  # nothing precedes the episode


def test_a_controller_sees_the_states_that_are_expected():
    seen = []

    def track(states, stride, elapsed, state, goal):
        seen.append((elapsed, state, goal))
        return np.clip(state, -1, 1) * 0.5

    agent, _ = make(track, low_level_controller="tracker", replan_every=100)
    chunk = agent.act_chunk(np.zeros(2), GOAL, length=4)
    elapsed, state, goal = map(np.concatenate, zip(*seen[-3:], strict=True))
    np.testing.assert_array_equal(elapsed, [1, 2, 3])
    np.testing.assert_allclose(state, chunk.states[1:])
    np.testing.assert_array_equal(goal, np.tile(GOAL, (3, 1)))
    assert agent.plan is not None
    drift = agent.plan.states[0, 1] - agent.plan.states[0, 0]
    np.testing.assert_allclose(state, drift * np.arange(1, 4)[:, None] / STRIDE, rtol=1e-5)
    # A robot that is ahead of its plan continues from there.
    agent.act_chunk(1.0 * drift, GOAL, length=2)
    np.testing.assert_allclose(seen[-1][1][0], drift * (1 + 1 / STRIDE), rtol=1e-5)


def test_with_dynamics_a_controller_sees_the_states_that_its_actions_lead_to():
    def track(states, stride, elapsed, state, goal):
        return np.clip(goal - state, -1, 1)

    agent, _ = make(track, dynamics=point(), low_level_controller="tracker", replan_every=100)
    chunk = agent.act_chunk(np.array([8.2, 0.0]), GOAL, length=5)
    position = np.array([8.2, 0.0])
    for state, action in zip(chunk.states, chunk.actions, strict=True):
        np.testing.assert_allclose(state, position, rtol=1e-6)
        np.testing.assert_allclose(action, np.clip(GOAL - position, -1, 1), rtol=1e-5)
        position = position + 0.1 * action


def test_planned_actions_are_expected_to_lead_along_the_plan():
    agent, _ = make(dynamics=point())
    chunk = agent.act_chunk(np.zeros(2), GOAL, length=STRIDE + 1)
    assert agent.plan is not None
    np.testing.assert_allclose(chunk.states[STRIDE], agent.plan.states[0, 1], rtol=1e-6)


def test_an_estimator_gets_no_invented_readings():
    agent, planner = make(dynamics=point(), **{"sensing.missing": True})
    planner.model.schedule = Cosine()
    agent.act_chunk(np.zeros(2), GOAL, length=3)
    agent.act_chunk(np.full(2, 5.0), GOAL, length=3, executed=4)
    level = planner.calls[1].history.level[0]
    assert 0 < level[0] < 1 and level[1] < level[0]


@pytest.mark.parametrize("bad", [0, -1, 1.5, 10_000, True])
@pytest.mark.parametrize("name", ["length", "executed"])
def test_bad_numbers_are_refused(name, bad):
    agent, _ = make()
    with pytest.raises(UserError, match=str(bad)):
        agent.act_chunk(np.zeros(2), GOAL, **{"length": 2, name: bad})


def test_a_batch_is_refused():
    agent, _ = make()
    with pytest.raises(UserError, match="3"):
        agent.act_chunk(np.zeros((3, 2)), length=2)


@pytest.mark.parametrize(
    ("reading", "goal"),
    [([np.nan, 0], GOAL), ([1e30, 0], GOAL), ([0, 0, 0], GOAL), ([1, 1], [0]), ([1, 1], [1e30, 0])],
)
def test_bad_input_leaves_the_steps_before_it_as_they_were(reading, goal):
    agent, _ = make()
    agent.act_chunk(np.zeros(2), GOAL, length=3)
    before = agent._runner.state
    with pytest.raises(UserError):
        agent.act_chunk(np.array(reading), goal, length=3, executed=3)
    assert agent._runner.state is before
    agent.act_chunk(np.ones(2), GOAL, length=3, executed=3)
    assert agent.elapsed == [1]  # EVERY steps have passed, and it has replanned
    assert np.isfinite(agent._runner.state.history.states).all()  # pyright: ignore
