"""Plans that come late, begin later, or refine the last one.

Most tests decide when a plan is ready, so that nothing depends on the machine's speed.
"""

import threading
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from dfplan.agent import Agent
from dfplan.control.executor import DelayedExecutor, SynchronousExecutor
from dfplan.diffusion.schedules import Cosine
from dfplan.planner.plan import Plan, Weights
from dfplan.representation.config import DataConfig
from dfplan.representation.layout import Layout
from dfplan.representation.normalizer import Normalizer
from dfplan.representation.tokens import TokenLayout
from dfplan.types import UserError
from tests.planner.tiny import planner_config

STRIDE = 2
HORIZON = 8
EVERY = 6
LAYOUT = Layout(2, 2, goal_dims=(0, 1))
NORM = Normalizer(np.zeros(2, np.float32), np.ones(2, np.float32))
GOAL = np.array([5.0, 0.0])


class LinePlanner:
    """Plans straight along the first dimension, 0.1 per control step; arrives or not."""

    def __init__(self, arrives=True, penalty=0.0, **config):
        self.config = planner_config(
            **{"replan_every": EVERY, "candidates": 2, "low_level_controller": "diffused", **config}
        )
        layout = TokenLayout.create(LAYOUT, DataConfig(stride=STRIDE, actions=True))
        self.model = SimpleNamespace(layout=layout, schedule=Cosine())
        self.horizon = HORIZON
        self.arrives = arrives
        self.penalty = penalty
        self.starts = []
        self.initial_plans = []

    def plan(self, call, *, denoising=False):
        batch = len(call.keys)
        present = np.asarray(call.history.frames)[:, -1, -1]
        self.starts.append(present.copy())
        self.initial_plans.append(call.initial_plan)
        path = np.arange(HORIZON + 1)[:, None] * np.array([0.1 * STRIDE, 0.0])
        states = (present[:, None] + path).astype(np.float32)
        actions = np.tile(np.float32([0.1, 0.0]), (batch, HORIZON * STRIDE, 1))
        arrival = np.full(batch, 10.0 if self.arrives else 99.0, np.float32)
        return Plan(
            states=states,
            actions=actions,
            arrival=arrival,
            candidates=np.stack([states, states], 1),
            cost=np.stack([arrival, arrival], 1) + self.penalty,
            best=np.zeros(batch, np.int32),
            denoising=None,
            history=present[:, None],
        )


def make(executor=None, **config):
    planner = LinePlanner(**config)
    weights = Weights(None, NORM, NORM)
    return Agent(planner, weights, LAYOUT, executor=executor), planner  # pyright: ignore


class GatedExecutor(Executor):
    """Runs calls when they are asked for while its `gate` is open; until then they are pending."""

    def __init__(self):
        self.gate = threading.Event()

    def submit(self, fn, /, *args, **kwargs):
        return GatedFuture(self.gate, fn, args, kwargs)


class GatedFuture(Future):
    def __init__(self, gate, fn, args, kwargs):
        super().__init__()
        self.gate = gate
        self.call = fn, args, kwargs

    def result(self, timeout=None):
        if self.gate.is_set() and not self.done():
            fn, args, kwargs = self.call
            self.set_result(fn(*args, **kwargs))
        return super().result(timeout)


def drive(agent, steps, start=0.0):
    """Return the actions of a robot that follows them exactly, and the plans' ages."""
    position = np.array([start, 0.0], np.float32)
    actions = []
    ages = []
    for _ in range(steps):
        actions.append(agent.act(position, GOAL))
        ages.append(int(agent.elapsed[0]))
        position = position + actions[-1]
    return np.array(actions), ages


def test_act_does_not_wait_for_a_plan_in_the_background():
    executor = GatedExecutor()
    agent, planner = make(executor, **{"timing.deadline_ms": 0.0})
    actions, ages = drive(agent, 3)
    assert (actions == 0).all() and ages == [-1, -1, -1] and planner.starts == []
    np.testing.assert_array_equal(agent.plan.states, np.zeros((1, HORIZON + 1, 2)))
    assert not agent.arrives()[0]
    executor.gate.set()
    actions, ages = drive(agent, EVERY)
    np.testing.assert_allclose(actions[:, 0], 0.1)
    assert ages == [1, 2, 3, 4, 5, 6]  # the robot has not moved since: the plan begins now
    executor.gate.clear()
    actions, ages = drive(agent, 4, start=0.6)
    np.testing.assert_allclose(actions[:, 0], 0.1)  # the old plan stays active
    assert ages == [7, 8, 9, 10] and len(planner.starts) == 1
    executor.gate.set()
    _, ages = drive(agent, 2, start=1.0)
    assert ages == [5, 6]  # it was requested four steps ago
    np.testing.assert_allclose(planner.starts[-1], [[0.6, 0.0]], atol=1e-6)


