"""Agent: a planner as a Gymnasium user holds it, `reset` and `act`, for one environment or many."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.control.active_plans import ActivePlans
from dfplan.control.batch import BatchPlanner
from dfplan.control.executor import Worker, background, inline
from dfplan.control.inputs import (
    as_goals,
    as_mask,
    as_seeds,
    check_cost,
    check_finite,
    check_states,
)
from dfplan.control.linear_dynamics import LinearDynamics
from dfplan.control.low_level import make_low_level_controller
from dfplan.control.observer import Observer
from dfplan.guidance.costs import as_cost
from dfplan.planner.plan import Plan, Weights
from dfplan.planner.protocol import Planner
from dfplan.representation.layout import Layout
from dfplan.runs.resolve import resolve_run
from dfplan.runs.run import Run, load_weights
from dfplan.tasks.registry import load_function
from dfplan.types import Cost, Tracker
from dfplan.util.compilation_cache import enable_compilation_cache


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
        tracker: follows plans of states, when `planner.config.low_level_controller` is "tracker".
        motion: what states are filtered by, when `planner.config` says that observations are noisy
            or may be missing.
        seed: of the plans; environment i of a batch plans with `seed + i`.
        worker: has plans made; None for this thread, or one of its own where `act` has a deadline.

    Attributes:
        plan: the plans in force, NumPy arrays with one row per environment; None before any.
        elapsed: control steps since each environment's plan begins, `[B]`; -1 where it has none.
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
        dynamics: LinearDynamics | None = None,
        seed: int = 0,
        worker: Worker | None = None,
    ):
        self.planner, self.weights, self.layout = planner, weights, layout
        self._plans, self._motion = BatchPlanner(planner, weights), dynamics
        waits = planner.config.timing.deadline_ms < 0
        self._worker = worker or (inline if waits else background())
        self.state = np.zeros((0, layout.state_dim), np.float32)
        self._follow = make_low_level_controller(planner, weights, tracker)
        self._observer: Observer | None = None
        self._force: ActivePlans | None = None
        self._price: Cost | None = None
        self._rest = 0.0
        self.reset(seed=seed)

    @property
    def plan(self) -> Plan | None:
        """See the class."""
        return None if self._force is None else self._force.plan

    @property
    def elapsed(self) -> np.ndarray:
        """See the class."""
        return np.zeros(0, int) if self._force is None else self._force.elapsed

    @property
    def extra_cost(self) -> Cost | None:
        """See the class."""
        return self._price

    @extra_cost.setter
    def extra_cost(self, extra_cost: Callable | None) -> None:
        if extra_cost is not None:
            extra_cost = as_cost(extra_cost)
            check_cost(self.layout, extra_cost)
        self._price = extra_cost

    @classmethod
    def load(
        cls, directory: Path | str, *, planner: Mapping[str, Any] | None = None, seed: int = 0
    ) -> "Agent":
        """The agent of a trained run; its compiled programs are kept, see `enable_compilation_cache`.

        With a deadline they are compiled at once, for one robot; else when they are needed.

        Args:
            directory: of the run, or the name of a task that comes trained, as `resolve_run` takes it.
            planner: planner settings to change, such as `{"candidates": 16}`.
            seed: of the plans.

        Raises:
            UserError: when the run is missing or damaged, or a setting is unknown.
        """
        enable_compilation_cache()
        found = resolve_run(directory)
        run = found.run.with_planner(planner or {})
        agent = cls.from_run(run, load_weights(run, found.directory), seed=seed)
        if run.config.planner.timing.deadline_ms >= 0:
            agent.compile()
        return agent

    @classmethod
    def from_run(
        cls, run: Run, weights: Weights, *, seed: int = 0, worker: Worker | None = None
    ) -> "Agent":
        """The agent of a run that is loaded already; seed and worker as for the class.

        Raises:
            UserError: when the run's tracker cannot be loaded, or it needs one and has none; or
                when states are to be filtered, and the run holds no motion nor is its dataset here.
        """
        wanted = run.config.planner.low_level_controller == "tracker" and run.task.tracker
        tracker = load_function(run.task.tracker) if wanted else None
        dynamics = run.find_dynamics() if run.config.planner.sensing.filters else None
        given = {"tracker": tracker, "dynamics": dynamics, "seed": seed, "worker": worker}
        return cls(run.planner, weights, run.layout, **given)

    def compile(self, batch: int = 1) -> None:
        """Compile what `act` runs for so many environments, so that it does not have to wait.

        Not what an `agent.extra_cost` or other padded sizes of a batch on an accelerator need besides.
        """
        plan = self._plans.compile(batch)
        state, layout = np.asarray(plan.states)[:, 0], self.planner.model.layout
        goal = state[:, list(layout.goal_dims)] if layout.has_goal else None
        self._follow(plan.states, plan.actions, np.zeros(batch, int), state, goal)

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
            self._observer, self._force = None, None
            if seed is not None:
                self._seed, self._seeds = seed, np.zeros(0, int)
            return
        mask = as_mask(mask, len(self.elapsed))
        if seed is not None:
            self._seeds[mask] = as_seeds(seed, len(mask))[mask]
            self._count[mask] = 0
        self._forget(mask)

    def _forget(self, mask: np.ndarray) -> None:
        assert self._observer is not None and self._force is not None
        self._observer.forget(mask)
        self._force.forget(mask)

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
                `planner.sensing.missing` is false.
        """
        begin = time.perf_counter()
        state = self.layout.state(observation)
        single = state.ndim == 1
        state = np.atleast_2d(state)
        start = as_mask(episode_start, len(state))
        if start.any():
            self.reset(None if start.all() else start)
        goal = self.layout.goal(observation) if goal is None else goal
        goal = as_goals(self.layout, goal, len(state))
        over = as_mask(episode_over, len(state))
        observer, force = self._look(state, goal, over)
        if self.planner.config.timing.deadline_ms:
            force.take(self._until(begin))
        planned = time.perf_counter()
        force.stand_still(self.state)
        plan, elapsed = force.plan, np.maximum(force.elapsed, 0)
        assert plan is not None
        action = self._follow(plan.states, plan.actions, elapsed, self.state, goal)
        action = self.layout.clip_action(action)
        observer.acted(action)
        force.advance()
        self._forget(over)
        self._rest = max(time.perf_counter() - planned, 0.9 * self._rest)
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
        goal = as_goals(self.layout, goal, 1)
        _, force = self._look(state, goal, np.zeros(1, bool), denoising)
        force.take(None)

    def arrives(self) -> np.ndarray:
        """Whether each plan in force reaches its goal, `[B]` bool."""
        assert self.plan is not None
        length = self.planner.horizon * self.planner.model.layout.stride
        return np.asarray(self.plan.arrival) <= length

    def _until(self, begin: float) -> float | None:
        """Until when to wait for plans, if `act` began then; None for as long as it takes."""
        deadline = self.planner.config.timing.deadline_ms
        return None if deadline < 0 else begin + deadline / 1000 - self._rest

    def _look(
        self,
        state: np.ndarray,
        goal: np.ndarray | None,
        over: np.ndarray,
        denoising: bool = False,
    ) -> tuple[Observer, ActivePlans]:
        """Take in the present, and ask for plans that are due; not where an episode is `over`."""
        check_states(self.layout, state, None if self._force is None else len(self.elapsed))
        check_finite(state, goal, self.planner.config.sensing.missing)
        observer, force = self._begin(len(state))
        self.state = observer.observe(state)
        force.take(0.0)
        due = force.due(goal)
        if force.plan is not None:
            due &= ~over  # whatever plan is left there serves for a last action
        force.ask(due, observer, self.state, goal, extra_cost=self._price, denoising=denoising)
        return observer, force

    def _begin(self, batch: int) -> tuple[Observer, ActivePlans]:
        """What observes and what plans, made anew after a `reset`."""
        if self._observer is None or self._force is None:
            if len(self._seeds) != batch:
                self._seeds, self._count = as_seeds(self._seed, batch), np.zeros(batch, int)
            made = self._plans, self._worker, self._seeds, self._count
            self._observer = Observer(self.planner, self.weights, self._motion, batch)
            self._force = ActivePlans(self.planner, self.weights, *made)
        return self._observer, self._force
