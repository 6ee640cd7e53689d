"""The memory experiment: valid rows, and the path from episodes to the README."""

import numpy as np
import pytest

from dfplan.runs.presets import make_config
from dfplan.tasks.perturb import parse_perturbation
from experiments.common import records
from experiments.common.protocol import TUNING
from experiments.common.stages import USAGE
from experiments.memory import run
from experiments.memory.measure import play_row
from experiments.memory.pages import render, write_tables
from experiments.memory.study import EVALUATION, TABLES, TMAZE, Row, Study


def test_rows_are_valid_for_planner_and_environments():
    for row in (row for rows in TABLES.values() for row in rows.values()):
        task = Study().task(row)
        planner = make_config(task).override({f"planner.{k}": v for k, v in row.planner.items()})
        drops = any(parse_perturbation(text).drops for text in row.perturb)
        assert planner.planner.sensing.missing == drops
        assert row.network or Study().run(row, 0).is_dir()


def test_its_episodes_were_not_used_for_tuning():
    assert not {*EVALUATION, *Study().episodes(Row(""))} & set(TUNING)
    assert len(EVALUATION) == 100


def test_only_the_full_history_spans_cue_and_turn():
    preset = make_config(Study().task(TMAZE["history"])).planner
    span = (preset.history.tokens - 1) * make_config(Study().task(TMAZE["history"])).data.stride
    assert TMAZE["none"].planner["history.tokens"] == 1
    # From the cue's last observation to the turn of the slowest episode in the data.
    assert span > 240 - 40


class TurnRight:
    """An agent that goes up, and turns right at the junction."""

    class layout:
        state = staticmethod(np.asarray)
        goal = staticmethod(lambda observation: None)

    def reset(self, mask=None, *, seed=None):
        pass

    def act(self, observation, *, episode_over=None):
        on_stem = observation[:, 1] < 2.0
        return np.where(on_stem[:, None], [-1.0, 0.3] * np.sign([[0, 1]]), [0.5, 0.0])


def test_from_episodes_to_the_page(tmp_path, capfd):
    study = Study(seeds=(0,)).dry_run(tmp_path, 20)
    episodes = play_row(study, TMAZE["none"], TurnRight(), study.evaluation)  # pyright: ignore
    cues = episodes.states[:, 0, 4] > 0
    np.testing.assert_array_equal(episodes.success.any(axis=1), cues)
    assert 0 < cues.mean() < 1
    path = study.result("none", TMAZE["none"], 0)
    path.parent.mkdir(parents=True)
    records.write(path, {"per_episode": {"success_rate": cues.astype(float).tolist()}})
    write_tables(study)
    line = f"| {TMAZE['none'].label} | 1 x 20 | {cues.mean():.3f} ("
    assert line in render(study, "tmaze")
    assert line in (study.pages / "README.md").read_text()
    assert line in capfd.readouterr().out


def test_an_unknown_stage(capfd):
    assert run.main(["meassure"]) == USAGE
    error = capfd.readouterr().err
    assert all(word in error for word in ("'meassure'", "train", "measure", "table", "figure"))


@pytest.mark.parametrize("name", TABLES)
def test_labels_are_unique(name):
    keys = [(row.label, row.perturb) for row in TABLES[name].values()]
    assert len(set(keys)) == len(keys)
