"""The chunking experiment: how robots bridge a delay, and its table."""

import numpy as np
import pytest

from experiments.chunking.execution import Recorder, Waiting
from experiments.chunking.run import result_table
from experiments.common.records import write
from tests.control.test_chunking import PrefixPlanner, make
from tests.control.test_realtime import EVERY, GOAL


def drive(agent, steps):
    agent.reset(seed=0)
    for _ in range(steps):
        agent.act(np.zeros((1, 2), np.float32), GOAL[None])
    return np.array(agent.actions)[:, 0, 0], np.array(agent.switches)[:, 0]


@pytest.mark.parametrize("delay", [0, 2])
def test_a_waiting_robot_stands_still_while_it_plans_and_then_follows_all_of_its_plan(delay):
    actions, switches = drive(Waiting(make(PrefixPlanner()), delay), 2 * (EVERY + delay) + 1)
    first = [0.0] * delay + [0.2] * EVERY
    second = [0.0] * delay + [0.3] * EVERY
    expected = [*first, *second, 0.0 if delay else 0.4]
    np.testing.assert_allclose(actions, expected, atol=1e-6)
    jumps = np.abs(np.diff(actions)) > 0.05
    np.testing.assert_array_equal(switches[1:], jumps)


def test_a_recorder_notes_when_another_plan_becomes_active():
    actions, switches = drive(Recorder(make(PrefixPlanner())), 2 * EVERY + 1)
    np.testing.assert_array_equal(np.flatnonzero(switches), [EVERY, 2 * EVERY])
    np.testing.assert_allclose(actions[[0, EVERY]], [0.2, 0.3], atol=1e-6)


def test_the_table_is_sorted_by_delay_and_execution(tmp_path):
    value = {"mean": 1.0, "ci_low": 0.5, "ci_high": 2.0}
    names = ("score", "jerk", "mean_jump", "largest_jump", "step")
    cases = [("committed", 2), ("naive", 10), ("synchronous", 2), ("synchronous", 0)]
    for execution, delay in cases:
        request = {"execution": execution, "delay": delay, "seeds": []}
        record = {"request": request, **dict.fromkeys(names, value)}
        write(tmp_path / f"{execution}-{delay}.json", record)
    rows = [row.split(" | ") for row in result_table(tmp_path).splitlines()[2:]]
    assert [row[0] for row in rows] == ["| 0", "| 2", "| 2", "| 10"]
    assert [row[1] for row in rows] == ["", "synchronous", "committed", "naive"]
    assert rows[0][2] == "1.0 (0.5 to 2.0)"
