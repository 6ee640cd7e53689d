"""Real-time chunking and early plans in the control loop."""

from concurrent.futures import Executor, Future

import numpy as np
import pytest

from dfplan.agent import Agent
from dfplan.control.executor import DelayedExecutor
from dfplan.planner.plan import Weights
from dfplan.types import UserError
from tests.control.test_realtime import (
    EVERY,
    GOAL,
    LAYOUT,
    NORM,
    STRIDE,
    GatedExecutor,
    LinePlanner,
)


class PrefixPlanner(LinePlanner):
    """Plans at a speed of its own after the prefix, which it keeps; the speed rises every plan."""

    def __init__(self, **config):
        super().__init__(**config)
        self.prefixes = []
        self.drafts = []

    def plan(self, call, *, denoising=False):
        prefix = call.prefix
        self.prefixes.append(prefix)
        plan = super().plan(call, denoising=denoising)
        actions = plan.actions * (1 + len(self.prefixes))
        if prefix is not None:
            actions[:, : prefix.steps] = prefix.actions
        path = np.cumsum(actions, axis=1)[:, STRIDE - 1 :: STRIDE]
        states = plan.states.copy()
        states[:, 1:] = states[:, :1] + path
        return plan._replace(actions=actions, states=states)

    def begin(self, call):
        plan = self.plan(call)
        self.drafts.append(plan)
        return plan._replace(actions=plan.actions - 0.05), plan

    def finish(self, call, draft):
        return draft


def make(planner, executor=None):
    return Agent(planner, Weights(None, NORM, NORM), LAYOUT, executor=executor)  # pyright: ignore


