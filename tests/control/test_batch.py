"""Plans for many robots: a program each, or one for all."""

import threading

import jax
import numpy as np
import pytest

from dfplan.control import batch
from dfplan.control.batch import BatchPlanner
from dfplan.planner.plan import History
from tests.planner.tiny import GOAL, make_history, make_model, make_planner, make_weights, row

MODEL = make_model()
SEEDS, COUNTS = np.array([3, 4, 5, 3, 4]), np.array([0, 0, 2, 1, 0])
ROWS = np.array([0, 1, 0, 1, 0])  # of the two robots' histories
HISTORY = History(*(np.asarray(part)[ROWS] for part in make_history(MODEL)))
GOALS = np.asarray(GOAL)[ROWS]


def plan(monkeypatch, apart, cores=1, rows=slice(None), **settings):
    monkeypatch.setattr(batch, "runs_apart", lambda: apart)
    monkeypatch.setattr(batch, "_cores", lambda: cores)
    planner = BatchPlanner(make_planner(MODEL), make_weights(MODEL))
    history = History(*(part[rows] for part in HISTORY))
    return planner.plan(SEEDS[rows], COUNTS[rows], history, GOALS[rows], limit=5, **settings)


def test_a_program_each_or_one_for_all(monkeypatch):
    apart, together = (plan(monkeypatch, way) for way in (True, False))
    for one, other in zip(jax.tree.leaves(apart), jax.tree.leaves(together), strict=True):
        assert isinstance(one, np.ndarray) and one.flags.writeable and one.shape[0] == 5
        assert isinstance(other, np.ndarray) and other.flags.writeable
        np.testing.assert_allclose(one, other, atol=1e-4)
    # Seed and count both tell plans apart: robots 1 and 4 have the seed in common, 0 and 3 as well.
    assert abs(apart.states[0] - apart.states[2]).max() > 1e-3
    assert abs(apart.states[1] - apart.states[3]).max() > 1e-3


def test_apart_a_plan_is_the_same_in_any_batch_and_on_any_number_of_cores(monkeypatch):
    found = plan(monkeypatch, True)
    for same in (plan(monkeypatch, True, cores=3), plan(monkeypatch, True, cores=3)):
        jax.tree.map(np.testing.assert_array_equal, same, found)
    for i in range(5):
        jax.tree.map(
            np.testing.assert_array_equal, plan(monkeypatch, True, rows=[i]), row(found, i)
        )


class Slow:
    """A planner whose programs, but for the first, end when three run at the same time."""

    def __init__(self):
        self.threads, self.calls, self.meet = [], 0, threading.Barrier(3, timeout=20)

    def plan(self, weights, keys, history, goal, initial_plan=None, *, extra_cost, denoising):
        assert len(keys) == 1
        self.threads.append(threading.get_ident())
        self.calls += 1
        if self.calls > 1:
            self.meet.wait()
        return history


def test_cores_share_the_programs_once_one_of_them_is_compiled(monkeypatch):
    monkeypatch.setattr(batch, "runs_apart", lambda: True)
    monkeypatch.setattr(batch, "_cores", lambda: 3)
    slow = Slow()
    planner = BatchPlanner(slow, None)
    for rows in (4, 3):  # the first of the four alone, as it compiles
        history = History(*(part[:rows] for part in HISTORY))
        found = planner.plan(SEEDS[:rows], COUNTS[:rows], history, GOALS[:rows], limit=rows)
        np.testing.assert_array_equal(found.frames, history.frames)
    assert slow.calls == 7 and slow.threads[0] == threading.get_ident()


@pytest.mark.parametrize(("count", "limit", "size"), [(1, 9, 1), (3, 9, 4), (5, 9, 8), (5, 6, 6)])
def test_a_batch_is_padded(monkeypatch, count, limit, size):
    class Sizes:
        def plan(self, weights, keys, history, goal, initial_plan=None, *, extra_cost, denoising):
            assert len(keys) == len(goal) == size
            return history

    monkeypatch.setattr(batch, "runs_apart", lambda: False)
    history = History(*(part[:count] for part in HISTORY))
    found = BatchPlanner(Sizes(), None).plan(
        SEEDS[:count], COUNTS[:count], history, GOALS[:count], limit=limit
    )
    jax.tree.map(np.testing.assert_array_equal, found, history)
