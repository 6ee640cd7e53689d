"""Agent: a planner as a Gymnasium user holds it, `reset` and `act`, for one environment or many."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.compilation import keep_compiled
from dfplan.data.layout import Layout
from dfplan.find import find_run
from dfplan.guidance.costs import as_cost
from dfplan.motion import Motion
from dfplan.planner.batch import BatchPlanner
from dfplan.planner.core import Plan, Planner, Weights
from dfplan.planner.follow import make_follower
from dfplan.planner.observer import Observer
from dfplan.run import Run, load_weights
from dfplan.tasks import load_function
from dfplan.types import Cost, Tracker, UserError, one_line

NO_PLAN = -1
MISSING = "; where numbers may be missing, set planner.missing true"


class Agent:
    """Plans, follows the plan, and plans again: every `replan_every` steps, or when the goal moves.

    Works on the observations of one environment, or of a batch of them (a Gymnasium vector
    environment's): the first observation after `reset()` decides which.

        agent = Agent.load("runs/umaze")
        observation, info = env.reset()
        agent.reset()
        ...
        action = agent.act(observation)

    Args:
        planner: the planner.
        weights: its weights.
        layout: how observations become states.
        tracker: follows plans of states, when `planner.config.action` is "tracker".
        motion: what states are filtered by, when `planner.config` says that observations are noisy
            or may be missing.
        seed: of the plans; environment i of a batch plans with `seed + i`.

    Attributes:
        plan: the plans in force, NumPy arrays with one row per environment; None before any.
        elapsed: control steps since each environment's plan was made, `[B]`.
        state: `[B, S]` the states that were last acted on: as observed, or as estimated from what
            was.
        price: of plans, on top of their duration, or None: see `dfplan.guidance.costs`. Set it at
            any time; it counts from the next plan on.

    Raises:
        UserError: when the planner needs a tracker and there is none; at the first observation,
            when it needs a motion and there is none, or declares as many noises as no state has
            dimensions.
    """

    def __init__(
        self,
        planner: Planner,
        weights: Weights,
        layout: Layout,
        *,
        tracker: Tracker | None = None,
        motion: Motion | None = None,
        seed: int = 0,
    ):
        self.planner, self.weights, self.layout = planner, weights, layout
        self._plans = BatchPlanner(planner, weights)
        self._motion = motion
        self.state = np.zeros((0, layout.state_dim), np.float32)
        self._follow = make_follower(planner, weights, tracker)
        self._observer: Observer | None = None
        self.plan: Plan | None = None
        self.elapsed = np.zeros(0, int)
        self._price: Cost | None = None
        self.reset(seed=seed)

    @property
    def price(self) -> Cost | None:
        """See the class."""
        return self._price

    @price.setter
    def price(self, price: Callable | None) -> None:
        if price is not None:
            price = as_cost(price)
            self._check_price(price)
        self._price = price

    @classmethod
    def load(
        cls, directory: Path | str, *, planner: Mapping[str, Any] | None = None, seed: int = 0
    ) -> "Agent":
        """The agent of a trained run; its compiled programs are kept, see `keep_compiled`.

        Args:
            directory: of the run, or the name of a task that comes trained, as `find_run` takes it.
            planner: planner settings to change, such as `{"candidates": 16}`.
            seed: of the plans.

        Raises:
            UserError: when the run is missing or damaged, or a setting is unknown.
        """
        keep_compiled()
        found = find_run(directory)
        run = found.run.with_planner(planner or {})
        return cls.of(run, load_weights(run, found.directory), seed=seed)

    @classmethod
    def of(cls, run: Run, weights: Weights, *, seed: int = 0) -> "Agent":
        """The agent of a run that is loaded already.

        Raises:
            UserError: when the run's tracker cannot be loaded, or it needs one and has none; or
                when states are to be filtered, and the run holds no motion nor is its dataset here.
        """
        wanted = run.config.planner.action == "tracker" and run.task.tracker
        tracker = load_function(run.task.tracker) if wanted else None
        motion = run.find_motion() if run.config.planner.filters else None
        return cls(run.planner, weights, run.layout, tracker=tracker, motion=motion, seed=seed)

    def reset(self, mask: Any = None, *, seed: int | Sequence[int] | None = None) -> None:
        """Forget history and plans.

        Call it before the first observation of an episode is acted on. For a vector environment
        that resets itself, `rollout` and the masks of `act` do it.

        Args:
            mask: `[B]` bool, the environments that begin a new episode; all when None.
            seed: seeds the plans anew: one number that counts up over environments, or one each.

        Raises:
            UserError: when the mask or the seeds are not as many as the environments.
        """
        if mask is None or self._observer is None:
            self._observer, self.plan = None, None
            self.elapsed = np.zeros(0, int)
            if seed is not None:
                self._seed, self._seeds = seed, np.zeros(0, int)
            return
        mask = self._mask(mask, len(self.elapsed))
        if seed is not None:
            self._seeds[mask] = _spread(seed, len(mask))[mask]
            self._count[mask] = 0
        self._forget(mask)

    def _forget(self, mask: np.ndarray) -> None:
        assert self._observer is not None
        self._observer.forget(mask)
        self.elapsed[mask] = NO_PLAN

    def act(
        self,
        observation: Any,
        goal: Any = None,
        *,
        episode_start: Any = None,
        episode_over: Any = None,
    ) -> np.ndarray:
        """The action for one observation, or one for each of a batch; plans where that is due.

        The two masks tell of episodes what `reset` would otherwise be told. An environment that
        resets itself in the step that ends an episode (`AutoresetMode.SAME_STEP`), or that you
        reset, starts one with its next observation. One that resets itself a step later
        (`AutoresetMode.NEXT_STEP`) shows the last observation, for which any action will do.

        Args:
            observation: as the environment gives it; arrays or lists of any number type.
            goal: `[G]` or `[B, G]`, instead of the observation's own, or where it has none.
            episode_start: `[B]` bool, the environments whose episode starts with this observation.
            episode_over: `[B]` bool, the environments whose episode ended with this observation:
                nothing is planned for them, and their next observation starts an episode.

        Raises:
            UserError: when the observation has another shape than the data had, the batch changes
                without a `reset()`, a mask has another length, or the observation holds NaN and
                `planner.missing` is false.
        """
        state = self.layout.state(observation)
        single = state.ndim == 1
        state = np.atleast_2d(state)
        start = self._mask(episode_start, len(state))
        if start.any():
            self.reset(None if start.all() else start)
        goal = self._goals(self.layout.goal(observation) if goal is None else goal, len(state))
        over = self._mask(episode_over, len(state))
        observer = self._look(state, goal, over)
        assert self.plan is not None
        plan = self.plan
        action = self._follow(plan.states, plan.actions, self.elapsed, self.state, goal)
        action = self.layout.clip_action(action)
        observer.acted(action)
        self.elapsed += 1
        self._forget(over)
        action = self.layout.shape_action(action)
        return action[0] if single else action

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, Any]:
        """`act` in the form of Stable-Baselines3's policies, for its `evaluate_policy`.

        As with a recurrent policy, a call with neither `state` nor `episode_start` remembers
        nothing: it plans anew from this observation.

        Args:
            observation: as for `act`.
            state: what the last call returned, which is the memory of this agent; one agent
                follows one (vector) environment at a time.
            episode_start: as for `act`.
            deterministic: without effect; plans depend on seeds and observations alone.

        Returns:
            The action, and the state: the plans in force.

        Raises:
            UserError: as `act`.
        """
        if state is None and episode_start is None:
            self.reset()
        return self.act(observation, episode_start=episode_start), self.plan

    def plan_from(
        self, state: np.ndarray, goal: np.ndarray | None = None, *, denoising: bool = False
    ) -> None:
        """Forget everything and plan from one state `[S]` to a goal `[G]`, in SI units.

        The plan is then in `plan`.

        Args:
            state: where to start.
            goal: where to; None for nowhere in particular.
            denoising: also keep every step of the sampling, in `plan.denoising`.

        Raises:
            UserError: when they have another shape or hold NaN.
        """
        self.reset()
        state = np.asarray(state, np.float32)[None]
        self._look(state, self._goals(goal, 1), np.zeros(1, bool), denoising)

    def arrives(self) -> np.ndarray:
        """Whether each plan in force reaches its goal, `[B]` bool."""
        assert self.plan is not None
        length = self.planner.horizon * self.planner.model.layout.stride
        return np.asarray(self.plan.arrival) <= length

    def _look(
        self,
        state: np.ndarray,
        goal: np.ndarray | None,
        over: np.ndarray,
        denoising: bool = False,
    ) -> Observer:
        """Take in the present, and plan where that is due; not where an episode is `over`."""
        self._check(state, goal)
        if self._observer is None:
            self._observer = self._begin(len(state))
        self.state = self._observer.observe(state)
        due = self._due(goal)
        if self.plan is not None:
            due &= ~over
            self.elapsed[over] = 0  # whatever plan is left there serves for a last action
        if due.any():
            self._replan(np.flatnonzero(due), goal, denoising)
        return self._observer

    def _goals(self, goal: Any, batch: int) -> np.ndarray | None:
        if goal is None:
            return None
        dim = self.layout.goal_dim
        if not dim:
            raise UserError("a goal was given, but this planner was trained without goals")
        try:
            goal = np.asarray(goal, np.float32)
        except (TypeError, ValueError) as error:
            raise UserError(f"goal is no array of numbers: {one_line(error)}") from error
        if goal.shape not in ((dim,), (batch, dim)):
            raise UserError(f"goal has shape {goal.shape}; needed: {(dim,)} or {(batch, dim)}")
        return np.broadcast_to(goal, (batch, dim))

    def _mask(self, mask: Any, batch: int) -> np.ndarray:
        if mask is None:
            return np.zeros(batch, bool)
        mask = np.atleast_1d(np.asarray(mask, bool))
        if mask.shape != (batch,):
            raise UserError(f"the mask has shape {mask.shape}; needed: {(batch,)}")
        return mask

    def _begin(self, batch: int) -> Observer:
        if len(self._seeds) != batch:
            self._seeds, self._count = _spread(self._seed, batch), np.zeros(batch, int)
        self.elapsed = np.full(batch, NO_PLAN)
        self._goal = np.full((batch, self.layout.goal_dim), np.nan)
        return Observer(self.planner, self.weights, self._motion, batch)

    def _check(self, state: np.ndarray, goal: np.ndarray | None) -> None:
        dim = self.layout.state_dim
        if state.ndim != 2 or state.shape[1] != dim or not len(state):
            raise UserError(f"states have shape {state.shape}; needed: one, or a batch, of {dim}")
        if self._observer is not None and len(state) != len(self.elapsed):
            raise UserError(
                f"a batch of {len(state)} observations after one of {len(self.elapsed)}; "
                "call reset() before the batch changes"
            )
        if self.planner.config.missing:
            state = np.nan_to_num(state, posinf=np.inf, neginf=-np.inf)
        for name, array in (("observation", state), ("goal", goal)):
            if array is not None and not np.isfinite(array).all():
                row, dim = map(int, np.argwhere(~np.isfinite(array))[0])
                value = array[row, dim]
                hint = MISSING if name == "observation" and np.isnan(value) else ""
                raise UserError(f"{name} {row} has {value} in dimension {dim}{hint}")

    def _check_price(self, price: Cost) -> None:
        """Try it on two plans that stand still at zero."""
        goal = jnp.zeros((2, self.layout.goal_dim)) if self.layout.goal_dim else None
        paid = np.asarray(price(jnp.zeros((2, 3, self.layout.state_dim)), goal))
        if paid.shape != (2,) or not np.isfinite(paid).all():
            raise UserError(
                f"the price of 2 plans at zero is {paid.tolist()}; needed: 2 finite numbers"
            )

    def _due(self, goal: np.ndarray | None) -> np.ndarray:
        """Whether each row needs a plan, `[B]` bool: it has none, or an old one."""
        goal = np.full_like(self._goal, np.nan) if goal is None else goal
        same = ((goal == self._goal) | (np.isnan(goal) & np.isnan(self._goal))).all(axis=-1)
        self.elapsed[~same] = NO_PLAN  # a plan to another goal is none
        self._goal = goal.copy()
        return (self.elapsed == NO_PLAN) | (self.elapsed >= self.planner.config.replan_every)

    def _replan(self, due: np.ndarray, goal: np.ndarray | None, denoising: bool) -> None:
        assert self._observer is not None
        plan = self._plans.plan(
            self._seeds[due],
            self._count[due],
            self._observer.history(due),
            None if goal is None else goal[due],
            limit=len(self.elapsed),
            price=self._price,
            denoising=denoising,
        )
        if self.plan is None:  # then every row is due
            self.plan = plan
        else:
            self.plan = self.plan._replace(denoising=None)
            for old, new in zip(jax.tree.leaves(self.plan), jax.tree.leaves(plan), strict=True):
                old[due] = new
        self._count[due] += 1
        self.elapsed[due] = 0


def _spread(seed: int | Sequence[int], batch: int) -> np.ndarray:
    """A seed for each of a batch."""
    seeds = np.asarray(seed)
    seeds = seeds + np.arange(batch) if seeds.ndim == 0 else seeds.copy()
    if seeds.shape != (batch,):
        raise UserError(f"{seeds.size} seeds for a batch of {batch} observations")
    return seeds
