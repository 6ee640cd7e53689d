"""Plans of several agents are made together, and are those that each would make alone."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from dfplan.agent import Agent
from dfplan.serve.shared_planner import SharedPlanner
from dfplan.types import UserError
from tests.planner.fake import FakePlanner
from tests.serve.conftest import LAYOUT, VECTOR, WEIGHTS, see


@pytest.fixture
def together(monkeypatch):
    """Plan for all robots in one program, as on an accelerator."""
    monkeypatch.setattr("dfplan.control.batch.runs_apart", lambda: False)
    monkeypatch.setattr("dfplan.serve.shared_planner.runs_apart", lambda: False)


def make_agents(planner, count, **settings):
    sizes = []
    shared = SharedPlanner(planner, WEIGHTS, on_batch=sizes.append, **settings)
    agents = [
        Agent(planner, WEIGHTS, LAYOUT, seed=i, plan_maker=shared)  # pyright: ignore
        for i in range(count)
    ]
    return shared, agents, sizes


def act_at_once(agents, observations):
    with ThreadPoolExecutor(len(agents)) as threads:
        return list(threads.map(Agent.act, agents, observations))


def observations(count):
    return [see([0.1 * i, -0.2 * i], goal=[i, 1.0]) for i in range(count)]


def alone(count):
    agents = [Agent(FakePlanner(LAYOUT), WEIGHTS, LAYOUT, seed=i) for i in range(count)]  # pyright: ignore
    return [agent.act(o) for agent, o in zip(agents, observations(count), strict=True)]


@pytest.mark.usefixtures("together")
def test_agents_that_ask_together_are_planned_for_in_one_padded_batch():
    planner = FakePlanner(LAYOUT)
    _, agents, sizes = make_agents(planner, 5, size=8, wait_ms=500.0)
    actions = act_at_once(agents, observations(5))
    assert sum(sizes) == 5 and max(sizes) > 1
    assert all(rows in (1, 2, 4, 8) for rows in planner.rows)
    np.testing.assert_array_equal(actions, alone(5))


def test_on_a_cpu_plans_are_programs_of_their_own():
    planner = FakePlanner(LAYOUT)
    _, agents, sizes = make_agents(planner, 4)
    actions = act_at_once(agents, observations(4))
    assert sizes == [1] * 4 and planner.rows == [1] * 4
    np.testing.assert_array_equal(actions, alone(4))


@pytest.mark.usefixtures("together")
def test_a_batch_is_no_larger_than_its_bound_and_waits_no_longer():
    planner = FakePlanner(LAYOUT)
    _, agents, sizes = make_agents(planner, 6, size=4, wait_ms=0.0)
    act_at_once(agents, observations(6))
    assert sum(sizes) == 6 and max(sizes) <= 4


@pytest.mark.usefixtures("together")
def test_a_plan_that_fails_costs_the_others_of_its_batch_nothing():
    class Picky(FakePlanner):
        def plan(self, call, *, denoising=False):
            if (call.goal == 2).any():
                raise ValueError("no plan to 2")
            return super().plan(call, denoising=denoising)

    planner = Picky(LAYOUT)
    _, agents, _ = make_agents(planner, 4, size=4, wait_ms=500.0)
    gate = threading.Barrier(4)

    def act(i):
        gate.wait()
        try:
            return agents[i].act(observations(4)[i])
        except ValueError as error:
            return str(error)

    with ThreadPoolExecutor(4) as threads:
        outcomes = list(threads.map(act, range(4)))
    assert outcomes[2] == "no plan to 2"
    for i in (0, 1, 3):
        np.testing.assert_array_equal(outcomes[i], alone(4)[i])


@pytest.mark.usefixtures("together")
def test_calls_with_and_without_a_goal_are_apart():
    planner = FakePlanner(LAYOUT)
    shared, _, sizes = make_agents(planner, 0, size=4, wait_ms=2000.0)
    goals = [np.zeros(2), None, np.ones(2), None]
    robots = [Agent(planner, WEIGHTS, VECTOR, plan_maker=shared) for _ in goals]  # pyright: ignore
    with ThreadPoolExecutor(4) as threads:
        actions = list(threads.map(Agent.act, robots, [np.ones(2)] * 4, goals))
    assert np.isfinite(actions).all() and sizes == [2, 2]


@pytest.mark.usefixtures("together")
def test_all_padded_sizes_are_compiled():
    planner = FakePlanner(LAYOUT)
    shared, *_ = make_agents(planner, 0, size=8)
    shared.compile(1)
    assert planner.rows == [1, 2, 4, 8]


def test_on_a_cpu_one_size_is_compiled():
    planner = FakePlanner(LAYOUT)
    shared, *_ = make_agents(planner, 0)
    shared.compile(1)
    assert planner.rows == [1]


def test_a_closed_planner_answers_what_came_before():
    planner = FakePlanner(LAYOUT)
    shared, agents, _ = make_agents(planner, 2)
    agents[0].act(observations(1)[0])
    shared.close()
    with pytest.raises(UserError):
        agents[1].act(observations(1)[0])


class StreamingPlanner(FakePlanner):
    """Begins plans in which only the first token is right."""

    def __init__(self):
        super().__init__(LAYOUT, **{"timing.near_tokens": 1})
        self.finished = []

    def begin(self, call):
        plan = self.plan(call)
        states = plan.states.copy()
        states[:, 2:] = 0
        return plan._replace(states=states), plan.states

    def finish(self, call, draft):
        self.finished.append(len(draft))
        plan = self.plan(call)
        return plan._replace(states=draft)


@pytest.mark.usefixtures("together")
def test_plans_are_begun_together_and_finished_together():
    planner = StreamingPlanner()
    _, agents, sizes = make_agents(planner, 3, size=4, wait_ms=500.0)
    actions = act_at_once(agents, observations(3))
    np.testing.assert_array_equal(actions, alone(3))
    with ThreadPoolExecutor(3) as threads:
        plans = list(threads.map(Agent.finish_plans, agents))
    assert sum(sizes) == 3 and max(sizes) > 1
    assert len(planner.finished) == len(sizes)  # once per batch
    for i, plan in enumerate(plans):
        agent = Agent(FakePlanner(LAYOUT), WEIGHTS, LAYOUT, seed=i)  # pyright: ignore
        agent.act(observations(3)[i])
        np.testing.assert_array_equal(plan.states, agent.plan.states)  # pyright: ignore
