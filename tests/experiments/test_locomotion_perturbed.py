"""Locomotion under perturbations: what each method observes, and the table."""

import dataclasses
import json
from typing import Any

import numpy as np

from dfplan.tasks.registry import get_task
from experiments.common.hold_last import HoldLast
from experiments.locomotion import perturbed
from experiments.locomotion.evaluate import peer_actor
from experiments.locomotion.perturbed import CONDITIONS
from experiments.locomotion.study import STUDY

NAN = np.nan


class Recorder:
    """An agent that records its observations."""

    def __init__(self):
        self.observations = []

    def reset(self, mask=None, *, seed=None):
        pass

    def act(self, observation, goal=None, *, episode_over=None):
        self.observations.append(observation)
        return observation[:, :1]


class Run:
    """A run that ignores planner settings."""

    def with_planner(self, settings):
        return self


@dataclasses.dataclass
class Planner:
    """A trained run without weights."""

    run: Run

    def request(self, task, seeds):
        return {}

    def agent(self):
        return Recorder()


def test_only_a_planner_that_is_told_of_missing_numbers_sees_them():
    task = get_task("hopper-medium")
    condition = CONDITIONS["dropout"]
    planner: Any = Planner(Run())
    methods = perturbed._methods(planner, task, range(2), condition, clone=Recorder)
    holds = {method.name: isinstance(method.make(), HoldLast) for method in methods}
    assert holds == {"dfplan": True, "declared": False, "cloning": True}


def test_a_peer_takes_part_once_its_policy_is_trained(tmp_path):
    name = "hopper-medium-replay"
    study = dataclasses.replace(
        STUDY, names=(name,), seeds=(0,), results=tmp_path, runs=tmp_path / "runs"
    )
    assert not list(perturbed._peers(study, name, 0))
    evaluated = study.result(name, 0, "iql")
    evaluated.parent.mkdir()
    # The episodes of its own evaluation may be others.
    evaluated.write_text(json.dumps({"request": {"steps": 7, "seeds": [0, 1]}}))
    assert not list(perturbed._peers(study, name, 0))
    actor = peer_actor(study, "iql", name, seed=0, steps=7)
    actor.parent.mkdir(parents=True)
    layers = {
        "0/kernel": np.eye(2),
        "0/bias": np.zeros(2),
        "1/kernel": np.eye(2),
        "1/bias": np.ones(2),
        "2/kernel": np.array([[1.0], [-1.0]]),
        "2/bias": np.zeros(1),
    }
    np.savez(actor, mean=np.array([1.0, 0.0]), std=np.array([2.0, 1.0]), **layers)
    np.savez(peer_actor(study, "iql", name, seed=0, steps=8))  # another training
    (method,) = perturbed._peers(study, name, 0)
    seeds = [study.evaluation.start, study.evaluation.stop]
    assert (method.name, method.request) == ("iql", {"steps": 7, "seeds": seeds})
    agent = method.make()
    agent.reset()
    np.testing.assert_allclose(agent.act(np.array([[3.0, 2.0]])), [[np.tanh(-1.0)]])
    np.testing.assert_allclose(agent.act(np.array([[5.0, np.nan]])), [[np.tanh(0.0)]])


def write_scores(study, name, scores):
    for key, values in scores.items():
        path = study.result(f"{name}-{key}", 0, "perturbed")
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"scores": values}))


def test_the_table_compares_each_method_with_its_own_clean_score(tmp_path):
    name = "hopper-medium-replay"
    study = dataclasses.replace(STUDY, names=(name,), seeds=(0,), results=tmp_path)
    write_scores(
        study,
        name,
        {
            "clean-dfplan": [40.0, 40.0],
            "clean-cloning": [20.0, 20.0],
            "noise-dfplan": [20.0, 20.0],
            "noise-declared": [30.0, 30.0],
            "noise-cloning": [5.0, 5.0],
        },
    )
    *_, clean, noise = perturbed.render(study).splitlines()
    assert clean.endswith("| no perturbation | 40.0; 100% | – | 20.0; 100% |")
    assert noise.endswith("| 20.0; 50% | 30.0; 75% | 5.0; 25% |")
