"""The search finds sequences of moves that no episode shows, and none that the data rule out."""

import gc
import weakref
from typing import Any

import numpy as np
import pytest

from dfplan.planner.subgoals.effects import Effects
from dfplan.planner.subgoals.observed_moves import ObservedMoves
from dfplan.planner.subgoals.search import find_subgoals
from tests.play_world import BLOCKS, LIGHTS, RADIUS, blocks_data, effects_of, lights_data

WORLD = effects_of(blocks_data(), BLOCKS)
ROW = effects_of(lights_data(), LIGHTS)


def search(present, goal, world=WORLD, **options):
    arrays = [np.array(values, np.float32) for values in (present, goal)]
    subgoals = find_subgoals(world, *arrays, **options)
    assert subgoals is not None
    return [(s.change, s.goal) for s in subgoals]


def test_heights_are_levels_and_places_are_not():
    assert [levels.tolist() for levels in WORLD.rest.levels] == [[1], [1], [0], [0]]


def test_a_door_is_unlocked_first_and_locked_again():
    present = [-2, 0, 2, 0, 0, 0]
    changes = [change for change, _ in search(present, [-2, 0, 2, 0, 0, 3])]
    assert changes == [(2,), (3,), (2,)]
    assert [c for c, _ in search([-2, 0, 2, 0, 1, 0], [-2, 0, 2, 0, 1, 3])] == [(3,)]


def test_a_swap_puts_one_aside():
    steps = search([-2, 0, 2, 0, 0, 0], [2, 0, -2, 0, 0, 0])
    assert len(steps) == 3 and steps[0][0] == steps[2][0] != steps[1][0]
    (mover,) = steps[0][0]
    aside = steps[0][1][[2 * mover]]
    assert min(abs(aside - 2), abs(aside + 2)) > 1 - 0.25


@pytest.mark.parametrize(
    ("lower", "upper"),
    [(0, 1), (1, 0)],
)
def test_a_stack_begins_below(lower, upper):
    goal = np.zeros(6)
    goal[[2 * lower, 2 * upper]] = 0.5
    goal[2 * upper + 1] = 1.0
    steps = search([-2, 0, 2, 0, 0, 0], goal)
    assert [change for change, _ in steps] == [(lower,), (upper,)]
    np.testing.assert_allclose(steps[-1][1], goal)


def test_nothing_is_put_into_the_air():
    present = np.array([-2, 0, 2, 0, 0, 0], np.float32)
    goal = np.array([-2, 1, 2, 0, 0, 0], np.float32)
    assert find_subgoals(WORLD, present, goal) is None


def test_a_block_in_the_air_comes_before_all_else():
    steps = search([-1.2, 2.0, 3, 0, 0, 0], [-2, 0, 2, 0, 1, 0])
    assert steps[0][0] == (0,)
    assert {change for change, _ in steps} == {(0,), (1,), (2,)}


def test_an_object_in_motion_is_not_at_its_goal_yet():
    at_goal = [-2, 0, 2, 0, 0, 0]
    assert search(at_goal, at_goal) == []
    assert [change for change, _ in search(at_goal, at_goal, moving=[1])] == [(1,)]
    both = search([-2, 0, 3, 0, 0, 0], at_goal, moving=[0])
    assert [change for change, _ in both] == [(0,), (1,)]


def test_two_objects_in_motion_need_a_move_of_both():
    at_goal = np.array([-2, 0, 2, 0, 0, 0], np.float32)
    assert find_subgoals(WORLD, at_goal, at_goal, moving=[0, 1]) is None


def test_the_search_keeps_to_where_the_last_plan_led():
    present = [-2, 0, 2, 0, 0, 0]
    goal = [2, 0, -2, 0, 0, 0]
    (mover,) = search(present, goal)[0][0]
    pursued = np.array(present, np.float32)
    pursued[2 * mover] = -0.3
    first = search(present, goal, pursued=pursued)[0]
    assert first[0] == (mover,)
    np.testing.assert_allclose(first[1][2 * mover], -0.3)


