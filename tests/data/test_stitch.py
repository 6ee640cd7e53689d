"""Stitched windows: routes over several episodes, on two corridors that meet in a corner."""

import collections
import dataclasses
import functools

import jax
import numpy as np
import pytest

from dfplan.data.stitch import UNREACHABLE, draw_windows, fit_stitch_graph
from dfplan.data.training_arrays import fit_normalizers, make_training_arrays
from dfplan.data.trajectories import from_episodes
from dfplan.data.windows import batch_key, sample_batch
from dfplan.representation.config import DataConfig
from dfplan.representation.layout import Layout
from dfplan.representation.tokens import TokenLayout
from dfplan.types import UserError

STRIDE = 4
CONFIG = DataConfig(stride=STRIDE, tokens=16, stitch=True)
EPISODES = 80
SPEED = 0.5
STEPS = 24
ROUTE = 20.0
"""Length of the whole route, along x to the corner and then along y; episodes cover 12 of it."""


def corridor(length: np.ndarray) -> np.ndarray:
    """Return the positions at distances along a route that turns left after half of it."""
    x = np.minimum(length, ROUTE / 2)
    y = np.maximum(length - ROUTE / 2, 0.0)
    return np.stack([x, y], axis=-1)


def make_episodes(directions):
    """Return pieces of the route, from its start and to its end, in one or both directions."""
    rng = np.random.default_rng(0)
    states = []
    for k in range(EPISODES):
        begin = [0.0, ROUTE - STEPS * SPEED][k % 2] + rng.uniform(0, 0.2)
        distance = np.minimum(begin + SPEED * np.arange(STEPS + 1), ROUTE)
        if k // 2 % directions:
            distance = distance[::-1]
        other = np.full((STEPS + 1, 1), float(k))
        states.append(np.concatenate([corridor(distance), other], axis=1).astype(np.float32))
    actions = [np.zeros((STEPS + 1, 1), np.float32)] * EPISODES
    layout = Layout(3, 1, goal_dims=(0, 1))
    return from_episodes(states, actions, layout, dataset_id="corridors-v0")


@pytest.fixture(scope="module")
def episodes():
    return make_episodes(directions=2)


@pytest.fixture(scope="module")
def last(episodes):
    return episodes.last_row


@pytest.fixture(scope="module")
def graph(episodes, last):
    return fit_stitch_graph(episodes.state[:, :2], last, stride=STRIDE)


@pytest.fixture(scope="module")
def routes(graph):
    draw = jax.jit(functools.partial(draw_windows, batch=256, tokens=16, stride=STRIDE))
    return jax.tree.map(np.asarray, draw(jax.random.key(0), graph))


def breadth_first(cell, last):
    """Return tokens from each cell to each goal cell, one goal at a time."""
    after = collections.defaultdict(set)
    passed = collections.defaultdict(set)
    for row in np.flatnonzero(last - np.arange(len(last)) >= STRIDE):
        after[cell[row]].add(cell[row + STRIDE])
        passed[cell[row]].update(cell[row + 1 : row + STRIDE + 1])
    cells = cell.max() + 1
    tokens = np.full((cells, cells), UNREACHABLE)
    for begin in range(cells):
        level = 1
        frontier = {begin}
        known = {begin}
        while frontier:
            for node in frontier:
                for goal in passed[node]:
                    tokens[goal, begin] = min(tokens[goal, begin], level)
            frontier = set().union(*(after[node] for node in frontier)) - known
            known |= frontier
            level += 1
    np.fill_diagonal(tokens, 0)
    return tokens


def test_tokens_to_go_are_those_of_a_plain_search(graph, last):
    np.testing.assert_array_equal(graph.tokens_to_go, breadth_first(np.asarray(graph.cell), last))


def test_every_stretch_is_in_the_data(graph, last, routes):
    cell = np.asarray(graph.cell)
    for rows, reached in zip(routes.rows, routes.reached, strict=True):
        for before, row, is_held in zip(rows[:-1], rows[1:], reached[1:], strict=True):
            if not is_held:
                assert cell[row - STRIDE] == cell[before]
                assert last[row - STRIDE] == last[row]


def test_routes_pass_from_episode_to_episode_and_reach_their_goals(episodes, last, routes):
    assert (last[routes.rows[:, 0]] != last[routes.goal_row]).mean() > 0.7
    assert routes.reached[:, -1].all()
    distance = episodes.state[routes.goal_row] - episodes.state[routes.rows[:, 0]]
    assert np.abs(distance[:, :2]).sum(axis=1).max() > STEPS * SPEED  # farther than any episode


