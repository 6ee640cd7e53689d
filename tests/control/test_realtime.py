"""Plans that come late, begin later, or go on from the last one.

Most tests decide themselves when a plan is there, so that nothing depends on the machine's speed.
"""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from dfplan.agent import Agent
from dfplan.control.executor import background, simulated
from dfplan.diffusion.schedules import Cosine
from dfplan.planner.plan import Plan, Weights
from dfplan.representation.config import DataConfig
from dfplan.representation.layout import Layout
from dfplan.representation.normalizer import Normalizer
from dfplan.representation.tokens import TokenLayout
from dfplan.types import UserError
from tests.planner.tiny import planner_config

STRIDE, HORIZON, EVERY = 2, 8, 6
LAYOUT = Layout(2, 2, goal_dims=(0, 1))
NORM = Normalizer(np.zeros(2, np.float32), np.ones(2, np.float32))
GOAL = np.array([5.0, 0.0])


class LinePlanner:
    """Plans straight along the first dimension, a step of 0.1 in a control step; arrives or not."""

    def __init__(self, arrives=True, paid=0.0, **config):
        self.config = planner_config(
            **{"replan_every": EVERY, "candidates": 2, "low_level_controller": "diffused", **config}
        )
        layout = TokenLayout.create(LAYOUT, DataConfig(stride=STRIDE, actions=True))
        self.model = SimpleNamespace(layout=layout, schedule=Cosine())
        self.horizon, self.arrives, self.paid = HORIZON, arrives, paid
        self.starts, self.guesses = [], []

    def plan(
        self, weights, keys, history, goal, initial_plan=None, *, extra_cost=None, denoising=False
    ):
        present = np.asarray(history.frames)[:, -1, -1]
        self.starts.append(present.copy())
        self.guesses.append(initial_plan)
        way = np.arange(HORIZON + 1)[:, None] * np.array([0.1 * STRIDE, 0.0])
        states = (present[:, None] + way).astype(np.float32)
        actions = np.tile(np.float32([0.1, 0.0]), (len(keys), HORIZON * STRIDE, 1))
        arrival = np.full(len(keys), 10.0 if self.arrives else 99.0, np.float32)
        both = np.stack([states, states], 1), np.stack([arrival, arrival], 1) + self.paid
        return Plan(
            states, actions, arrival, *both, np.zeros(len(keys), np.int32), None, present[:, None]
        )


def make(worker=None, **config):
    planner = LinePlanner(**config)
    weights = Weights(None, NORM, NORM)
    return Agent(planner, weights, LAYOUT, worker=worker), planner  # pyright: ignore


def by_hand():
    """A worker that finishes when its `gate` is opened, or at once while that stands open."""
    gate = threading.Event()

    def work(job):
        return lambda timeout: job() if gate.is_set() else None

    return work, gate


def drive(agent, steps, start=0.0):
    """Positions of a robot that does as it is told; the actions, and the plans' ages."""
    at, actions, ages = np.array([start, 0.0], np.float32), [], []
    for _ in range(steps):
        actions.append(agent.act(at, GOAL))
        ages.append(int(agent.elapsed[0]))
        at = at + actions[-1]
    return np.array(actions), ages


def test_no_act_waits_for_a_plan_in_the_background():
    worker, gate = by_hand()
    agent, planner = make(worker, **{"timing.deadline_ms": 0.0})
    actions, ages = drive(agent, 3)
    assert (actions == 0).all() and ages == [-1, -1, -1] and planner.starts == []
    np.testing.assert_array_equal(agent.plan.states, np.zeros((1, HORIZON + 1, 2)))
    assert not agent.arrives()[0]
    gate.set()
    actions, ages = drive(agent, EVERY)
    np.testing.assert_allclose(actions[:, 0], 0.1)
    assert ages == [1, 2, 3, 4, 5, 6]  # the robot has not moved since: the plan begins now
    gate.clear()
    actions, ages = drive(agent, 4, start=0.6)
    np.testing.assert_allclose(actions[:, 0], 0.1)  # what it has goes on
    assert ages == [7, 8, 9, 10] and len(planner.starts) == 1
    gate.set()
    _, ages = drive(agent, 2, start=1.0)
    assert ages == [5, 6]  # it was asked for four steps ago, and is as old
    np.testing.assert_allclose(planner.starts[-1], [[0.6, 0.0]], atol=1e-6)


