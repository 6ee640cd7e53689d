"""Requested plans that nobody would follow are not computed."""

import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import numpy as np
import pytest

from dfplan.agent import Agent
from dfplan.control.plan_requests import PlanRequests
from dfplan.planner.plan import Weights
from dfplan.representation.layout import Layout
from dfplan.representation.normalizer import Normalizer
from tests.planner.fake import FakePlanner

LAYOUT = Layout(2, 2, goal_dims=(0, 1))
NORM = Normalizer(np.zeros(2, np.float32), np.ones(2, np.float32))


class HeldPlanner(FakePlanner):
    """Begins each plan when told to; `begun` counts them."""

    def __init__(self):
        super().__init__(LAYOUT, **{"timing.deadline_ms": 0.0})
        self.begun = 0
        self.is_busy = threading.Event()
        self.go = threading.Event()

    def plan(self, call, *, denoising=False):
        self.begun += 1
        self.is_busy.set()
        assert self.go.wait(60)
        return super().plan(call, denoising=denoising)


@pytest.fixture
def held():
    """An agent with a plan in progress in the background, its planner and its executor."""
    planner = HeldPlanner()
    with ThreadPoolExecutor(1) as executor:
        agent = Agent(planner, Weights(None, NORM, NORM), LAYOUT, executor=executor)  # pyright: ignore
        agent.act(np.zeros((2, 2)), goal=[1.0, 1.0])
        assert planner.is_busy.wait(60)
        yield agent, planner, executor
        planner.go.set()


def finish(planner, executor):
    planner.go.set()
    executor.submit(int).result(60)


def full_reset(agent):
    agent.reset()


def reset_of_every_row(agent):
    agent.reset(mask=[True, True])


def reset_by_act(agent):
    agent.act(np.zeros((2, 2)), goal=[1.0, 1.0], episode_over=[True, True])


@pytest.mark.parametrize("reset", [full_reset, reset_of_every_row, reset_by_act])
def test_a_reset_drops_plans(held, reset):
    agent, planner, executor = held
    for x in range(4):
        reset(agent)
        agent.act(np.full((2, 2), x), goal=[1.0, 1.0])
    finish(planner, executor)
    # CPUs plan for each of the two robots: the plan that was being made, and the last one.
    assert planner.begun == 4
    agent.act(np.full((2, 2), 3.0), goal=[1.0, 1.0])
    assert agent.elapsed.tolist() == [1, 1] and (agent.plan.states[:, 0] == 3).all()


def test_a_goal_that_moves_at_every_step_does_not_queue_plans(held):
    agent, planner, executor = held
    for x in range(20):
        agent.act(np.zeros((2, 2)), goal=[1.0, float(x)])
    finish(planner, executor)
    assert planner.begun == 4


class LateFuture(Future):
    """Becomes ready in the moment in which a wait for it times out."""

    def result(self, timeout=None):
        if timeout is not None:
            raise TimeoutError
        return super().result()


def test_a_plan_that_becomes_ready_as_the_wait_ends():
    agent, _ = act_with(LateFuture)
    assert agent.elapsed.tolist() == [1]
    with pytest.raises(TimeoutError, match="the planner's own"):
        act_with(LateFuture, error=TimeoutError("the planner's own"))


def act_with(kind, error=None):
    planner = FakePlanner(LAYOUT, **{"timing.deadline_ms": 5.0})

    class Now(Executor):
        def submit(self, fn, /, *args, **kwargs):
            future = kind()
            future.set_result(fn(*args, **kwargs))
            if error is not None:
                future = kind()
                future.set_exception(error)
            return future

    agent = Agent(planner, Weights(None, NORM, NORM), LAYOUT, executor=Now())  # pyright: ignore
    agent.act(np.zeros(2), goal=[1.0, 1.0])
    return agent, planner


def test_plans_of_the_other_robots_stay(held):
    agent, planner, executor = held
    agent.reset(mask=[True, False])
    finish(planner, executor)
    agent.act(np.ones((2, 2)), goal=[1.0, 1.0])
    assert agent.elapsed.tolist() == [-1, 1]
    executor.submit(int).result(60)
    agent.act(np.ones((2, 2)), goal=[1.0, 1.0])
    assert agent.elapsed.tolist() == [1, 2]


def test_a_plan_that_fails_leaves_the_others_to_be_cancelled():
    failed = Future()
    failed.set_exception(ValueError("no plan"))
    waiting = Future()
    futures = iter([failed, waiting])

    class Queue(Executor):
        def submit(self, fn, /, *args, **kwargs):
            return next(futures)

    requests = PlanRequests(Queue())
    for _ in range(2):
        requests.submit(FakePlanner, None)  # pyright: ignore
    with pytest.raises(ValueError, match="no plan"):
        list(requests.pop_ready(None))
    requests.cancel()
    assert waiting.cancelled()
