"""Weighted cloning: weights from advantages, and the actions that they favor."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dfplan.data.training_arrays import fit_normalizers
from dfplan.data.trajectories import from_episodes
from dfplan.representation.layout import Layout
from experiments.common.cloning import Cloning
from experiments.locomotion import weighted

LAYOUT = Layout(1, 1, action_low=(-1.0,), action_high=(1.0,))


def make_data():
    """Two episodes of two steps, whose returns differ by 3000; no two states are equal."""
    return from_episodes(
        [np.arange(3.0)[:, None], 10 + np.arange(3.0)[:, None]],
        [np.array([[0.5], [-0.5], [0.0]]), np.array([[0.5], [-0.5], [0.0]])],
        LAYOUT,
        "some-v0",
        rewards=[np.zeros(3), np.array([1000.0, 2000.0, 0.0])],
        terminated=np.array([True, True]),
    )


class Critic:
    """An action critic whose advantage is the state, in the units of its normalizer."""

    def advantage(self, state, action):
        return state[:, 0]


def test_weights_are_exponentials_of_scaled_advantages(monkeypatch):
    monkeypatch.setattr(weighted, "CHUNK", 2)
    data = make_data()
    states, actions = fit_normalizers(data)
    run: Any = SimpleNamespace(states=states, actions=actions, action_critic=Critic())
    advantage = np.asarray(states.encode(np.array([[0.0], [1.0], [10.0], [11.0]]))[:, 0])
    # An inverse temperature of 3, and rewards scaled by 1000 / 3000.
    expected = np.minimum(np.exp(advantage), 100.0)
    np.testing.assert_allclose(weighted.advantage_weights(run, data), expected, rtol=1e-5)


def test_no_weight_exceeds_the_limit():
    data = make_data()
    states, actions = fit_normalizers(data)
    critic = SimpleNamespace(advantage=lambda state, action: 1e3 + 0 * state[:, 0])
    run: Any = SimpleNamespace(states=states, actions=actions, action_critic=critic)
    np.testing.assert_allclose(weighted.advantage_weights(run, data), 100.0, rtol=1e-5)


def test_cloning_prefers_actions_of_larger_weight():
    data = from_episodes(
        [np.zeros((21, 1)) + np.arange(21.0)[:, None] % 2],
        [np.where(np.arange(21) % 4 < 2, 0.8, -0.8)[:, None]],
        LAYOUT,
        "some-v0",
    )
    weights = np.where(np.arange(20) % 4 < 2, 1.0, 0.0)
    observation = np.array([[0.0], [1.0]])
    clone = Cloning(data, steps=300, batch=20, seed=0, weights=weights)
    assert clone.act(observation)[:, 0] == pytest.approx([0.8, 0.8], abs=0.05)
    clone = Cloning(data, steps=300, batch=20, seed=0)
    assert clone.act(observation)[:, 0] == pytest.approx([0.0, 0.0], abs=0.25)