def test_late_plans_are_not_used_for_another_episode_or_goal():
    executor = GatedExecutor()
    agent, planner = make(executor, **{"timing.deadline_ms": 0.0})
    zeros = np.zeros((2, 2))
    ones = np.ones((2, 2))
    agent.act(zeros, GOAL)
    agent.reset(mask=np.array([True, False]))
    agent.act(zeros, np.stack([GOAL, GOAL]))
    executor.gate.set()
    agent.act(ones, np.stack([GOAL, GOAL]))
    assert agent.elapsed.tolist() == [1, 1] and len(planner.starts) == 3
    executor.gate.clear()
    agent.act(ones, np.stack([GOAL, GOAL + 1]))
    agent.act(ones, np.stack([GOAL, GOAL + 2]))
    assert agent.elapsed.tolist() == [3, 3]  # the plan to the old goal, as there is no other
    executor.gate.set()
    agent.act(ones, np.stack([GOAL, GOAL + 2]))
    assert agent.elapsed.tolist() == [4, 2]  # the last of the two, which is a step old


@pytest.mark.parametrize("delay", [0, 3])
def test_plans_are_aligned_in_time(delay):
    timing = {"timing.deadline_ms": 0.0, "timing.inference_delay": delay}
    agent, planner = make(DelayedExecutor(3), **timing)
    _, ages = drive(agent, 3 + 2 * EVERY + 4)
    starts = np.concatenate(planner.starts)[:, 0]
    assert ages == [-1, -1, -1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 4, 5, 6, 7, 8, 9, 4]
    np.testing.assert_allclose(starts, [0.0, 0.6, 1.2], atol=1e-6)


class HeldPlanner(LinePlanner):
    """Plans once its event `go` is set."""

    def __init__(self, **config):
        super().__init__(**config)
        self.go = threading.Event()

    def plan(self, call, *, denoising=False):
        assert self.go.wait(60)
        return super().plan(call, denoising=denoising)


def test_act_returns_by_its_deadline_and_uses_the_late_plan():
    planner = HeldPlanner(**{"timing.deadline_ms": 30.0})
    agent = Agent(planner, Weights(None, NORM, NORM), LAYOUT)  # pyright: ignore
    for _ in range(3):
        assert (agent.act(np.zeros(2), GOAL) == 0).all()  # no plan is ready yet
    planner.go.set()
    end = time.perf_counter() + 30
    while agent.elapsed[0] < 0 and time.perf_counter() < end:
        agent.act(np.zeros(2), GOAL)
    assert agent.elapsed[0] >= 1 and len(planner.starts) == 1


def test_act_waits_for_a_plan_until_its_deadline():
    planner = HeldPlanner(**{"timing.deadline_ms": 30_000.0})
    agent = Agent(planner, Weights(None, NORM, NORM), LAYOUT)  # pyright: ignore
    threading.Timer(0.1, planner.go.set).start()
    agent.act(np.zeros(2), GOAL)
    assert agent.elapsed.tolist() == [1]


@pytest.mark.parametrize("make_executor", [SynchronousExecutor, lambda: ThreadPoolExecutor(1)])
def test_act_raises_what_planning_raises(make_executor):
    agent, planner = make(make_executor())
    working_plan = planner.plan
    planner.plan = lambda *args, **options: 1 / 0  # pyright: ignore
    with pytest.raises(ZeroDivisionError):
        agent.act(np.zeros(2), GOAL)
    planner.plan = working_plan  # pyright: ignore
    agent.act(np.zeros(2), GOAL)  # requests a plan again
    assert len(planner.starts) == 1 and agent.elapsed.tolist() == [1]


