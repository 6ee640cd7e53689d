"""The walking policy: the same action in any batch, as the network's definition gives it."""

import itertools

import gymnasium as gym
import numpy as np
import pytest

pytest.importorskip("ogbench")

from dfplan_envs.ogbench.ant import AntBatch
from dfplan_envs.ogbench.cells import MazeCells
from dfplan_envs.ogbench.walker import load_walker, walk
from experiments.walker.train import save

WIDTHS = (29, 40, 40, 8)
ANTS = 8
STEPS = 60
ARENA_CENTER = 10.0
MIN_SPEED = 0.1
"""Meters per control step."""


@pytest.fixture
def layers():
    rng = np.random.default_rng(0)
    shapes = itertools.pairwise(WIDTHS)
    return tuple(
        (rng.normal(0, 0.2, shape).astype(np.float32), rng.normal(size=shape[1]).astype(np.float32))
        for shape in shapes
    )


@pytest.fixture
def inputs():
    rng = np.random.default_rng(1)
    return rng.normal(size=(33, 27)), rng.normal(size=(33, 2))


def test_actions_are_those_of_the_network(layers, inputs):
    x = np.concatenate(inputs, axis=1)
    for kernel, bias in layers[:-1]:
        x = np.maximum(x @ kernel.astype(np.float64) + bias, 0)
    kernel, bias = layers[-1]
    expected = np.tanh(x @ kernel.astype(np.float64) + bias)
    np.testing.assert_allclose(walk(layers, *inputs), expected, atol=1e-4)


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_an_action_does_not_depend_on_the_batch_to_the_last_bit(layers, inputs, rows):
    observations, directions = inputs
    parts = range(0, len(observations), rows)
    actions = [walk(layers, observations[k : k + rows], directions[k : k + rows]) for k in parts]
    np.testing.assert_array_equal(np.concatenate(actions), walk(layers, *inputs))


def test_a_saved_policy_is_read_back(layers, tmp_path, monkeypatch):
    monkeypatch.setattr("dfplan_envs.ogbench.walker.files", lambda package: tmp_path)
    save(layers, tmp_path / "walker.npz")
    load_walker.cache_clear()
    try:
        loaded = load_walker()
    finally:
        load_walker.cache_clear()
    for (kernel, bias), (loaded_kernel, loaded_bias) in zip(layers, loaded, strict=True):
        np.testing.assert_array_equal(loaded_kernel, kernel)
        np.testing.assert_array_equal(loaded_bias, bias)


def test_the_shipped_policy_walks_in_every_direction():
    env = gym.make("ogbench.locomaze:antmaze-medium-v0", maze_type="arena").unwrapped
    angles = np.arange(ANTS) * 2 * np.pi / ANTS
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    ants = AntBatch(env.model, MazeCells(env.maze_map), ANTS)
    rngs = [np.random.default_rng(seed) for seed in range(ANTS)]
    ants.reset(np.full((ANTS, 2), ARENA_CENTER), rngs)
    start = ants.positions()
    for _ in range(STEPS):
        ants.step(ants.act(directions))
    forward = ((ants.positions() - start) * directions).sum(axis=1)
    assert np.median(forward) > MIN_SPEED * STEPS
    assert (forward > 0).all()
