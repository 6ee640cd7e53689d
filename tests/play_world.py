"""Tiny worlds whose data are single moves of objects, without a simulator."""

import numpy as np

from dfplan.data.moves import Moves, find_moves
from dfplan.data.trajectories import Trajectories
from dfplan.planner.subgoals.effects import Effects
from dfplan.planner.subgoals.observed_moves import ObservedMoves
from dfplan.representation.layout import Layout
from dfplan.representation.objects import Objects

STRIDE = 2
TOLERANCE = 0.2
RADIUS = 0.25
STEPS = 8
"""Control steps of a move, and of the way to it."""
BLOCKS = Objects((((1, 2), (3, 4)), ((5,),), ((6,),)), goal_dims=(1, 2, 3, 4, 5, 6))
"""The arm; two blocks on a line with their heights; a switch; a door that it unlocks."""
LIGHTS = Objects((((1,),), ((2,),), ((3,),)), goal_dims=(1, 2, 3))
"""The arm; three lights in a row, of which a press changes one and the next."""


def play(objects: Objects, start, moves) -> Trajectories:
    """Return one episode in which an arm makes moves, pairs of a state dimension and a value.

    A move of several objects has several pairs.
    """
    state = np.array(start, float)
    rows = [state]
    for move in moves:
        rows += [state + [0.1 * step, *np.zeros(len(state) - 1)] for step in range(STEPS)]
        state = rows[-1]
        for step in range(1, STEPS + 1):
            following = state.copy()
            for dim, value in move:
                discrete = dim >= 5 or objects is LIGHTS
                share = (step == STEPS) if discrete and dim != 6 else step / STEPS
                following[dim] += share * (value - state[dim])
            if any(dim in (1, 3) for dim, _ in move) and objects is BLOCKS and step < STEPS:
                (lifted,) = {dim + 1 for dim, _ in move if dim in (1, 3)}
                following[lifted] = 2.0 + 0.1 * step
            rows.append(following)
        state = rows[-1]
        rows += [state] * (2 * STRIDE)
    states = np.array(rows, np.float32)
    return Trajectories(
        state=states,
        action=np.zeros((len(states), 1), np.float32),
        start=np.array([0]),
        length=np.array([len(states)]),
        goal_intervals=np.zeros(0, int),
        layout=Layout(states.shape[1], 1, goal_dims=objects.goal_dims),
        dataset_id="play",
        fingerprint="",
    )


def blocks_data(count: int = 600, seed: int = 0) -> Trajectories:
    """Random play with the blocks, which never come closer than 1 unless one is on the other."""
    rng = np.random.default_rng(seed)
    x = [-3.0, 3.0]
    z = [0.0, 0.0]
    switch = door = 0
    start = [0.0, x[0], z[0], x[1], z[1], switch, door]
    moves = []
    for _ in range(count):
        kind = rng.integers(4)
        if kind < 2 and z[1 - kind] == 0:
            to = rng.uniform(-4, 4)
            near = abs(to - x[1 - kind])
            x[kind], z[kind] = (to, 0.0) if near > 1 else (x[1 - kind], 1.0)
            moves.append([(1 + 2 * kind, x[kind]), (2 + 2 * kind, z[kind])])
        elif kind == 2:
            switch = 1 - switch
            moves.append([(5, switch)])
        elif kind == 3 and switch:
            door = 3 - door
            moves.append([(6, door)])
    return play(BLOCKS, start, moves)


def lights_data(count: int = 200, seed: int = 0) -> Trajectories:
    """Random presses: that of light k changes it and the next one, if there is one."""
    rng = np.random.default_rng(seed)
    lights = np.zeros(3, int)
    moves = []
    for press in rng.integers(0, 3, count):
        changed = [k for k in (press, press + 1) if k < 3]
        lights[changed] = 1 - lights[changed]
        moves.append([(1 + k, lights[k]) for k in changed])
    return play(LIGHTS, [0.0, 0, 0, 0], moves)


def moves_of(data: Trajectories, objects: Objects) -> Moves:
    return find_moves(data, objects, tolerance=TOLERANCE, stride=STRIDE)


def effects_of(data: Trajectories, objects: Objects) -> Effects:
    return Effects(ObservedMoves.of(data, moves_of(data, objects), objects), RADIUS)
