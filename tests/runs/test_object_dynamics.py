"""The dynamics of a task's objects in a run's record."""

import dataclasses

import numpy as np
import pytest

from dfplan.control.linear_dynamics import LinearDynamics
from dfplan.runs.fit import fit_run
from dfplan.runs.run import Run
from dfplan.tasks.registry import Task
from dfplan.types import UserError

TASK = Task("", "tiny-v0", goal_dims=(0, 1), objects=(((0,), (1,)),))


@pytest.fixture(scope="module")
def run(tiny_config, tiny_data):
    return fit_run(TASK, tiny_config, tiny_data)


def dynamics_of(run: Run) -> LinearDynamics:
    assert run.dynamics is not None
    return run.dynamics


def test_a_run_fits_and_saves_the_dynamics_of_its_objects(run, tmp_path):
    run.save(tmp_path)
    fitted = dynamics_of(run).objects
    assert [own.dims for own in fitted] == [(0,), (1,)]
    for loaded, own in zip(dynamics_of(Run.load(tmp_path)).objects, fitted, strict=True):
        assert loaded.dims == own.dims
        np.testing.assert_array_equal(loaded.weights, own.weights)
        np.testing.assert_array_equal(loaded.covariance, own.covariance)


def test_a_task_without_objects_has_none(tiny_config, tiny_data):
    task = dataclasses.replace(TASK, objects=())
    assert dynamics_of(fit_run(task, tiny_config, tiny_data)).objects == ()


def test_objects_outside_of_the_state_are_refused(tiny_config, tiny_data):
    task = dataclasses.replace(TASK, objects=(((0,), (99,)),))
    size = tiny_data.layout.state_dim
    with pytest.raises(UserError, match=rf"objects.*dimension 99; valid: 0 to {size - 1}"):
        fit_run(task, tiny_config, tiny_data)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"dims": (99,)}, "dimension 99; valid: 0 to"),
        ({"weights": np.zeros((2, 3))}, r"weights has shape \(2, 3\)"),
        ({"covariance": np.eye(2)}, r"covariance has shape \(2, 2\)"),
    ],
)
def test_dynamics_that_do_not_fit_are_refused(run, tmp_path, change, names):
    dynamics = dynamics_of(run)
    first = dataclasses.replace(dynamics.objects[0], **change)
    other = dataclasses.replace(dynamics, objects=(first, *dynamics.objects[1:]))
    dataclasses.replace(run, dynamics=other).save(tmp_path)
    with pytest.raises(UserError, match=rf"dynamics\.objects\.0.*{names}"):
        Run.load(tmp_path)
