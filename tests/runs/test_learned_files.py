"""A run with a policy: learned in training, saved with the run, checked when it is loaded."""

import dataclasses
import json

import numpy as np
import pytest

from dfplan.control.low_level import make_low_level_controller
from dfplan.planner.plan import Weights
from dfplan.runs.data import prepare_arrays
from dfplan.runs.fit import fit_run, learn_policy
from dfplan.runs.run import Run
from dfplan.tasks.registry import Task
from dfplan.types import UserError

TASK = Task("", "tiny-v0")
SETTINGS = {
    "planner.low_level_controller": "policy:lookahead=2",
    "planner.candidates": 1,
    "policy.width": 8,
    "policy.steps": 4,
    "policy.batch_size": 16,
}


@pytest.fixture(scope="module")
def run(tiny_data, tiny_config):
    run = fit_run(TASK, tiny_config.override(SETTINGS), tiny_data)
    return learn_policy(run, prepare_arrays(run, tiny_data))


@pytest.fixture
def saved(run, tmp_path):
    run.save(tmp_path / "run")
    return tmp_path / "run"


def control(run):
    weights = Weights({}, run.states, run.actions, policy=run.policy)
    return make_low_level_controller(run.make_planner(), weights, tracker=None)


def test_a_run_saves_its_policy(run, saved, same_bits):
    assert run.policy is not None
    same_bits(Run.load(saved).policy, run.policy)


@pytest.mark.parametrize(("plan_dims", "targets"), [((), (0, 1, 2)), ((1,), (1,))])
def test_without_goals_targets_are_what_is_planned(tiny_data, tiny_config, plan_dims, targets):
    data = dataclasses.replace(
        tiny_data, layout=dataclasses.replace(tiny_data.layout, goal_dims=())
    )
    config = tiny_config.override({**SETTINGS, "data.plan_dims": plan_dims})
    run = fit_run(TASK, config, data)
    policy = learn_policy(run, prepare_arrays(run, data)).policy
    assert policy is not None and policy.inputs.target_dims == targets


def test_other_controllers_need_no_policy(tiny_data, tiny_config, tmp_path):
    run = fit_run(TASK, tiny_config, tiny_data)
    assert learn_policy(run, prepare_arrays(run, tiny_data)).policy is None
    run.save(tmp_path / "run")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["config.json"]
    with pytest.raises(UserError, match=r"'policy'.*valid here: inverse"):
        control(run.with_planner({"low_level_controller": "policy"}))


def test_a_missing_or_exchanged_file(saved):
    content = (saved / "policy.npz").read_bytes()
    (saved / "policy.npz").write_bytes(content[:-1] + b"x")
    with pytest.raises(UserError, match=r"policy\.npz"):
        Run.load(saved)
    (saved / "policy.npz").unlink()
    with pytest.raises(UserError, match=r"policy\.npz.*No such file"):
        Run.load(saved)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"inputs/target_dims": np.array([0, 3])}, "dimension 3; valid: 0 to 2"),
        ({"inputs/target_dims": np.array([0, 0.5])}, r"dimension 0\.0; valid: 0 to 2"),
        ({"inputs/horizon": np.array(0)}, r"policy\.horizon is 0; valid: 1 to"),
        ({"inputs/scale": np.ones(3)}, r"policy\.scale"),
        ({"inputs/scale": np.zeros(2)}, r"policy\.scale .*needed: above 0"),
        ({"0/kernel": np.zeros((5, 8), int)}, r"policy\.0/kernel is int32; needed: float32"),
        ({"2/bias": np.zeros(5)}, r"policy\.2/bias has shape \(5,\); needed: \(2,\)"),
        ({"0/kernel": np.full((5, 8), np.nan)}, r"policy\.0/kernel .*not finite"),
        ({"1/kernel": np.zeros((8, 7))}, r"policy\.1/kernel"),
    ],
)
def test_a_policy_of_another_task(run, tmp_path, change, what):
    with np.load(_write(tmp_path / "a.npz", run.policy.to_bytes())) as arrays:
        changed = {**arrays, **change}
    np.savez(tmp_path / "b.npz", **changed)
    other = _Content((tmp_path / "b.npz").read_bytes())
    dataclasses.replace(run, policy=other).save(tmp_path / "run")
    with pytest.raises(UserError, match=what):
        Run.load(tmp_path / "run")


def test_a_loaded_run_acts_by_its_policy(run, saved):
    loaded = Run.load(saved)
    plans = np.ones((2, 3, 3), np.float32)
    arguments = (plans, None, np.zeros(2, int), np.zeros((2, 3), np.float32), None)
    action = control(run)(*arguments)
    assert action.shape == (2, 2) and np.isfinite(action).all()
    np.testing.assert_array_equal(control(loaded)(*arguments), action)
    network = {name: array + 1 for name, array in run.policy.network.items()}
    policy = dataclasses.replace(run.policy, network=network)
    other = control(dataclasses.replace(run, policy=policy))(*arguments)
    assert not np.allclose(other, action)


def test_the_record_says_which_files_there_are(saved):
    record = json.loads((saved / "config.json").read_text())
    assert record["value"] is None and set(record["policy"]) == {"checksum"}


@dataclasses.dataclass
class _Content:
    """A policy with other content."""

    content: bytes

    def to_bytes(self):
        return self.content


def _write(path, content):
    path.write_bytes(content)
    return path
