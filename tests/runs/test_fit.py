"""What a run fits to its data, on any scale of the data."""

import dataclasses

import numpy as np
import pytest

from dfplan.runs.fit import fit_run
from dfplan.tasks.registry import Task

TASK = Task("package:Walk-v0", "tiny-v0", "walk")


def scaled(data, scale, offset=0.0):
    return dataclasses.replace(data, state=np.float32(scale * data.state + offset))


@pytest.mark.parametrize("scale", [1.0, 1e-7])
def test_units_and_tolerance_follow_the_data(tiny_data, tiny_config, scale):
    run = fit_run(TASK, tiny_config, scaled(tiny_data, scale))
    deviation = scale * tiny_data.state.astype(float).std(axis=0)
    np.testing.assert_allclose(run.states.std, deviation, rtol=1e-4)
    tolerance = run.config.planner.goal.tolerance
    default = tiny_config.planner.goal.tolerance
    expected = default if scale == 1 else 0.05 * np.linalg.norm(deviation[:2])
    assert tolerance == pytest.approx(expected, rel=1e-4)
    assert run.support is not None


def test_a_goal_dimension_of_noise_has_no_support(tiny_data, tiny_config):
    state = tiny_data.state.copy()
    state[:, 1] = 0.7 + 1e-5 * np.random.default_rng(0).normal(size=len(state))
    run = fit_run(TASK, tiny_config, dataclasses.replace(tiny_data, state=state))
    assert run.support is None and run.states.std[1] == 1
