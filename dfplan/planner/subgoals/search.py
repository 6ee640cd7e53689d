"""Search: the shortest sequence of possible moves to a goal, and its first move."""

import heapq
import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from dfplan.planner.subgoals.effects import Change, Effects, Values

DISTANCE = 1e-3
"""Cost of a radius of distance that an object covers, in moves."""
MAX_EXPANDED = 2000
"""States after which the search gives up."""


class Subgoal(NamedTuple):
    """What a move is to do.

    Attributes:
        change: Objects that it changes.
        goal: `[G]` the goal's dimensions of all objects after it.
    """

    change: Change
    goal: Float[np.ndarray, "G"]


def find_subgoals(
    effects: Effects,
    present: Float[np.ndarray, "G"],
    goal: Float[np.ndarray, "G"],
    tolerance: float,
) -> list[Subgoal] | None:
    """Return the moves to a goal, by A*; None if none are found.

    Fewer moves are better, then shorter ones.

    Args:
        effects: Effects of moves.
        present: Present state, in the goal's dimensions.
        goal: The goal.
        tolerance: Distance at which an object counts as at its goal.
    """
    search = _Search(effects, effects.split(goal), tolerance)
    start = tuple(search.number(k, value) for k, value in enumerate(effects.split(present)))
    order = itertools.count()
    open_states = [(search.moves_left(start), next(order), start)]
    cost = {start: 0.0}
    came_from: dict[tuple[int, ...], tuple[tuple[int, ...], Change]] = {}
    closed: set[tuple[int, ...]] = set()
    while open_states and len(closed) < MAX_EXPANDED:
        _, _, state = heapq.heappop(open_states)
        if state in closed:
            continue
        closed.add(state)
        if not any(state):
            return search.path(state, came_from)
        for following, change, step in search.moves(state):
            total = cost[state] + step
            if total < cost.get(following, np.inf):
                cost[following] = total
                came_from[following] = (state, change)
                estimate = total + search.moves_left(following)
                heapq.heappush(open_states, (estimate, next(order), following))
    return None


class _Search:
    """Numbers the values of each object; number 0 is its goal.

    Args:
        effects: Effects of moves.
        goal: Goal of each object.
        tolerance: Distance at which an object counts as at its goal.
    """

    def __init__(self, effects: Effects, goal: Values, tolerance: float):
        self._effects = effects
        self._goal = goal
        self._tolerance = tolerance
        self._values = [[value] for value in goal]
        self._most = max(map(len, effects.kinds), default=1)

    def number(self, k: int, value: Float[np.ndarray, "D"]) -> int:
        """Return the number of an object's value, a new one if it differs from all others."""
        for number, known in enumerate(self._values[k]):
            if np.linalg.norm(known - value) <= self._tolerance:
                return number
        self._values[k].append(value)
        return len(self._values[k]) - 1

    def moves_left(self, state: tuple[int, ...]) -> int:
        """Return the least number of moves that may be left."""
        return -(-sum(number > 0 for number in state) // self._most)

    def moves(self, state: tuple[int, ...]):
        """Yield the states that a move leads to, with what it changes and its cost."""
        effects = self._effects
        values = self._of(state)
        for change in effects.kinds:
            for outcome in effects.outcomes(change, values, self._goal):
                after = list(state)
                parts = np.split(outcome, np.cumsum([len(values[k]) for k in change])[:-1])
                for k, part in zip(change, parts, strict=True):
                    after[k] = self.number(k, part)
                following = tuple(after)
                if any(after[k] == state[k] for k in change):
                    continue
                targets = self._of(following)
                if effects.is_possible(change, values, targets):
                    distance = sum(float(np.linalg.norm(targets[k] - values[k])) for k in change)
                    yield following, change, 1.0 + DISTANCE * distance / effects.radius

    def path(self, state: tuple[int, ...], came_from: dict) -> list[Subgoal]:
        """Return the moves that led to a state."""
        subgoals = []
        while state in came_from:
            before, change = came_from[state]
            subgoals.append(Subgoal(change, self._joined(state)))
            state = before
        return subgoals[::-1]

    def _of(self, state: tuple[int, ...]) -> list[Float[np.ndarray, "D"]]:
        return [self._values[k][number] for k, number in enumerate(state)]

    def _joined(self, state: tuple[int, ...]) -> Float[np.ndarray, "G"]:
        """Return the values of all objects as a goal."""
        goal = np.zeros(sum(map(len, self._goal)), np.float32)
        for places, value in zip(self._effects.objects.places, self._of(state), strict=True):
            goal[list(places)] = value
        return goal
