"""Which objects jump between the values at which they rest, and which slide."""

import numpy as np

from dfplan.planner.subgoals.effects import Effects
from dfplan.planner.subgoals.observed_moves import ObservedMoves
from tests.play_world import BLOCKS, LIGHTS, blocks_data, effects_of, lights_data


def test_lights_have_switched_but_blocks_and_doors_that_slide_have_not():
    row = effects_of(lights_data(), LIGHTS)
    world = effects_of(blocks_data(), BLOCKS)
    assert row.rest.has_switched(0, np.array([1.0], np.float32))
    assert not row.rest.has_switched(0, np.array([0.5], np.float32))
    assert not world.rest.has_switched(0, np.array([2.0, 0.0], np.float32))
    assert row.rest.jumps == [True, True, True]
    assert world.rest.jumps == [False, False, True, False]
    door = 3
    assert world.rest.is_settled(door, np.array([3.0], np.float32))
    assert not world.rest.has_switched(door, np.array([3.0], np.float32))


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
    assert Effects(observed, radius=0.6).rest.jumps == [True]
    assert Effects(observed, radius=0.25).rest.jumps == [False]
