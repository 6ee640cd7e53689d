"""Search: the shortest sequence of possible moves to a goal."""

import heapq
import itertools
from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from dfplan.planner.subgoals.effects import Effects
from dfplan.planner.subgoals.object_values import Change, Values

DISTANCE = 1e-3
"""Cost of moving an object by one `Effects.radius`; a move costs 1."""
KEEP = 0.1
"""Discount on a move to the subgoal of the previous plan; a move costs 1."""
MAX_EXPANDED = 5000
"""Number of expanded states after which the search gives up."""


Question = tuple[str, tuple[int, ...], dict[tuple[int, ...], bool]]
"""Name of an aspect, the objects that decide it besides the changed ones, and answers so far.

Answers are those of `Effects.is_known`, by the numbers of these objects' values.
"""


class Subgoal(NamedTuple):
    """The intended result of a move.

    Attributes:
        change: Numbers of the objects that the move changes.
        goal: `[G]` goal dimensions of all objects after the move.
    """

    change: Change
    goal: Float[np.ndarray, "G"]


def find_subgoals(
    effects: Effects,
    present: Float[np.ndarray, "G"],
    goal: Float[np.ndarray, "G"],
    moving: Collection[int] = (),
    pursued: Float[np.ndarray, "G"] | None = None,
) -> list[Subgoal] | None:
    """Return the sequence of moves to a goal, by A*; None if no sequence exists.

    Of two sequences, the one with fewer moves is better; of equally many moves, the shorter ones.

    Args:
        effects: Effects of moves.
        present: Present state, in the goal's dimensions.
        goal: The goal.
        moving: Objects that have not come to rest, which have to be moved first.
        pursued: Subgoal of the previous plan, or None; the search prefers it to other subgoals that
            are equally good, so that plans do not alternate between them.
    """
    search = _Search(effects, effects.values.split(goal), pursued)
    start = search.start(effects.values.split(present), moving)
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
    """A search whose states are tuples of numbers, one for each object.

    A number stands for a value that the object may have; number 0 stands for its goal.

    Args:
        effects: Effects of moves.
        goal: Goal of each object.
        pursued: Subgoal of the previous plan, or None.
    """

    def __init__(self, effects: Effects, goal: Values, pursued: Float[np.ndarray, "G"] | None):
        self._effects = effects
        self._goal = goal
        self._pursued = None if pursued is None else effects.values.split(pursued)
        self._moving: dict[int, int] = {}
        self._values = [[value] for value in goal]
        self._most = max(map(len, effects.kinds), default=1)
        self._known: dict[tuple[Change, str, tuple[int, ...]], list[Question]] = {}
        self._known_outcomes: dict[
            tuple[Change, tuple[int, ...]], dict[tuple[int, ...], float]
        ] = {}

    def start(self, present: Values, moving: Collection[int]) -> tuple[int, ...]:
        """Return the present state; an object that still moves never counts as at its goal."""
        numbers = []
        for k, value in enumerate(present):
            if k in moving or not self._effects.rest.is_settled(k, value):
                self._moving[k] = len(self._values[k])
                self._values[k].append(value)
                numbers.append(self._moving[k])
            else:
                numbers.append(self.number(k, value))
        return tuple(numbers)

    def number(self, k: int, value: Float[np.ndarray, "D"]) -> int:
        """Return the number of an object's value: a known one within the radius, or a new one."""
        for number, known in enumerate(self._values[k]):
            is_same = np.linalg.norm(known - value) <= self._effects.radius
            if is_same and number != self._moving.get(k):
                return number
        self._values[k].append(value)
        return len(self._values[k]) - 1

    def moves_left(self, state: tuple[int, ...]) -> float:
        """Return a lower bound of the remaining cost, the heuristic of A*."""
        return (1 - KEEP) * -(-sum(number > 0 for number in state) // self._most)

    def moves(self, state: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Change, float]]:
        """Yield the state after each possible move, the objects that it changes and its cost."""
        for change in self._effects.kinds:
            for numbers, cost in self._outcomes(change, tuple([state[k] for k in change])).items():
                after = list(state)
                for k, number in zip(change, numbers, strict=True):
                    after[k] = number
                following = tuple(after)
                if self._is_possible(change, state, following):
                    yield following, change, cost

    def _outcomes(self, change: Change, before: tuple[int, ...]) -> dict[tuple[int, ...], float]:
        """Return the numbers that the changed objects may have after a move, with its cost.

        Other objects do not matter here, so the result is computed once for all states that differ
        in the other objects alone.

        Args:
            change: Objects that the move changes.
            before: Their numbers before the move.
        """
        known = self._known_outcomes.get((change, before))
        if known is None:
            values = [self._values[k][n] for k, n in zip(change, before, strict=True)]
            known = self._known_outcomes[change, before] = {}
            for outcome, cost in self._priced(change, values):
                numbers = self._numbers(change, outcome)
                if all(a != b for a, b in zip(numbers, before, strict=True)):
                    targets = [self._values[k][n] for k, n in zip(change, numbers, strict=True)]
                    known.setdefault(numbers, cost + self._distance_cost(values, targets))
        return known

    def _priced(
        self, change: Change, values: Values
    ) -> Iterator[tuple[Float[np.ndarray, "D"], float]]:
        """Yield the possible values after a move, with its cost without that of the distance."""
        if self._pursued is not None:
            yield np.concatenate([self._pursued[k] for k in change]), 1 - KEEP
        for outcome in self._effects.outcomes(change, values, self._goal):
            yield outcome, 1.0

    def _numbers(self, change: Change, outcome: Float[np.ndarray, "D"]) -> tuple[int, ...]:
        ends = np.cumsum([len(self._goal[k]) for k in change])
        parts = np.split(outcome, ends[:-1])
        return tuple([self.number(k, part) for k, part in zip(change, parts, strict=True)])

    def _distance_cost(self, values: Values, targets: Values) -> float:
        pairs = zip(values, targets, strict=True)
        distance = sum(float(np.linalg.norm(target - value)) for value, target in pairs)
        return DISTANCE * distance / self._effects.radius

    def _is_possible(
        self, change: Change, state: tuple[int, ...], following: tuple[int, ...]
    ) -> bool:
        """Return whether the data hold a similar move.

        Objects that have not come to rest have to be moved, from wherever they are.
        """
        moving = {k for k, number in self._moving.items() if state[k] == number}
        if not moving <= set(change) or not self._is_known(change, "after", following):
            return False
        return bool(moving) or self._is_known(change, "before", state)

    def _is_known(self, change: Change, side: str, state: tuple[int, ...]) -> bool:
        own = tuple([state[k] for k in change])
        for aspect, others, answers in self._questions(change, side, own):
            numbers = tuple([state[k] for k in others])
            answer = answers.get(numbers)
            if answer is None:
                pairs = zip((*change, *others), (*own, *numbers), strict=True)
                values = [self._values[k][number] for k, number in pairs]
                answer = self._effects.is_known(change, side, aspect, values)
                answers[numbers] = answer
            if not answer:
                return False
        return True

    def _questions(self, change: Change, side: str, own: tuple[int, ...]) -> list[Question]:
        """Return the aspects of a move whose changed objects have these numbers."""
        questions = self._known.get((change, side, own))
        if questions is None:
            aspects = self._effects.aspects.of(change).items()
            questions = [(aspect, objects[len(change) :], {}) for aspect, objects in aspects]
            self._known[change, side, own] = questions
        return questions

    def path(self, state: tuple[int, ...], came_from: dict) -> list[Subgoal]:
        """Return the moves that led to a state."""
        subgoals = []
        while state in came_from:
            before, change = came_from[state]
            subgoals.append(Subgoal(change, self._effects.values.join(self._of(state))))
            state = before
        return subgoals[::-1]

    def _of(self, state: tuple[int, ...]) -> list[Float[np.ndarray, "D"]]:
        return [self._values[k][number] for k, number in enumerate(state)]
