"""Batched planning: one program per robot, or one for all."""

import threading

import jax
import numpy as np
import pytest

from dfplan.control import batch, loop, replanning
from dfplan.control.batch import BatchPlanner, PlanRequest
from dfplan.control.loop_state import LoopSpec
from dfplan.planner.plan import History, Weights
from tests.planner.tiny import (
    GOAL,
    LAYOUT,
    make_history,
    make_model,
    make_planner,
    make_weights,
    row,
)

MODEL = make_model()
SEEDS = np.array([3, 4, 5, 3, 4])
COUNTS = np.array([0, 0, 2, 1, 0])
ROWS = np.array([0, 1, 0, 1, 0])  # rows of the two robots' histories
NO_WEIGHTS = Weights(None, None, None)  # pyright: ignore
HISTORY = History(*(np.asarray(leaf)[ROWS] for leaf in make_history(MODEL)))
GOALS = np.asarray(GOAL)[ROWS]


def request(rows):
    history = History(*(leaf[rows] for leaf in HISTORY))
    return PlanRequest(SEEDS[rows], COUNTS[rows], history, GOALS[rows])


def plan(monkeypatch, apart, cores=1, rows=slice(None), **settings):
    monkeypatch.setattr(batch, "runs_apart", lambda: apart)
    monkeypatch.setattr(batch, "cores", lambda: cores)
    planner = BatchPlanner(make_planner(MODEL), make_weights(MODEL))
    return planner.plan(request(rows), limit=5, **settings)


def test_one_program_per_robot_or_one_for_all(monkeypatch):
    apart = plan(monkeypatch, apart=True)
    together = plan(monkeypatch, apart=False)
    for one, other in zip(jax.tree.leaves(apart), jax.tree.leaves(together), strict=True):
        assert isinstance(one, np.ndarray) and one.flags.writeable and one.shape[0] == 5
        assert isinstance(other, np.ndarray) and other.flags.writeable
        np.testing.assert_allclose(one, other, atol=1e-4)
    # Seed and count both distinguish plans: robots 1 and 4 share a seed, as do 0 and 3.
    assert abs(apart.states[0] - apart.states[2]).max() > 1e-3
    assert abs(apart.states[1] - apart.states[3]).max() > 1e-3


def test_a_program_per_robot_gives_the_same_plan_in_any_batch_and_on_any_number_of_cores(
    monkeypatch,
):
    plans = plan(monkeypatch, True)
    for _ in range(2):
        in_threads = plan(monkeypatch, True, cores=3)
        jax.tree.map(np.testing.assert_array_equal, in_threads, plans)
    for i in range(5):
        alone = plan(monkeypatch, True, rows=[i])
        jax.tree.map(np.testing.assert_array_equal, alone, row(plans, i))


class Slow:
    """A planner whose programs, except the first, end when three run at the same time."""

    def __init__(self):
        self.threads = []
        self.calls = 0
        self.barrier = threading.Barrier(3, timeout=20)

    def plan(self, call, *, denoising):
        assert len(call.keys) == 1
        self.threads.append(threading.get_ident())
        self.calls += 1
        if self.calls > 1:
            self.barrier.wait()
        return call.history


def test_cores_share_the_programs_once_the_first_has_compiled(monkeypatch):
    monkeypatch.setattr(batch, "runs_apart", lambda: True)
    monkeypatch.setattr(batch, "cores", lambda: 3)
    slow = Slow()
    planner = BatchPlanner(slow, NO_WEIGHTS)
    for count in (4, 3):  # the first of the four alone, as it compiles
        asked = request(slice(count))
        plans = planner.plan(asked, limit=count)
        np.testing.assert_array_equal(plans.frames, asked.history.frames)
    assert slow.calls == 7 and slow.threads[0] == threading.get_ident()


@pytest.mark.parametrize(("count", "limit", "size"), [(1, 9, 1), (3, 9, 4), (5, 9, 8), (5, 6, 6)])
def test_a_batch_is_padded(monkeypatch, count, limit, size):
    class Sizes:
        def plan(self, call, *, denoising):
            assert len(call.keys) == len(call.goal) == size
            return call.history

    monkeypatch.setattr(batch, "runs_apart", lambda: False)
    asked = request(slice(count))
    plans = BatchPlanner(Sizes(), NO_WEIGHTS).plan(asked, limit=limit)
    jax.tree.map(np.testing.assert_array_equal, plans, asked.history)


@pytest.mark.parametrize("apart", [True, False])
def test_early_plans_of_warm_and_fresh_robots_become_those_that_are_made_at_once(
    apart, monkeypatch
):
    monkeypatch.setattr("dfplan.control.batch.runs_apart", lambda: apart)
    settings = {"warm_start.level": 0.7, "goal.tolerance": 3.0, "timing.near_tokens": 1}
    planner = make_planner(make_model(), **settings)
    weights = make_weights(planner.model)
    spec = LoopSpec.create(planner, weights, LAYOUT)
    batch_planner = BatchPlanner(planner, weights)
    rng = np.random.default_rng(1)
    reading = rng.normal(size=(2, 4)).astype(np.float32)
    goal = reading[:, :2].copy()
    state = loop.observe(spec, loop.init(spec, np.arange(2)), reading, goal)
    rows = np.arange(2)
    inputs, state = replanning.plan_inputs(spec, state, rows)
    state = replanning.activate(spec, state, inputs, batch_planner.make_plans(inputs, 2))
    state = loop.observe(spec, state, reading + np.float32([[0], [50]]), goal)
    inputs, state = replanning.plan_inputs(spec, state, rows)
    assert inputs.is_warm.tolist() == [True, False]
    beginnings, finish = batch_planner.begin_plans(inputs, 2)
    assert beginnings.states.shape == (2, planner.horizon + 1, 4)
    jax.tree.map(np.testing.assert_array_equal, finish(), batch_planner.make_plans(inputs, 2))
