"""What counts as a kind of move, where an object may be put, and what a move costs."""

import tracemalloc

import numpy as np

from dfplan.planner.subgoals.effects import Effects, _spread_out
from dfplan.planner.subgoals.observed_moves import MAX_MOVES, ObservedMoves
from dfplan.planner.subgoals.search import DISTANCE, _Search
from tests.play_world import BLOCKS, LIGHTS, RADIUS, blocks_data, effects_of, lights_data


def test_several_objects_go_where_similar_moves_led_and_nowhere_else():
    row = effects_of(lights_data(), LIGHTS)

    def outcomes(*lights):
        values = [np.array([light], np.float32) for light in lights]
        return [outcome.tolist() for outcome in row.outcomes((0, 1), values[:2], values)]

    assert outcomes(0.0, 1.0, 0.0) and set(map(tuple, outcomes(0.0, 1.0, 0.0))) == {(1.0, 0.0)}
    assert outcomes(5.0, 5.0, 0.0) == []


def test_a_change_that_is_rare_is_an_accident():
    changes = np.zeros((200, 2), bool)
    changes[np.arange(200), np.arange(200) % 2] = True
    changes[0] = True
    observed = ObservedMoves(
        during=np.zeros((200, 4, 2), np.float32),
        after=np.ones((200, 2), np.float32),
        changes=changes,
        scale=np.ones(2, np.float32),
        groups=(((0,),), ((1,),)),
        goal_dims=(0, 1),
    )
    assert sorted(Effects(observed, RADIUS).kinds) == [(0,), (1,)]


def test_lights_have_switched_but_blocks_and_doors_that_slide_have_not():
    row = effects_of(lights_data(), LIGHTS)
    world = effects_of(blocks_data(), BLOCKS)
    assert row.has_switched(0, np.array([1.0], np.float32))
    assert not row.has_switched(0, np.array([0.5], np.float32))
    assert not world.has_switched(0, np.array([2.0, 0.0], np.float32))
    assert row.jumps == [True, True, True]
    assert world.jumps == [False, False, True, False]
    door = 3
    assert world.is_settled(door, np.array([3.0], np.float32))
    assert not world.has_switched(door, np.array([3.0], np.float32))


def test_an_object_that_is_seen_between_two_values_now_and_then_slides():
    during = np.zeros((20, 4, 1), np.float32)
    during[:, 2:] = 1.0
    during[:4, 2] = 0.5  # one sample in 20
    observed = ObservedMoves(
        during=during,
        after=np.ones((20, 1), np.float32),
        changes=np.ones((20, 1), bool),
        scale=np.ones(1, np.float32),
        groups=(((0,),),),
        goal_dims=(0,),
    )
    assert Effects(observed, radius=0.6).jumps == [True]
    assert Effects(observed, radius=0.25).jumps == [False]


def test_landmarks_of_many_moves_take_little_memory():
    points = np.random.default_rng(0).uniform(-1, 1, (MAX_MOVES, 3)).astype(np.float32)
    tracemalloc.start()
    try:
        _spread_out(points, 0.5)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100 * points.nbytes


def test_landmarks_are_usual_and_apart():
    points = np.array([[0.0]] * 60 + [[0.3]] * 50 + [[5.0]] * 60 + [[20.0]])
    assert _spread_out(points, 1.0).ravel().tolist() == [0.0, 5.0]


def test_of_two_places_the_nearer_one_costs_less():
    world = effects_of(blocks_data(), BLOCKS)
    state = world.split(np.array([-2, 0, 2, 0, 0, 0], np.float32))
    search = _Search(world, world.split(np.array([3, 0, 2, 0, 0, 0], np.float32)), None)
    start = search.start(state, moving=())
    moves = [move for move in search.moves(start) if move[1] == (0,)]
    assert len(moves) > 2
    for following, _, cost in moves:
        place = search._of(following)[0]
        distance = float(np.linalg.norm(place - state[0]))
        np.testing.assert_allclose(cost, 1 + DISTANCE * distance / RADIUS)
