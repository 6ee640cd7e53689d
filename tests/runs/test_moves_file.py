"""The file of a run's moves: what it must hold, and errors that name it."""

import dataclasses

import numpy as np
import pytest

from dfplan.planner.subgoals.observed_moves import ObservedMoves
from dfplan.runs.fit import fit_run
from dfplan.runs.run import Run
from dfplan.tasks.registry import Task
from dfplan.types import UserError

TASK = Task("", "tiny-v0", goal_dims=(0, 1), objects=(((0,), (1,)),))
SETTINGS = {"data.single_moves": True, "planner.goal.tolerance": 1e-3}


def fit(tiny_config, tiny_data, task=TASK) -> Run:
    layout = dataclasses.replace(tiny_data.layout, goal_dims=(0, 1))
    data = dataclasses.replace(tiny_data, layout=layout)
    return fit_run(task, tiny_config.override(SETTINGS), data)


@pytest.fixture(scope="module")
def run(tiny_config, tiny_data):
    return fit(tiny_config, tiny_data)


def moves_of(run: Run) -> ObservedMoves:
    assert run.moves is not None
    return run.moves


def test_a_run_saves_its_moves(run, tmp_path):
    run.save(tmp_path)
    loaded = Run.load(tmp_path).moves
    assert loaded is not None and loaded.objects == run.objects
    np.testing.assert_array_equal(loaded.during, moves_of(run).during)


@pytest.mark.parametrize("content", [None, b"", b"damaged"])
def test_a_damaged_file_is_named_first(run, tmp_path, content):
    run.save(tmp_path)
    path = tmp_path / "moves.npz"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as error:
        Run.load(tmp_path)
    assert str(error.value).startswith(f"{path} ") and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"after": np.zeros((3, 2), np.float32)}, r"during.*\(3, 4, 2\)"),
        ({"scale": np.full(2, np.nan, np.float32)}, "scale.*finite"),
        ({"scale": np.zeros(2, np.float32)}, "scale.*above 0"),
        ({"scale": np.ones(3, np.float32)}, r"scale.*\(2,\)"),
        ({"changes": np.zeros((1, 1))}, "changes is float64"),
        ({"goal_dims": (1, 0)}, r"goal_dims is \(1, 0\).*\(0, 1\)"),
        ({"groups": (((0, 99), (1, 98)),)}, "dimension 99; valid: 0 to"),
    ],
)
def test_moves_that_do_not_fit_are_refused(run, tmp_path, change, names):
    other = dataclasses.replace(moves_of(run), **change)
    dataclasses.replace(run, moves=other).save(tmp_path)
    with pytest.raises(UserError, match=rf"moves\.npz: .*{names}"):
        Run.load(tmp_path)


def test_a_scale_of_other_goals_is_refused_in_training(tiny_config, tiny_data):
    task = dataclasses.replace(TASK, goal_scale=(1.0, 2.0, 3.0))
    with pytest.raises(UserError, match=r"scale.*\(3,\).*\(2,\)"):
        fit(tiny_config, tiny_data, task)


def test_a_task_without_objects_has_no_moves(tiny_config, tiny_data):
    with pytest.raises(UserError, match=r"data\.single_moves.*objects"):
        fit(tiny_config, tiny_data, dataclasses.replace(TASK, objects=()))
