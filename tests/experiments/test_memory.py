"""The memory experiment: rows are what planner and environments take, and the way to the README."""

import numpy as np
import pytest
from dfplan.perturb import parse_perturbation
from dfplan.presets import make_config

from experiments.maze2d import records
from experiments.maze2d.study import TUNING
from experiments.memory import run
from experiments.memory.measure import drive
from experiments.memory.pages import render, write_tables
from experiments.memory.study import EVALUATION, TABLES, TMAZE, Row, Study
from experiments.stages import USAGE


def test_rows_are_what_planner_and_environments_take():
    for row in (row for rows in TABLES.values() for row in rows.values()):
        task = Study().task(row)
        planner = make_config(task).override({f"planner.{k}": v for k, v in row.planner.items()})
        drops = any(parse_perturbation(text).drops for text in row.perturb)
        assert planner.planner.missing == drops
        assert row.network or Study().run(row, 0).is_dir()


def test_nothing_was_tuned_on_its_episodes():
    assert not {*EVALUATION, *Study().episodes(Row(""))} & set(TUNING) and len(EVALUATION) == 100


def test_the_present_alone_is_all_that_the_row_without_history_has():
    preset = make_config(Study().task(TMAZE["history"])).planner
    span = (preset.history - 1) * make_config(Study().task(TMAZE["history"])).data.stride
    # From the cue's last observation to the slowest way's turn, in the data.
    assert TMAZE["none"].planner["history"] == 1 and span > 240 - 40


class Right:
    """Goes up, and at the junction to the right."""

    class layout:
        state = staticmethod(np.asarray)
        goal = staticmethod(lambda observation: None)

    def reset(self, mask=None, *, seed=None):
        pass

    def act(self, observation):
        up = observation[:, 1] < 2.0
        return np.where(up[:, None], [-1.0, 0.3] * np.sign([[0, 1]]), [0.5, 0.0])


def test_from_episodes_to_the_page(tmp_path, capfd):
    study = Study(seeds=(0,)).rehearsal(tmp_path, 20)
    played = drive(study, TMAZE["none"], Right(), study.evaluation)  # pyright: ignore
    cues = played.states[:, 0, 4] > 0
    np.testing.assert_array_equal(played.success.any(axis=1), cues)
    assert 0 < cues.mean() < 1
    path = study.result("none", TMAZE["none"], 0)
    path.parent.mkdir(parents=True)
    records.write(path, {"per_episode": {"success_rate": cues.astype(float).tolist()}})
    write_tables(study)
    line = f"| {TMAZE['none'].label} | 1 x 20 | {cues.mean():.3f} ("
    assert line in render(study, "tmaze")
    assert line in (study.pages / "README.md").read_text() and line in capfd.readouterr().out


def test_an_unknown_stage(capfd):
    assert run.main(["meassure"]) == USAGE
    assert (
        "unknown stage 'meassure'; valid: train, measure, table, figure" in capfd.readouterr().err
    )


@pytest.mark.parametrize("name", TABLES)
def test_labels_are_told_apart(name):
    keys = [(row.label, row.perturb) for row in TABLES[name].values()]
    assert len(set(keys)) == len(keys)