def test_a_timeout_error_of_the_planning_itself_is_raised():
    def time_out(*args, **options):
        raise TimeoutError("the planner's own")

    for executor in (None, ThreadPoolExecutor(1)):
        agent, planner = make(executor)
        planner.plan = time_out  # pyright: ignore
        with pytest.raises(TimeoutError, match="own"):
            agent.act(np.zeros(2), GOAL)


def test_executors():
    future = SynchronousExecutor().submit(pow, 2, exp=3)
    assert future.done() and future.result(0.0) == 8
    with pytest.raises(ZeroDivisionError):
        SynchronousExecutor().submit(lambda: 1 / 0).result()
    future = DelayedExecutor(3).submit(pow, 2, exp=3)
    for _ in range(2):
        assert not future.done()
        with pytest.raises(TimeoutError):
            future.result(0.0)
    assert future.result(0.0) == 8 and future.done() and future.result(0.0) == 8


def test_a_robot_on_its_plan_refines_what_remains_of_it():
    agent, planner = make(**{"warm_start.level": 0.5})
    drive(agent, EVERY + 1)
    assert planner.initial_plans[0] is None
    remaining = planner.initial_plans[1]
    assert remaining.states.shape == (1, HORIZON * STRIDE, 2)
    expected = np.minimum(0.7 + 0.1 * np.arange(HORIZON * STRIDE), 1.6)  # and rests at its end
    np.testing.assert_allclose(remaining.states[0, :, 0], expected, atol=1e-5)
    np.testing.assert_allclose(remaining.actions[0], np.tile([0.1, 0.0], (HORIZON * STRIDE, 1)))


def test_a_robot_faster_than_its_plan_is_located_on_it():
    agent, planner = make(**{"warm_start.level": 0.5})
    for t in range(EVERY + 1):
        agent.act(np.array([0.2 * t, 0.0]), GOAL)
    np.testing.assert_allclose(planner.initial_plans[1].states[0, 0], [1.3, 0.0], atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "position", "from_scratch"),
    [
        ({}, (0.6, 0.0), False),
        ({}, (0.6, 3.0), True),  # pushed away
        ({}, (0.2, 0.0), True),  # held back
        ({"arrives": False}, (0.6, 0.0), True),
        ({"penalty": 10.1}, (0.6, 0.0), True),  # more than a token off the support
        ({"penalty": 9.9}, (0.6, 0.0), False),
        ({"warm_start.level": 0.0}, (0.6, 0.0), True),
    ],
)
def test_from_scratch_where_the_last_plan_is_not_worth_keeping(settings, position, from_scratch):
    agent, planner = make(**{"warm_start.level": 0.5, **settings})
    drive(agent, EVERY)
    agent.act(np.array(position), GOAL)
    assert [p is None for p in planner.initial_plans] == [True, from_scratch]


def test_from_scratch_where_no_refined_plan_arrives():
    agent, planner = make(**{"warm_start.level": 0.5})
    drive(agent, EVERY)
    planner.arrives = False
    agent.act(np.array([0.6, 0.0]), GOAL)
    assert [p is None for p in planner.initial_plans] == [True, False, True]


def test_some_of_a_batch_start_warm_and_others_from_scratch(monkeypatch):
    monkeypatch.setattr("dfplan.control.batch.runs_apart", lambda: False)
    agent, planner = make(**{"warm_start.level": 0.5})
    for t in range(EVERY):
        agent.act(np.array([[0.1 * t, 0.0]] * 3), GOAL)
    agent.act(np.array([[0.6, 0.0], [0.6, 4.0], [0.6, 0.0]]), GOAL)
    warm, fresh = planner.starts[1:]
    assert warm[:, 1].tolist() == [0, 0] and fresh[:, 1].tolist() == [4]
    assert agent.plan.states[:, 0, 1].tolist() == [0, 4, 0]
    assert agent.elapsed.tolist() == [1] * 3


def test_settings_out_of_range():
    bad = {
        "warm_start.level": 1.0,
        "warm_start.steps": 0,
        "warm_start.tokens": 0,
        "timing.deadline_ms": -2.0,
        "timing.inference_delay": -1,
        "timing.near_tokens": -1,
    }
    for name, value in bad.items():
        with pytest.raises(UserError, match=rf"planner\.{name} must be .* got {value}"):
            planner_config(**{name: value})
