"""The dimensions that targets of the low-level policy fix."""

import pytest

from dfplan.runs.data import prepare_arrays
from dfplan.runs.fit import fit_run, learn_policy
from dfplan.tasks.registry import Task
from dfplan.types import UserError

TASK = Task("package:Walk-v0", "tiny-v0", "walk")
POLICY = {"planner.low_level_controller": "policy", "policy.steps": 1}


def learn(data, config, **policy):
    changes = {**POLICY, **{f"policy.{name}": value for name, value in policy.items()}}
    run = fit_run(TASK, config.override(changes), data)
    return learn_policy(run, prepare_arrays(run, data)).policy


def test_targets_fix_the_goal_or_what_is_set(tiny_data, tiny_config):
    assert learn(tiny_data, tiny_config).inputs.target_dims == tiny_data.layout.goal_dims == (0, 1)
    assert learn(tiny_data, tiny_config, target_dims=[2, 1]).inputs.target_dims == (2, 1)


def test_targets_must_be_planned(tiny_data, tiny_config):
    config = tiny_config.override({"data.plan_dims": [0, 1]})
    with pytest.raises(UserError, match=r"policy\.target_dims 2 .*valid: 0, 1"):
        learn(tiny_data, config, target_dims=[1, 2])


def test_targets_must_differ(tiny_config):
    with pytest.raises(UserError, match=r"policy\.target_dims \[1, 1\]"):
        tiny_config.override({"policy.target_dims": [1, 1]})
