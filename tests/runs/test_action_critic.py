"""A run whose planner ranks by action values: what it learns, in what order, and its file."""

import dataclasses

import numpy as np
import pytest

from dfplan.data.trajectories import from_episodes
from dfplan.representation.layout import Layout
from dfplan.runs.data import prepare_arrays
from dfplan.runs.fit import fit_run, learn_before_training
from dfplan.runs.run import Run
from dfplan.tasks.registry import Task
from dfplan.types import UserError
from dfplan.value.dataset import advantage_quantiles

SETTINGS = {
    "data.goal": "reward",
    "data.tokens": 3,
    "value.width": 4,
    "value.steps": 2,
    "action_value.width": 4,
    "action_value.steps": 2,
    "action_value.batch_size": 8,
    "planner.ranker": "action_value:temperature=0.3",
    "planner.low_level_controller": "policy",
    "policy.width": 4,
    "policy.steps": 2,
    "policy.batch_size": 8,
}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    shape = (8, 10)
    return from_episodes(
        list(rng.normal(size=(*shape, 2)).astype(np.float32)),
        list(rng.uniform(-1, 1, (*shape, 1)).astype(np.float32)),
        Layout(2, 1, action_low=(-1.0,), action_high=(1.0,)),
        "some-v0",
        rewards=list(rng.normal(size=shape)),
        terminated=rng.random(8) < 0.5,
    )


@pytest.fixture(scope="module")
def learned(tiny_config, data):
    """Return the run, its training's arrays and the reports of progress."""
    run = fit_run(Task("", "some-v0"), tiny_config.override(SETTINGS), data)
    reports = []
    arrays = prepare_arrays(run, data)
    run, arrays = learn_before_training(run, data, arrays, lambda *call: reports.append(call))
    return run, arrays, reports


def test_the_action_values_are_learned_before_the_policy(learned):
    run, _, reports = learned
    names = ("action values", "low-level policy")
    assert reports == [(name, step, 2) for name in names for step in (1, 2)]
    assert run.action_critic is not None and run.policy is not None


def test_training_sees_the_quantiles_of_advantages(learned, data):
    run, arrays, _ = learned
    expected = advantage_quantiles(data, run.states, run.actions, critic=run.action_critic)
    np.testing.assert_allclose(arrays.return_quantile, expected, atol=1e-6)
    np.testing.assert_allclose(prepare_arrays(run, data).return_quantile, expected, atol=1e-6)


def test_other_rankers_need_no_action_values(tiny_config, data):
    config = tiny_config.override({**SETTINGS, "planner.ranker": "value"})
    run = fit_run(Task("", "some-v0"), config, data)
    arrays = prepare_arrays(run, data)
    run, unchanged = learn_before_training(run, data, arrays)
    assert run.action_critic is None and unchanged is arrays


def test_a_run_saves_its_action_values(learned, tmp_path, same_bits):
    learned[0].save(tmp_path)
    same_bits(Run.load(tmp_path).action_critic, learned[0].action_critic)


def test_a_file_of_other_action_values_is_refused(learned, tmp_path):
    learned[0].save(tmp_path)
    assert learned[0].action_critic is not None
    other = dataclasses.replace(learned[0].action_critic, base=np.float32(1e3))
    (tmp_path / "action_value.npz").write_bytes(other.to_bytes())
    with pytest.raises(UserError, match=r"action_value\.npz has changed"):
        Run.load(tmp_path)