def test_routes_are_about_as_short_as_possible(graph, routes):
    cell = np.asarray(graph.cell)
    shortest = np.asarray(graph.tokens_to_go)[cell[routes.goal_row], cell[routes.rows[:, 0]]]
    tokens = (~routes.reached).sum(axis=1)
    is_far = shortest > 2
    assert (tokens[is_far] >= shortest[is_far] - 1).all()
    assert (tokens[is_far] <= shortest[is_far] + 1).all()


def test_windows_rest_at_their_goals(episodes):
    states, actions = fit_normalizers(episodes)
    arrays = make_training_arrays(episodes, CONFIG, states, actions=actions)
    layout = TokenLayout.create(episodes.layout, CONFIG)
    draw = jax.jit(sample_batch, static_argnums=(2, 3, 4))
    batch = draw(batch_key(0, 0), arrays, layout, CONFIG, 64)
    tokens = np.asarray(batch.tokens)
    assert batch.valid.all()
    np.testing.assert_allclose(tokens[:, -1, :2], tokens[:, 0, :2], atol=1e-6)
    again = draw(batch_key(0, 0), arrays, layout, CONFIG, 64)
    np.testing.assert_array_equal(tokens, again.tokens)


def test_goals_are_drawn_until_one_can_be_reached():
    one_way = make_episodes(directions=1)
    graph = fit_stitch_graph(one_way.state[:, :2], one_way.last_row, stride=STRIDE)
    routes = draw_windows(jax.random.key(0), graph, batch=256, tokens=16, stride=STRIDE)
    no_goal = np.asarray(routes.goal_row == routes.rows[:, 0] + STRIDE)
    assert no_goal.mean() < 0.25  # half of all pairs cannot be reached
    assert routes.reached[:, -1].all()


def test_tokens_after_a_dead_end_are_not_learned(episodes, monkeypatch):
    def ending(*args, **kwargs):
        windows = draw_windows(*args, **kwargs)
        return windows._replace(valid=windows.valid & (np.arange(CONFIG.tokens) < 3))

    monkeypatch.setattr("dfplan.data.windows.draw_windows", ending)
    states, actions = fit_normalizers(episodes)
    arrays = make_training_arrays(episodes, CONFIG, states, actions=actions)
    layout = TokenLayout.create(episodes.layout, CONFIG)
    batch = sample_batch(batch_key(0, 0), arrays, layout, CONFIG, 4)
    assert np.array_equal(batch.valid[:, 1:], np.tile(np.arange(CONFIG.tokens) < 3, (4, 1)))


@pytest.mark.parametrize(
    ("setting", "value"), [("actions", True), ("goal", "reward"), ("frames", "stack")]
)
def test_other_tokens_are_refused(setting, value):
    with pytest.raises(UserError, match=f"data.{setting}"):
        DataConfig(stitch=True, **{setting: value})


def test_routes_that_come_to_a_dead_end_are_invalid_from_there():
    angles = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    spokes = (np.arange(STRIDE + 1)[None, :, None] * directions[:, None]).reshape(-1, 2)
    onward = np.arange(4 * STRIDE + 1)[:, None] * np.array([[0.0, 1.0]])
    points = np.concatenate([spokes, onward])
    last = np.repeat(np.r_[STRIDE + (STRIDE + 1) * np.arange(200), len(points) - 1], 5)[:1000]
    last = np.concatenate([last, np.full(len(onward), len(points) - 1)])
    graph = fit_stitch_graph(points, last, stride=STRIDE)
    routes = draw_windows(jax.random.key(0), graph, batch=256, tokens=8, stride=STRIDE)
    cell = np.asarray(graph.cell)
    rows = np.asarray(routes.rows)
    follows = cell[rows[:, 1:] - STRIDE] == cell[rows[:, :-1]]
    is_held = np.asarray(routes.reached)[:, 1:]
    valid = np.asarray(routes.valid)
    assert (follows | is_held)[valid[:, 1:]].all()
    assert not valid.all() and valid[np.asarray(routes.reached)].all() and valid[:, :2].all()


def test_data_that_mostly_rest_are_stitched_where_they_move():
    points = np.zeros((1000, 2))
    points[950:, 0] = np.arange(50)
    graph = fit_stitch_graph(points, np.full(1000, 999), stride=STRIDE)
    assert len(graph.first_edge) == 50


def test_data_without_goals_are_refused(episodes):
    states, actions = fit_normalizers(episodes)
    without = dataclasses.replace(episodes, layout=Layout(3, 1, ()))
    with pytest.raises(UserError, match="stitch"):
        make_training_arrays(without, CONFIG, states, actions=actions)


def test_data_that_do_not_move_are_refused(last):
    with pytest.raises(UserError, match="move"):
        fit_stitch_graph(np.zeros((len(last), 2)), last, stride=STRIDE)
