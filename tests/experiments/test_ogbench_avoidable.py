"""Which falls of the data count, and continuations of them."""

import numpy as np
import pytest

from dfplan.data.trajectories import from_episodes
from dfplan.representation.layout import Layout
from experiments.ogbench import avoidable
from experiments.ogbench.avoidable import HEADING_STEPS, LEADS, fall_rows

BEFORE = max(LEADS) + HEADING_STEPS


def episode(steps, over_from=None):
    states = np.zeros((steps, 29), np.float32)
    states[:, 3] = 1.0
    if over_from is not None:
        states[over_from:, 3:5] = [0.0, 1.0]
    return states


def test_the_first_step_on_its_back_counts_if_the_ant_has_walked_before():
    episodes = [episode(60), episode(80, BEFORE + 5), episode(70, BEFORE - 1)]
    actions = [np.zeros((len(e), 8), np.float32) for e in episodes]
    data = from_episodes(episodes, actions, Layout(29, 8, (0, 1)), "falls-v0")
    assert fall_rows(data).tolist() == [60 + BEFORE + 5]


def test_data_without_falls_have_no_rows():
    walk = episode(60)
    data = from_episodes([walk], [np.zeros((60, 8), np.float32)], Layout(29, 8, (0, 1)), "walk-v0")
    assert len(data.state[fall_rows(data)]) == 0


def test_an_unknown_task_is_refused(capsys):
    with pytest.raises(SystemExit):
        avoidable.main(["pointmaze-giant-stitch"])
    assert "antmaze-giant-stitch" in capsys.readouterr().err


def test_no_falls_are_refused(capsys):
    with pytest.raises(SystemExit):
        avoidable.main(["antmaze-giant-stitch", "--falls", "0"])
    assert "--falls is 0; needed: at least 1" in capsys.readouterr().err