def test_presses_that_change_several_lights_are_combined():
    goal = [0, 1, 0]  # presses of the second and the third
    changes = {change for change, _ in search([0, 0, 0], goal, ROW)}
    assert changes == {(1, 2), (2,)}
    assert search(goal, goal, ROW) == []


def test_a_grid_of_lights_takes_the_fewest_presses():
    """Each press changes a light and those beside it, as in the puzzle Lights Out."""
    side = 4
    count = side**2
    cell = np.arange(count)
    steps = np.abs(cell[:, None] // side - cell // side) + np.abs(
        cell[:, None] % side - cell % side
    )
    changed = steps <= 1
    rng = np.random.default_rng(0)
    before = rng.integers(0, 2, (2000, count))
    presses = rng.integers(0, count, 2000)
    grid = Effects(
        ObservedMoves(
            during=np.repeat(before[:, None], 4, axis=1).astype(np.float32),
            after=(before ^ changed[presses]).astype(np.float32),
            changes=changed[presses],
            scale=np.ones(count, np.float32),
            groups=tuple(((k,),) for k in range(count)),
            goal_dims=tuple(range(count)),
        ),
        RADIUS,
    )
    choices = (np.arange(2**count)[:, None] >> cell) & 1
    results = choices @ changed.astype(int) % 2
    dark = np.zeros(count)
    for chosen in (results[0b1000010000100001], results[0b0101001000010010]):
        fewest = choices[(results == chosen).all(axis=1)].sum(axis=1).min()
        found = search(dark, chosen, grid)
        assert len(found) == fewest > 3
        np.testing.assert_array_equal(found[-1][1], chosen)


def test_a_search_does_not_depend_on_earlier_ones():
    first = search([-2, 0, 2, 0, 0, 0], [2, 0, -2, 0, 0, 3])
    search([-2, 0, 2, 0, 1, 0], [3, 0, -3, 0, 1, 3])
    again = search([-2, 0, 2, 0, 0, 0], [2, 0, -2, 0, 0, 3])
    fresh = search([-2, 0, 2, 0, 0, 0], [2, 0, -2, 0, 0, 3], effects_of(blocks_data(), BLOCKS))
    for other in (again, fresh):
        assert [change for change, _ in other] == [change for change, _ in first]
        np.testing.assert_array_equal([goal for _, goal in other], [goal for _, goal in first])


def test_double_precision_and_lists_are_answered_alike():
    for world, present, goal in (
        (WORLD, [-2, 0, 2, 0, 0, 0], [2, 0, -2, 0, 0, 3]),
        (ROW, [0, 0, 0], [1, 0, 1]),
    ):
        single = search(present, goal, world)
        for convert in (list, np.float64):
            arrays: list[Any] = [convert(present), convert(goal)]
            subgoals = find_subgoals(world, *arrays)
            assert subgoals is not None and len(subgoals) == len(single) > 0
            for subgoal, (change, values) in zip(subgoals, single, strict=True):
                assert subgoal.change == change
                np.testing.assert_array_equal(subgoal.goal, values)


def test_a_search_does_not_keep_the_data_alive():
    world = effects_of(lights_data(), LIGHTS)
    assert search([0, 0, 0], [1, 0, 1], world)
    reference = weakref.ref(world)
    del world
    gc.collect()
    assert reference() is None


def test_observed_moves_survive_its_file(tmp_path):
    path = tmp_path / "moves.npz"
    path.write_bytes(WORLD.moves.to_bytes())
    loaded = ObservedMoves.load(path)
    assert loaded.objects == WORLD.moves.objects
    np.testing.assert_array_equal(loaded.during, WORLD.moves.during)
    np.testing.assert_array_equal(loaded.after, WORLD.moves.after)
    np.testing.assert_array_equal(loaded.changes, WORLD.moves.changes)