def drive(agent, steps, push=0.0):
    """Return the actions of a robot that follows them, displaced by `push` halfway."""
    position = np.array([0.0, 0.0], np.float32)
    actions = []
    for step in range(steps):
        actions.append(agent.act(position, GOAL))
        position = position + actions[-1] + (push if step == steps // 2 else 0)
    return np.array(actions)[:, 0]


@pytest.mark.parametrize("delay", [1, 3])  # inside a token, and after one
@pytest.mark.parametrize("actual", [1, 2, 3])
def test_what_is_executed_is_the_committed_prefix(delay, actual):
    planner = PrefixPlanner(**{"timing.deadline_ms": 0.0, "timing.inference_delay": delay})
    actions = drive(make(planner, DelayedExecutor(actual)), actual + 3 * EVERY)
    assert planner.prefixes[0] is None
    np.testing.assert_allclose(planner.prefixes[1].actions[0, :, 0], np.full(delay, 0.2))
    # Ready early or late, the last plan's actions continue for the longer of both delays.
    requested = actual + EVERY
    changes = requested + max(delay, actual)
    np.testing.assert_allclose(actions[actual:changes], 0.2, atol=1e-6)
    assert actions[changes] == pytest.approx(0.3)


def test_the_prefix_is_the_plan_ahead_displaced_by_the_deviation():
    planner = PrefixPlanner(**{"timing.inference_delay": 3})
    agent = make(planner)
    drive(agent, EVERY + 1, push=np.array([0.05, 0.5], np.float32))
    states = planner.prefixes[1].states[0]
    now = 0.2 * EVERY
    expected = np.stack([now + 0.05 + 0.2 * np.arange(1, 4), np.full(3, 0.5)], axis=1)
    np.testing.assert_allclose(states, expected, atol=1e-5)


def test_a_tracker_continues_from_the_nearest_planned_state():
    planner = PrefixPlanner(
        **{"timing.inference_delay": 3, "low_level_controller": "tracker", "replan_every": 4}
    )
    agent = Agent(
        planner,  # pyright: ignore
        Weights(None, NORM, NORM),  # pyright: ignore
        LAYOUT,
        tracker=lambda states, stride, elapsed, state, goal: np.zeros((len(state), 2)),
    )
    for step in range(5):  # half as fast as planned, and then aside
        agent.act(np.array([0.1 * step, 0.3 if step else 0.0], np.float32), GOAL)
    states = planner.prefixes[1].states[0]
    np.testing.assert_allclose(states[:, 0], 0.4 + 0.2 * np.arange(1, 4), atol=1e-5)
    np.testing.assert_allclose(states[:, 1], 0.0, atol=1e-6)  # back on the plan


def test_a_robot_without_a_plan_commits_nothing_and_others_do():
    planner = PrefixPlanner(**{"timing.inference_delay": 2})
    agent = make(planner)
    goals = np.stack([GOAL, GOAL])
    agent.act(np.zeros((2, 2), np.float32), goals)
    agent.reset(mask=np.array([True, False]))
    goals = goals + np.array(
        [[0.0], [1.0]]
    )  # the second's goal has moved: it keeps moving meanwhile
    agent.act(np.zeros((2, 2), np.float32), goals)
    committed = [prefix is not None for prefix in planner.prefixes]
    assert sorted(committed) == [False, False, False, True]


def test_a_delay_of_zero_is_no_delay():
    plans = []
    for settings in ({}, {"timing.inference_delay": 0}):
        planner = PrefixPlanner(**settings)
        drive(make(planner), 2 * EVERY + 1)
        assert planner.prefixes == [None] * 3
        plans.append(np.concatenate(planner.starts))
    np.testing.assert_array_equal(*plans)


class ManualExecutor(Executor):
    """Runs calls when their results are waited for."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        future.result = lambda timeout=None: fn(*args, **kwargs)  # pyright: ignore
        return future


def test_a_plan_is_followed_from_its_first_tokens_and_then_whole():
    planner = PrefixPlanner(**{"timing.near_tokens": 1})
    agent = make(planner, ManualExecutor())
    actions = drive(agent, EVERY + 2)
    expected = [0.15, *[0.2] * (EVERY - 1), 0.25, 0.3]  # 0.05 less until it is whole
    np.testing.assert_allclose(actions, expected, atol=1e-6)
    assert len(planner.drafts) == 2  # nothing is planned twice


def test_finish_plans_activates_the_whole_plan_at_its_age():
    planner = PrefixPlanner(**{"timing.near_tokens": 1})
    agent = make(planner)
    assert agent.finish_plans() is None
    agent.act(np.zeros(2, np.float32), GOAL)
    early = agent.plan.actions.copy()
    whole = agent.finish_plans()
    np.testing.assert_allclose(whole.actions - early, 0.05, atol=1e-6)
    assert agent.elapsed.tolist() == [1] and agent.finish_plans() is not None


def test_an_early_plan_of_another_episode_is_not_finished():
    planner = PrefixPlanner(**{"timing.near_tokens": 1})
    agent = make(planner, ManualExecutor())
    agent.act(np.zeros(2, np.float32), GOAL)
    agent.reset()
    actions = drive(agent, 2)
    np.testing.assert_allclose(actions, [0.25, 0.3], atol=1e-6)


def test_a_plan_that_is_not_finished_yet_is_not_requested_again():
    planner = PrefixPlanner(**{"timing.near_tokens": 1, "timing.deadline_ms": 0.0})
    executor = GatedExecutor()
    agent = make(planner, executor)
    actions = drive(agent, 2 * EVERY)  # follows the beginning, however old it is
    np.testing.assert_allclose(actions, 0.15, atol=1e-6)
    assert len(planner.drafts) == 1
    executor.gate.set()
    drive(agent, 1)
    assert len(planner.drafts) == 2


def test_a_plan_from_a_state_is_whole_at_once():
    agent = make(PrefixPlanner(**{"timing.near_tokens": 1}))
    agent.plan_from(np.zeros(2), GOAL)
    np.testing.assert_allclose(agent.plan.actions[0, 0], [0.2, 0.0], atol=1e-6)
    assert agent.elapsed.tolist() == [0]


def test_nothing_is_left_of_a_plan_if_its_first_step_fails():
    agent = make(PrefixPlanner(**{"timing.near_tokens": 1}), ManualExecutor())
    runner = agent._runner
    follow = runner._follow_plans
    runner._follow_plans = lambda is_over: 1 / 0  # pyright: ignore
    with pytest.raises(ZeroDivisionError):
        agent.act(np.zeros(2, np.float32), GOAL)
    runner._follow_plans = follow
    agent.reset()
    np.testing.assert_allclose(drive(agent, 2), [0.25, 0.3], atol=1e-6)


def test_a_planner_without_stages_is_refused():
    planner = LinePlanner(**{"timing.near_tokens": 1})
    with pytest.raises(UserError, match="no method 'begin'"):
        make(planner)
