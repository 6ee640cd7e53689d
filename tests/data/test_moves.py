"""The moves of play data are told apart by what they change, and shown one at a time."""

import dataclasses

import numpy as np
import pytest

from dfplan.data.moves import isolate_moves
from dfplan.representation.objects import Objects
from dfplan.types import UserError
from tests.play_world import BLOCKS, LIGHTS, STEPS, STRIDE, lights_data, moves_of, play

START = [0.0, -3.0, 0.0, 3.0, 0.0, 0.0, 0.0]
MOVES = [[(3, 1.5), (4, 0.0)], [(5, 1.0)], [(6, 3.0)], [(1, 1.5), (2, 1.0)]]
DATA = play(BLOCKS, START, MOVES)
HIDDEN = np.full(7, 9.0)
TAIL = 2


def test_each_move_is_found_with_what_it_changes():
    moves = moves_of(DATA, BLOCKS)
    assert [np.flatnonzero(row).tolist() for row in moves.changes] == [[1], [2], [3], [0]]
    assert moves.begin.tolist() == [0, *moves.end[:-1].tolist()]
    assert (moves.begin < moves.first).all() and (moves.first < moves.end).all()
    np.testing.assert_allclose(DATA.state[moves.end[0], 3], 1.5)
    np.testing.assert_allclose(DATA.state[moves.first[0], 3], 3.0)


def test_a_press_that_changes_several_objects_is_one_move():
    moves = moves_of(lights_data(20), LIGHTS)
    assert len(moves.end) == 20
    assert {tuple(np.flatnonzero(row)) for row in moves.changes} == {(0, 1), (1, 2), (2,)}


def test_what_ends_where_it_began_is_no_move_but_ends_the_way_to_the_next():
    data = play(BLOCKS, START, [[(1, -3.0), (2, 0.0)], [(3, 0.0)]])
    moves = moves_of(data, BLOCKS)
    assert moves.changes.tolist() == [[False, True, False, False]]
    assert moves.begin[0] >= 2 * STEPS


def test_an_episode_of_a_move_shows_its_objects_alone_and_those_alike_in_one_place():
    moves = moves_of(DATA, BLOCKS)
    single = isolate_moves(DATA, moves, BLOCKS, HIDDEN, STRIDE, lead=0, tail=TAIL)
    assert len(single.start) == 4
    tail = np.minimum(moves.end + TAIL * STRIDE, moves.last) - moves.end
    assert tail[0] == TAIL * STRIDE
    assert single.length.tolist() == (moves.end + tail - moves.begin + 1).tolist()
    first, _, door, last = (
        single.state[start : start + length]
        for start, length in zip(single.start, single.length, strict=True)
    )
    rows = DATA.state[moves.begin[0] : moves.end[0] + TAIL * STRIDE + 1]
    np.testing.assert_array_equal(first[:, [0, 1, 2]], rows[:, [0, 3, 4]])
    assert (first[:, 3:] == 9.0).all()
    assert (door[:, 1:6] == 9.0).all() and door[-1, 6] == 3.0
    np.testing.assert_allclose(last[-1, [1, 2]], [1.5, 1.0])


def test_data_without_moves_are_refused():
    still = dataclasses.replace(
        DATA, state=DATA.state[:1].repeat(30, axis=0), length=np.array([30])
    )
    with pytest.raises(UserError, match=r"tolerance 0\.2"):
        moves_of(still, BLOCKS)


@pytest.mark.parametrize(
    ("groups", "names"),
    [
        ((), "no"),
        ((((1, 2), (2, 3)),), "dimension 2"),
        ((((1, 2),),), "dimension 3"),
        ((((1, 2), (3,)),), "object 1"),
        ((((1,),), ((3,),), ((4,),)), "object 2"),
    ],
)
def test_objects_are_checked(groups, names):
    with pytest.raises(UserError, match=names if groups else "objects"):
        Objects(groups, goal_dims=(1, 3))


def test_an_episode_may_begin_while_the_move_before_goes_on():
    moves = moves_of(DATA, BLOCKS)
    alone = isolate_moves(DATA, moves, BLOCKS, HIDDEN, STRIDE, lead=0, tail=TAIL)
    early = isolate_moves(DATA, moves, BLOCKS, HIDDEN, STRIDE, lead=2, tail=TAIL)
    lead = np.minimum(2 * STRIDE, moves.begin - moves.earliest)
    assert (early.length - alone.length).tolist() == lead.tolist()
    assert lead[0] == 0 and lead[1] == 2 * STRIDE
    start = early.start[1]
    np.testing.assert_array_equal(early.state[start, 0], DATA.state[moves.begin[1] - 2 * STRIDE, 0])
    assert (early.state[start : start + early.length[1], 1:5] == 9.0).all()
    most = isolate_moves(DATA, moves, BLOCKS, HIDDEN, STRIDE, lead=1000, tail=TAIL)
    assert most.length[1] - alone.length[1] == moves.begin[1] - moves.first[0]


def test_an_episode_ends_with_the_data_of_its_move_and_without_an_action():
    acting = dataclasses.replace(DATA, action=np.ones_like(DATA.action))
    moves = moves_of(DATA, BLOCKS)
    single = isolate_moves(acting, moves, BLOCKS, HIDDEN, STRIDE, lead=0, tail=1000)
    assert single.length.tolist() == (moves.last - moves.begin + 1).tolist()
    last = single.start + single.length - 1
    assert (single.action[last] == 0).all() and single.action.sum() == len(single.action) - 4
    assert (acting.action == 1).all()


@pytest.mark.parametrize("rows", [1, STRIDE, STRIDE + 1])
def test_episodes_shorter_than_a_token_hold_no_move(rows):
    data = dataclasses.replace(
        DATA,
        state=np.concatenate([DATA.state[:rows], DATA.state]),
        start=np.array([0, rows]),
        length=np.array([rows, len(DATA.state)]),
    )
    moves = moves_of(data, BLOCKS)
    assert (moves.first - rows).tolist() == moves_of(DATA, BLOCKS).first.tolist()
    assert moves.begin[0] == moves.earliest[0] == rows


def test_a_move_may_go_on_to_the_end_of_the_data():
    end = int(moves_of(DATA, BLOCKS).end[-1])
    rows = end - 2  # before the last block has come to rest
    data = dataclasses.replace(DATA, state=DATA.state[:rows], length=np.array([rows]))
    moves = moves_of(data, BLOCKS)
    assert moves.end[-1] == moves.last[-1] == rows - 1
    single = isolate_moves(data, moves, BLOCKS, HIDDEN, STRIDE, lead=0, tail=TAIL)
    assert single.length[-1] == moves.end[-1] - moves.begin[-1] + 1
    assert single.length.sum() == len(single.state) == len(single.action)


@pytest.mark.parametrize(("pause", "count"), [(0, 1), (2 * STRIDE, 1), (2 * STRIDE + 1, 2)])
def test_a_longer_pause_divides_a_move(pause, count):
    still = [np.zeros(4), np.full(pause, 4.0), np.full(6, 8.0)]
    path = np.concatenate([still[0], np.arange(1, 5), still[1], np.arange(5, 9), still[2]])
    state = np.tile(np.array(START, np.float32), (len(path), 1))
    state[:, 1] += path
    data = dataclasses.replace(DATA, state=state, length=np.array([len(state)]))
    assert len(moves_of(data, BLOCKS).end) == count
