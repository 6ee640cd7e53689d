"""Steps with a random outcome: a corridor with a portal that has one exit or random exits."""

import dataclasses

import numpy as np
import pytest

from dfplan.data.chance import find_chance, split_at_chance
from dfplan.data.stitch import UNREACHABLE, fit_stitch_graph
from dfplan.data.trajectories import from_episodes
from dfplan.representation.config import DataConfig
from dfplan.representation.layout import Layout
from dfplan.types import UserError

EXITS = np.array([[20.0, 0.0], [0.0, 30.0], [40.0, 10.0]])
EPISODES = 60
EVERY = 10
"""One in this many episodes enters the portal."""
PORTAL = 12
"""Step at which an episode enters the portal."""


def walk(exits, seed=0):
    """Positions of walks along x, some through a portal to one of the exits."""
    rng = np.random.default_rng(seed)
    walks = []
    for k in range(EPISODES):
        steps = rng.uniform(0.1, 0.3, (25, 1)) * [[1.0, 0.0]] + rng.normal(0, 0.02, (25, 2))
        positions = np.cumsum(steps, axis=0)
        if k % EVERY == 0:
            positions[PORTAL + 1 :] += exits[rng.integers(len(exits))] - positions[PORTAL]
        walks.append(positions.astype(np.float32))
    return walks


def dataset(walks):
    states = [np.pad(positions, ((0, 0), (0, 1)), constant_values=7.0) for positions in walks]
    actions = [np.ones((len(positions), 1), np.float32) for positions in walks]
    return from_episodes(states, actions, Layout(3, 1, goal_dims=(0, 1)), dataset_id="portal-v0")


def find(data):
    return np.flatnonzero(find_chance(data.state[:, :2], data.last_row))


def test_jumps_to_random_exits_are_found():
    data = dataset(walk(EXITS))
    np.testing.assert_array_equal(find(data), data.start[::EVERY] + PORTAL)


def test_jumps_that_always_lead_to_the_same_place_are_kept():
    data = dataset(walk(EXITS[:1]))
    assert not len(find(data)) and split_at_chance(data) is data


def test_a_single_jump_proves_nothing_and_episodes_do_not_jump_at_their_ends():
    walks = walk(EXITS[:1])
    walks[1] += 500  # an episode of its own, far away
    walks[1][5:] += 50
    data = dataset(walks)
    np.testing.assert_array_equal(find(data), [data.start[1] + 4])


def test_parts_of_episodes_hold_every_other_step():
    data = dataset(walk(EXITS))
    parts = split_at_chance(data)
    assert parts.state is data.state and parts.fingerprint == data.fingerprint
    steps = {
        row
        for start, length in zip(parts.start, parts.length, strict=True)
        for row in range(start, start + length - 1)
    }
    every = set(range(len(data.state))) - set(data.start + data.length - 1)
    assert steps == every - set(data.start[::EVERY] + PORTAL)
    assert not parts.action[data.start[::EVERY] + PORTAL].any()
    assert (parts.action != data.action).sum() == EPISODES / EVERY


def test_stitched_routes_do_not_rely_on_lucky_exits():
    data = dataset(walk(EXITS))

    def tokens_to_exit(data):
        graph = fit_stitch_graph(data.state[:, :2], data.last_row, stride=4)
        tokens = np.asarray(graph.tokens_to_go)
        cell = np.asarray(graph.cell)
        beyond = data.state[:, 1] > 20  # only the portal leads there
        assert beyond.any()
        return tokens[cell[beyond]][:, cell[~beyond & (data.state[:, 0] < 2)]].min()

    assert tokens_to_exit(data) <= 4
    assert tokens_to_exit(split_at_chance(data)) == UNREACHABLE


def test_settings_that_do_not_fit_are_refused():
    with pytest.raises(UserError, match=r"split_at_chance.*data\.goal"):
        DataConfig(split_at_chance=True, goal="reward")
    data = dataset(walk(EXITS))
    without = dataclasses.replace(data, layout=Layout(3, 1, ()))
    with pytest.raises(UserError, match=r"split_at_chance.*false"):
        split_at_chance(without)


def test_data_that_mostly_rest_or_have_no_steps_are_kept():
    rng = np.random.default_rng(0)
    places = np.cumsum(rng.normal(0, 0.1, (50, 2)), axis=0)
    points = np.repeat(places, 150, axis=0)
    assert not find_chance(points, np.full(len(points), len(points) - 1)).any()
    assert not find_chance(points[:3], np.arange(3)).any()