def test_late_plans_are_not_used_for_another_episode_or_goal():
    worker, gate = by_hand()
    agent, planner = make(worker, **{"timing.deadline_ms": 0.0})
    one, other = np.zeros((2, 2)), np.ones((2, 2))
    agent.act(one, GOAL)
    agent.reset(mask=np.array([True, False]))
    agent.act(one, np.stack([GOAL, GOAL]))
    gate.set()
    agent.act(other, np.stack([GOAL, GOAL]))
    assert agent.elapsed.tolist() == [1, 1] and len(planner.starts) == 3
    gate.clear()
    agent.act(other, np.stack([GOAL, GOAL + 1]))
    agent.act(other, np.stack([GOAL, GOAL + 2]))
    assert agent.elapsed.tolist() == [3, 3]  # the plan to the old goal, as there is no other
    gate.set()
    agent.act(other, np.stack([GOAL, GOAL + 2]))
    assert agent.elapsed.tolist() == [4, 2]  # the last of the two, which is a step old


@pytest.mark.parametrize("lead", [0, 3])
def test_plans_are_aligned_in_time(lead):
    agent, planner = make(simulated(3), **{"timing.deadline_ms": 0.0, "timing.latency_steps": lead})
    _, ages = drive(agent, 3 + 2 * EVERY + 4)
    starts = np.concatenate(planner.starts)[:, 0]
    assert ages[:3] == [-1, -1, -1]
    if lead:  # asked for three steps early, from where the robot is to be: in force on the step
        assert ages[3:] == [1, 2, 3, 4, 5, 6] * 2 + [1, 2, 3, 4]
        np.testing.assert_allclose(starts, [0.0, 0.6, 1.2, 1.8], atol=1e-6)
    else:  # three steps old when they come
        assert ages[3:] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 4, 5, 6, 7, 8, 9, 4]
        np.testing.assert_allclose(starts, [0.0, 0.6, 1.2], atol=1e-6)


def test_a_plan_that_is_early_waits_for_its_time():
    agent, _ = make(**{"timing.latency_steps": 2})
    _, ages = drive(agent, 2 * EVERY)
    assert ages == [1, 2, 3, 4, 5, 6] * 2


class HeldPlanner(LinePlanner):
    """Plans when it is let go."""

    def __init__(self, **config):
        super().__init__(**config)
        self.go = threading.Event()

    def plan(self, *args, **options):
        assert self.go.wait(60)
        return super().plan(*args, **options)


def test_act_returns_by_its_deadline_and_uses_the_late_plan():
    planner = HeldPlanner(**{"timing.deadline_ms": 30.0})
    agent = Agent(planner, Weights(None, NORM, NORM), LAYOUT)  # pyright: ignore
    for _ in range(3):
        assert (agent.act(np.zeros(2), GOAL) == 0).all()  # nothing has let it go
    planner.go.set()
    end = time.perf_counter() + 30
    while agent.elapsed[0] < 0 and time.perf_counter() < end:
        agent.act(np.zeros(2), GOAL)
    assert agent.elapsed[0] >= 1 and len(planner.starts) == 1


def test_act_waits_for_a_plan_that_is_there_by_its_deadline():
    planner = HeldPlanner(**{"timing.deadline_ms": 30_000.0})
    agent = Agent(planner, Weights(None, NORM, NORM), LAYOUT)  # pyright: ignore
    threading.Timer(0.1, planner.go.set).start()
    agent.act(np.zeros(2), GOAL)
    assert agent.elapsed.tolist() == [1]


