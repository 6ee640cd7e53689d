"""SubgoalPlanner: reaches a goal for several objects by a sequence of single moves.

A goal may take a sequence of moves that no episode of the data holds. A search over single moves
finds the sequence, see `dfplan.planner.subgoals.search`. The diffusion model was trained on single
moves. It plans the first move of the sequence, and sees only the objects that this move changes.
Every plan begins with a new search from the present state. So the next move begins when the
previous one has succeeded, and a move that failed is planned again.
"""

import dataclasses
import functools
from typing import Any

import numpy as np
from jax.core import Tracer
from jaxtyping import Float

from dfplan.data.moves import AT_REST
from dfplan.model import Model
from dfplan.planner.call import PlanCall
from dfplan.planner.config import PlannerConfig
from dfplan.planner.diffusion_planner import DiffusionPlanner
from dfplan.planner.plan import Plan
from dfplan.planner.subgoals.effects import RADIUS, Effects
from dfplan.planner.subgoals.observed_moves import ObservedMoves
from dfplan.planner.subgoals.search import Subgoal, find_subgoals
from dfplan.planner.subgoals.shown_cost import ShownCost
from dfplan.planner.warm_start import InitialPlan
from dfplan.representation.objects import Objects, View
from dfplan.types import UserError


@dataclasses.dataclass(frozen=True)
class SubgoalPlanner:
    """Plans the first of the moves that lead to the goal. A `Planner`.

    The search runs in NumPy, so that `plan` cannot be part of a larger compiled program.

    Attributes:
        model: See `DiffusionPlanner`.
        config: See `DiffusionPlanner`.
        horizon: See `DiffusionPlanner`.
        search: Whether to search for the sequence of moves; otherwise the objects are moved
            straight to their goals, in the order of `Task.objects`.

    Raises:
        UserError: If the goal is not a state, there are fewer than two history tokens, the settings
            ask for near tokens or an inference delay, or `DiffusionPlanner` refuses the settings.
    """

    model: Model
    config: PlannerConfig
    horizon: int
    search: bool = True

    def __post_init__(self):
        if not self.model.layout.goal_dims:
            raise UserError("planner.kind 'subgoals' needs a goal that is a state")
        if self.config.timing.near_tokens or self.config.timing.inference_delay:
            raise UserError(
                "planner.kind 'subgoals' plans in one piece and without a delay; valid with it: "
                "planner.timing.near_tokens 0 and planner.timing.inference_delay 0"
            )
        if self.config.history.tokens < 2:
            raise UserError(
                "planner.kind 'subgoals' compares the last two history tokens to see which objects "
                f"move; planner.history.tokens is {self.config.history.tokens}; needed: at least 2"
            )
        _ = self._planner  # raises if the settings do not fit

    @functools.cached_property
    def _planner(self) -> DiffusionPlanner:
        return DiffusionPlanner(self.model, self.config, self.horizon)

    def plan(self, call: PlanCall, *, denoising: bool = False) -> Plan:
        """Plan for a batch of robots; see `Planner.plan`.

        The arrival is the time at which the plan reaches the subgoal. If the initial plan leads to
        another subgoal, the arrival is later than any plan's end, so that the caller plans again
        from scratch.

        Raises:
            UserError: If the weights hold no moves, or the call is part of a larger compiled
                program.
        """
        if isinstance(call.history.frames, Tracer):
            raise UserError(
                "planner.kind 'subgoals' searches in NumPy, outside of compiled programs; valid "
                "there: diffusion"
            )
        moves = call.weights.moves
        if moves is None:
            raise UserError(
                "planner.kind 'subgoals' needs a run that was trained with data.single_moves true"
            )
        call = call._replace(weights=call.weights._replace(moves=None))
        if call.goal is None:
            return self._planner.plan(call, denoising=denoising)
        goals = np.asarray(call.goal, np.float32)
        frames = np.asarray(call.history.frames, np.float32)
        effects = effects_of(moves, RADIUS * self.config.goal.tolerance)
        subgoals = self._subgoals(effects, frames, goals, call.initial_plan)
        return self._plan_moves(call, subgoals, effects.values.objects, denoising=denoising)

    def _plan_moves(
        self, call: PlanCall, subgoals: list[Subgoal], objects: Objects, *, denoising: bool
    ) -> Plan:
        """Return plans to subgoals; the network sees only the objects of each subgoal."""
        frames = np.asarray(call.history.frames, np.float32)
        present = frames[:, -1, -1]
        dims = list(self.model.layout.goal_dims)
        views = [objects.view(subgoal.change, present.shape[1]) for subgoal in subgoals]
        hidden = np.asarray(call.weights.states.mean)

        def show(states: Any) -> np.ndarray:
            pairs = zip(views, np.asarray(states), strict=True)
            return np.stack([view.show(robot, hidden) for view, robot in pairs])

        target = present.copy()
        target[:, dims] = np.stack([subgoal.goal for subgoal in subgoals])
        target = show(target)
        initial_plan = call.initial_plan
        if initial_plan is not None:
            initial_plan = initial_plan._replace(states=show(initial_plan.states))
        extra_cost = call.extra_cost
        if extra_cost is not None:
            goals = np.asarray(call.goal, np.float32)
            extra_cost = ShownCost.of(extra_cost, views, present, goals)
        shown = call._replace(
            history=call.history._replace(frames=show(frames)),
            goal=target[:, dims],
            initial_plan=initial_plan,
            extra_cost=extra_cost,
        )
        plan = _restore(self._planner.plan(shown, denoising=denoising), views, frames)
        if initial_plan is None:
            return plan
        return self._refuse_others(plan, np.asarray(initial_plan.states)[:, -1], target)

    def _subgoals(
        self,
        effects: Effects,
        frames: Float[np.ndarray, "B H F S"],
        goal: Float[np.ndarray, "B G"],
        initial_plan: InitialPlan | None,
    ) -> list[Subgoal]:
        """Return each robot's first subgoal."""
        dims = list(self.model.layout.goal_dims)
        pursued = [None] * len(frames)
        if initial_plan is not None:
            pursued = np.asarray(initial_plan.states, np.float32)[:, -1][:, dims]
        latest = frames[:, -2:, -1][..., dims]
        robots = zip(latest[:, 0], latest[:, 1], goal, pursued, strict=True)
        return [self._subgoal(effects, *robot) for robot in robots]

    def _subgoal(
        self,
        effects: Effects,
        before: Float[np.ndarray, "G"],
        present: Float[np.ndarray, "G"],
        goal: Float[np.ndarray, "G"],
        pursued: Float[np.ndarray, "G"] | None,
    ) -> Subgoal:
        """Return the first subgoal; without a sequence of moves, the next object's goal."""
        moving = self._moving(effects, before, present)
        subgoals = _find(effects, present, goal, moving, pursued) if self.search else None
        if subgoals is not None:
            return subgoals[0] if subgoals else Subgoal((), goal)
        pairs = zip(effects.values.split(present), effects.values.split(goal), strict=True)
        distance = [float(np.linalg.norm(there - value)) for value, there in pairs]
        away = moving + [k for k, d in enumerate(distance) if d > effects.radius]
        return Subgoal(tuple(away[:1]), goal)

    def _moving(
        self, effects: Effects, before: Float[np.ndarray, "G"], present: Float[np.ndarray, "G"]
    ) -> list[int]:
        """Return the objects that moved within the last token, by the threshold of `find_moves`.

        Objects that switch between a few values, such as lights, do not count once they have.
        """
        places = effects.values.objects.places
        moved = [float(np.linalg.norm((present - before)[list(p)])) for p in places]
        values = effects.values.split(present)
        return [
            k
            for k, distance in enumerate(moved)
            if distance > AT_REST * self.config.goal.tolerance
            and not effects.rest.has_switched(k, values[k])
        ]

    def _refuse_others(
        self, plan: Plan, end: Float[np.ndarray, "B S"], target: Float[np.ndarray, "B S"]
    ) -> Plan:
        """Return plans that never arrive where the initial plan led to another subgoal."""
        dims = list(self.model.layout.goal_dims)
        distance = np.linalg.norm((end - target)[:, dims], axis=-1)
        never = np.float32((self.horizon + 2.0) * self.model.layout.stride)
        is_same = distance <= self.config.goal.tolerance
        return plan._replace(arrival=np.where(is_same, np.asarray(plan.arrival), never))


