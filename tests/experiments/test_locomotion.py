"""Locomotion: which policies ship, and the form in which peers get a dataset."""

import dataclasses
import json

import numpy as np
import pytest

from dfplan.data.trajectories import from_episodes
from dfplan.representation.layout import Layout
from dfplan_envs.locomotion.actor import Actor, Snapshot
from experiments.locomotion import latency
from experiments.locomotion.export import transitions
from experiments.locomotion.policies import choose
from experiments.locomotion.study import STUDY

LAYER = (np.zeros((1, 1), np.float32), np.zeros(1, np.float32))
ACTOR = Actor((), LAYER, LAYER)


@pytest.mark.parametrize(
    ("returns", "steps"),
    [
        # The average of 150, 330 and 450 passes 300; of the three before 450, 330 is closest.
        ([10.0, 240.0, 150.0, 330.0, 450.0, 900.0, 800.0], [10, 20, 30, 40, 60]),
        # A fall of the return just before.
        ([10.0, 100.0, 280.0, 150.0, 600.0, 900.0, 800.0], [10, 20, 30, 60]),
        # The return with which the average passes is closest, and does not count.
        ([10.0, 210.0, 400.0, 310.0, 900.0], [10, 20, 50]),
    ],
)
def test_the_medium_policy_comes_closest_to_a_third_where_the_average_passes_it(returns, steps):
    snapshots = [Snapshot(ACTOR, 10 * (k + 1), value) for k, value in enumerate(returns)]
    assert [snapshot.steps for snapshot in choose(snapshots)] == steps


def test_peers_get_one_row_per_step():
    layout = Layout(1, 1, action_low=(-1.0,), action_high=(1.0,))
    data = from_episodes(
        [np.arange(3.0)[:, None], 10 + np.arange(2.0)[:, None]],
        [np.array([[0.1], [0.2], [0.0]]), np.array([[0.3], [0.0]])],
        layout,
        "some-v0",
        rewards=[np.array([1.0, 2.0, 0.0]), np.array([3.0, 0.0])],
        terminated=np.array([True, False]),
    )
    arrays = transitions(data)
    np.testing.assert_array_equal(arrays["observations"][:, 0], [0, 1, 10])
    np.testing.assert_allclose(arrays["actions"][:, 0], [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(arrays["rewards"], [1, 2, 3])
    np.testing.assert_array_equal(arrays["terminals"], [False, True, False])
    np.testing.assert_array_equal(arrays["timeouts"], [False, False, True])


def test_the_latency_table_has_the_slowest_of_the_training_seeds(tmp_path):
    name = "hopper-medium"
    study = dataclasses.replace(STUDY, names=(name,), seeds=(0, 1), results=tmp_path)
    for seed, p99 in enumerate((7.0, 9.0)):
        path = study.result(f"{name}-16", seed, "latency")
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"p50": 5.0, "p99": p99, "scores": [40.0 + 10 * seed] * 3}))
    *_, row = latency.render(study, candidates=(4, 16)).splitlines()
    assert row.startswith("| hopper-medium | 16 | 45.0 (") and row.endswith("| 5.0 | 9.0 |")