def test_what_a_job_raises_is_raised_by_act():
    for worker in (None, background()):
        agent, planner = make(worker)
        works, planner.plan = planner.plan, lambda *args, **options: 1 / 0  # pyright: ignore
        with pytest.raises(ZeroDivisionError):
            agent.act(np.zeros(2), GOAL)
        planner.plan = works  # pyright: ignore
        agent.act(np.zeros(2), GOAL)  # is asked for again
        assert len(planner.starts) == 1 and agent.elapsed.tolist() == [1]


def test_background_work_that_times_out_by_itself_is_an_error():
    def job():
        raise TimeoutError("the job's own")

    result = background()(job)
    with pytest.raises(TimeoutError, match="own"):
        result(5.0)


def test_a_robot_on_its_plan_goes_on_from_it():
    agent, planner = make(**{"warm_start.level": 0.5})
    drive(agent, EVERY + 1)
    assert planner.guesses[0] is None
    left = planner.guesses[1]
    assert left.states.shape == (1, HORIZON * STRIDE, 2)
    ahead = np.minimum(0.7 + 0.1 * np.arange(HORIZON * STRIDE), 1.6)  # and rests at its end
    np.testing.assert_allclose(left.states[0, :, 0], ahead, atol=1e-5)
    np.testing.assert_allclose(left.actions[0], np.tile([0.1, 0.0], (HORIZON * STRIDE, 1)))


def test_a_robot_faster_than_its_plan_is_found_on_it():
    agent, planner = make(**{"warm_start.level": 0.5})
    for t in range(EVERY + 1):
        agent.act(np.array([0.2 * t, 0.0]), GOAL)
    np.testing.assert_allclose(planner.guesses[1].states[0, 0], [1.3, 0.0], atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "at", "fresh"),
    [
        ({}, (0.6, 0.0), False),
        ({}, (0.6, 3.0), True),  # pushed away
        ({}, (0.2, 0.0), True),  # held back
        ({"arrives": False}, (0.6, 0.0), True),
        ({"paid": 10.1}, (0.6, 0.0), True),  # more than a token at the support's price
        ({"paid": 9.9}, (0.6, 0.0), False),
        ({"warm_start.level": 0.0}, (0.6, 0.0), True),
    ],
)
def test_from_scratch_where_the_last_plan_is_not_worth_keeping(settings, at, fresh):
    agent, planner = make(**{"warm_start.level": 0.5, **settings})
    drive(agent, EVERY)
    agent.act(np.array(at), GOAL)
    assert [initial_plan is None for initial_plan in planner.guesses] == [True, fresh]


def test_from_scratch_where_no_refined_plan_arrives():
    agent, planner = make(**{"warm_start.level": 0.5})
    drive(agent, EVERY)
    planner.arrives = False
    agent.act(np.array([0.6, 0.0]), GOAL)
    assert [initial_plan is None for initial_plan in planner.guesses] == [True, False, True]


def test_some_of_a_batch_go_on_and_others_begin_anew(monkeypatch):
    monkeypatch.setattr("dfplan.control.batch.runs_apart", lambda: False)
    agent, planner = make(**{"warm_start.level": 0.5})
    for t in range(EVERY):
        agent.act(np.array([[0.1 * t, 0.0]] * 3), GOAL)
    agent.act(np.array([[0.6, 0.0], [0.6, 4.0], [0.6, 0.0]]), GOAL)
    warm, fresh = planner.starts[1:]
    assert warm[:, 1].tolist() == [0, 0] and fresh[:, 1].tolist() == [4]
    assert agent.plan.states[:, 0, 1].tolist() == [0, 4, 0] and agent.elapsed.tolist() == [1] * 3


def test_settings_out_of_range():
    bad = {
        "warm_start.level": 1.0,
        "warm_start.steps": 0,
        "warm_start.tokens": 0,
        "timing.deadline_ms": -2.0,
        "timing.latency_steps": -1,
    }
    for name, value in bad.items():
        with pytest.raises(UserError, match=rf"planner\.{name} must be .* got {value}"):
            planner_config(**{name: value})
