"""The table of OGBench's mazes, from results that are written here."""

import dataclasses

import numpy as np
import pytest

from experiments.common import records
from experiments.ogbench.ant_pose import upward
from experiments.ogbench.study import HERE, STUDY
from experiments.ogbench.table import write_table


def result(success):
    tasks = [{"success_rate": {"mean": float(np.mean(part))}} for part in np.split(success, 5)]
    return {
        "episodes": len(success),
        "tasks": {f"task{k + 1}": task for k, task in enumerate(tasks)}
        | {"overall": {"success_steps": {"mean": 321.0}}},
        "per_episode": {"success_rate": success.tolist(), "first_reach": [1.0] * len(success)},
    }


def test_the_table_averages_training_seeds_and_skips_what_is_missing(tmp_path):
    page = (HERE / "README.md").read_text()
    study = dataclasses.replace(STUDY, results=tmp_path, pages=tmp_path)
    name = "pointmaze-giant-stitch"
    records.write(study.result(name, 0), result(np.ones(10)))
    records.write(study.result(name, 2), result(np.repeat([1.0, 0.0], 5)))
    write_table(study)
    rows = (tmp_path / "README.md").read_text().splitlines()
    success, detail = [row for row in rows if row.startswith(f"| {name}")]
    assert success.split("|")[2].strip().startswith("**75.0 (")
    assert success.split("|")[3].strip() == "2"
    assert [cell.strip() for cell in detail.split("|")[2:8]] == [
        "100",
        "100",
        "75",
        "50",
        "50",
        "321",
    ]
    assert not any(row.startswith("| antmaze") for row in rows)
    assert (HERE / "README.md").read_text() == page


def test_the_table_counts_lost_episodes_in_which_the_ant_ends_on_its_back(tmp_path):
    name = "antmaze-large-navigate"
    record = result(np.array([1.0, 0.0, 0.0, 0.0, 1.0]))
    record["per_episode"]["overturned"] = [True, True, False, True, False]
    study = dataclasses.replace(STUDY, results=tmp_path, pages=tmp_path)
    records.write(study.result(name, 0), record)
    write_table(study)
    rows = (tmp_path / "README.md").read_text().splitlines()
    detail = [row for row in rows if row.startswith(f"| {name}")][1]
    assert detail.split("|")[-2].strip() == "2 of 3"


@pytest.mark.parametrize(
    ("quaternion", "expected"),
    [((1, 0, 0, 0), 1), ((0, 1, 0, 0), -1), ((2**-0.5, 0, 2**-0.5, 0), 0), ((0, 0, 0, 1), 1)],
)
def test_the_ant_is_upright_if_its_axis_points_up(quaternion, expected):
    state = np.zeros((2, 29))
    state[:, 3:7] = quaternion
    assert upward(state) == pytest.approx([expected] * 2)