def _find(
    effects: Effects,
    present: Float[np.ndarray, "G"],
    goal: Float[np.ndarray, "G"],
    moving: list[int],
    pursued: Float[np.ndarray, "G"] | None,
) -> list[Subgoal] | None:
    """Return the moves to the goal; the search is cached as long as its inputs stay equal."""
    subgoals = _find_once(effects, present.tobytes(), goal.tobytes(), tuple(moving))
    if not subgoals or pursued is None:
        return subgoals
    if (np.abs(present - pursued) <= effects.radius).all():  # The previous move has succeeded.
        return subgoals
    offset = np.abs(subgoals[0].goal - pursued)
    places = [p for k in subgoals[0].change for p in effects.values.objects.places[k]]
    if (offset[places] <= effects.radius).all():
        return subgoals
    return find_subgoals(effects, present, goal, moving, pursued)


@functools.lru_cache(maxsize=4096)
def _find_once(
    effects: Effects, present: bytes, goal: bytes, moving: tuple[int, ...]
) -> list[Subgoal] | None:
    present_values = np.frombuffer(present, np.float32)
    return find_subgoals(effects, present_values, np.frombuffer(goal, np.float32), moving)


@functools.lru_cache(maxsize=8)
def effects_of(moves: ObservedMoves, radius: float) -> Effects:
    """Return the effects of moves, which are prepared once for each run."""
    return Effects(moves, radius)


def _restore(plan: Plan, views: list[View], frames: Float[np.ndarray, "B H F S"]) -> Plan:
    """Return plans of whole states, in which hidden objects stay where they are."""
    present = frames[:, -1, -1]

    def restore(states: Any, hidden: np.ndarray) -> np.ndarray:
        states = np.asarray(states)
        pairs = zip(views, states, hidden, strict=True)
        return np.stack([view.restore(state, now) for view, state, now in pairs])

    return plan._replace(
        states=restore(plan.states, present[:, None]),
        candidates=restore(plan.candidates, present[:, None, None]),
        denoising=None
        if plan.denoising is None
        else restore(plan.denoising, present[:, None, None, None]),
        history=restore(plan.history, frames[:, :, -1]),
    )
