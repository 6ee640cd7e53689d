"""What counts as a kind of move, where it leads, and what it costs."""

import numpy as np

from dfplan.planner.subgoals.effects import Effects
from dfplan.planner.subgoals.observed_moves import ObservedMoves
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


def test_of_two_places_the_nearer_one_costs_less():
    world = effects_of(blocks_data(), BLOCKS)
    state = world.values.split(np.array([-2, 0, 2, 0, 0, 0], np.float32))
    search = _Search(world, world.values.split(np.array([3, 0, 2, 0, 0, 0], np.float32)), None)
    start = search.start(state, moving=())
    moves = [move for move in search.moves(start) if move[1] == (0,)]
    assert len(moves) > 2
    for following, _, cost in moves:
        place = search._of(following)[0]
        distance = float(np.linalg.norm(place - state[0]))
        np.testing.assert_allclose(cost, 1 + DISTANCE * distance / RADIUS)
