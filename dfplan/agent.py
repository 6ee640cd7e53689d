"""Agent: a trained planner as a policy for Gymnasium environments, with `reset` and `act`."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.control.batch import BatchPlanner
from dfplan.control.chunk import Chunk, ChunkMaker, continue_plans
from dfplan.control.inputs import (
    as_goals,
    as_mask,
    as_seed,
    as_seeds,
    check_states,
    screen_states,
)
from dfplan.control.linear_dynamics import LinearDynamics
from dfplan.control.loop_state import LoopSpec
from dfplan.control.plan_maker import PlanMaker
from dfplan.control.plausible_range import PlausibleRange
from dfplan.control.runner import LoopRunner
from dfplan.guidance.check_cost import checked_cost
from dfplan.planner.plan import Plan, Weights, to_global
from dfplan.planner.protocol import Planner
from dfplan.representation.flatten import as_numbers
from dfplan.representation.layout import Layout
from dfplan.runs.follow import load_dynamics, load_tracker
from dfplan.runs.resolve import resolve_run
from dfplan.runs.run import Run
from dfplan.types import Cost, Tracker, UserError
from dfplan.util.compilation_cache import enable_compilation_cache
from dfplan.util.validate import invalid, is_integer

MAX_STEPS = 1000
"""Largest number of control steps of a chunk, and between two chunks."""


class Agent:
    """Acts in one environment or in a batch of them by planning and following its plans.

    A plan is made at an episode's start, then every `planner.config.replan_every` control steps and
    whenever the goal moves. In between, a low-level controller follows the active plan.

        agent = Agent.load("pointmaze-umaze")
        observation, info = env.reset()
        agent.reset()
        done = False
        while not done:
            action = agent.act(observation)
            observation, reward, terminated, truncated, info = env.step(action)
            done = terminated or truncated

    Observations may be those of a single environment or of a Gymnasium vector environment; the
    first one after `reset()` decides. Sub-environments are planned for independently.

    Args:
        planner: Planner.
        weights: Trained weights of the planner.
        layout: Observation layout: how observations become states and goals.
        tracker: Tracking function that follows plans of states, if
            `planner.config.low_level_controller` is "tracker".
        dynamics: Dynamics fitted to the data, which `act_chunk` expects robots to follow; needed if
            `planner.config.sensing` says that observations are noisy or may be missing.
        seed: PRNG seed of the plans; environment i of a batch plans with `seed + i`.
        executor: Executor that runs the planning. By default plans are made in the calling thread,
            or in a thread of their own if `planner.config.timing` sets a deadline or near tokens.
        plan_maker: Maker of the plans, if several agents share one; by default the agent's own.
        chunk_maker: Maker of chunks, such as a compiled `ChunkProgram`; by default
            `continue_plans`, in NumPy.

    Attributes:
        planner: Planner.
        weights: Trained weights.
        layout: Observation layout.

    Raises:
        UserError: If the planner needs a tracker or dynamics and it is missing, the observation
            noise has neither one number nor one per state dimension, a registered planner or
            low-level controller does not implement its protocol, or the seed is not valid.
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
        executor: Executor | None = None,
        plan_maker: PlanMaker | None = None,
        chunk_maker: ChunkMaker = continue_plans,
    ):
        self.planner = planner
        self.weights = weights
        self.layout = layout
        spec = LoopSpec.create(planner, weights, layout, tracker=tracker, dynamics=dynamics)
        self._state_range = PlausibleRange.of(weights.states, layout.origin)
        plan_maker = plan_maker or BatchPlanner(planner, weights)
        self._runner = LoopRunner(spec, plan_maker, chunk_maker, executor)
        self._extra_cost: Cost | None = None
        self._chunk: np.ndarray | None = None  # actions that `act_chunk` returned last
        self.reset(seed=seed)

    @classmethod
    def load(
        cls,
        directory: Path | str,
        *,
        planner: Mapping[str, Any] | None = None,
        seed: int = 0,
        trust_code: bool = False,
    ) -> "Agent":
        """Load the agent of a trained run.

        Compiled programs are cached on disk, see `enable_compilation_cache`. With a deadline, those
        for one robot are compiled at once; otherwise each is compiled when it is first needed.

        Args:
            directory: Run directory, or the name of a task with a pretrained planner.
            planner: Planner settings to change, such as `{"candidates": 16}`.
            seed: PRNG seed of the plans.
            trust_code: Whether to import the run's tracker from any module; by default only if an
                installed package declares it.

        Raises:
            UserError: If the run is missing or damaged, a setting is unknown, the seed is not
                valid, or the run names a tracker that may not be imported.
        """
        enable_compilation_cache()
        resolved = resolve_run(directory, trust_code=trust_code).with_planner(
            {} if planner is None else planner
        )
        agent = cls.from_run(resolved.run, resolved.load_weights(), seed=seed)
        if resolved.run.config.planner.timing.deadline_ms >= 0:
            agent.compile()
        return agent

    @classmethod
    def from_run(
        cls,
        run: Run,
        weights: Weights,
        *,
        seed: int = 0,
        executor: Executor | None = None,
        plan_maker: PlanMaker | None = None,
        chunk_maker: ChunkMaker = continue_plans,
    ) -> "Agent":
        """Return the agent of a run that is already loaded.

        Args:
            run: Trained run.
            weights: Trained weights of the run.
            seed: PRNG seed of the plans.
            executor: Executor that runs the planning; see the class.
            plan_maker: Maker of the plans; see the class.
            chunk_maker: Maker of chunks; see the class.

        Raises:
            UserError: If the run's tracker is needed and is missing or cannot be loaded, or if
                states must be filtered and the run has neither dynamics nor its dataset.
        """
        return cls(
            run.make_planner(),
            weights,
            run.layout,
            tracker=load_tracker(run),
            dynamics=load_dynamics(run),
            seed=seed,
            executor=executor,
            plan_maker=plan_maker,
            chunk_maker=chunk_maker,
        )

    @property
    def plan(self) -> Plan | None:
        """Active plans as NumPy arrays, one row per environment; None after a full reset."""
        state = self._runner.state
        return None if state is None else to_global(state.plan, self.layout)

    @property
    def elapsed(self) -> np.ndarray:
        """`[B]` control steps since each active plan began; -1 where there is no active plan."""
        state = self._runner.state
        return np.zeros(0, int) if state is None else np.asarray(state.elapsed)

    @property
    def state(self) -> np.ndarray:
        """`[B, S]` states that were last acted on, as observed or as estimated."""
        state = self._runner.state
        if state is None:
            return np.zeros((0, self.layout.state_dim), self.layout.dtype)
        return self.layout.to_global(np.asarray(state.state))

    @property
    def extra_cost(self) -> Cost | None:
        """Cost of plans on top of their duration, or None; see `dfplan.guidance.costs`.

        It sees states and goals in the local coordinates of the layout. A new cost takes effect
        with the next plan.

        Raises:
            UserError: If a new cost is not a function that JAX can trace, or does not return one
                finite number per plan.
        """
        return self._extra_cost

    @extra_cost.setter
    def extra_cost(self, extra_cost: Callable | None) -> None:
        if extra_cost is not None:
            plan_dims = self.planner.model.layout.plan_dims
            extra_cost = checked_cost(extra_cost, self.layout, plan_dims)
        self._extra_cost = extra_cost

    def reset(self, mask: Any = None, *, seed: int | Sequence[int] | None = None) -> None:
        """Begin new episodes: clear the history and drop the plans.

        Call this before the first observation of an episode. For vector environments that reset
        themselves, use `dfplan.rollout.rollout` or the masks of `act` instead.

        Args:
            mask: `[B]` bool, environments that begin an episode; None for all of them, after which
                the batch size may change.
            seed: New PRNG seed of the plans: one number, which counts up over the environments, or
                one per environment; integers from 0 to 2**32 - 1. None continues the present random
                sequence.

        Raises:
            UserError: If the mask or the seeds do not match the number of environments, or are of
                another type.
        """
        if seed is not None:
            seed = as_seed(seed)
        self._chunk = None
        batch = self._runner.batch
        if mask is None or batch is None:
            self._runner.reset(seed)
            return
        mask = as_mask(mask, batch)
        self._runner.reset_rows(mask, None if seed is None else as_seeds(seed, batch))

    def act(
        self,
        observation: Any,
        goal: Any = None,
        *,
        episode_start: Any = None,
        episode_over: Any = None,
    ) -> np.ndarray:
        """Return the action for an observation, or the actions for a batch; replan where needed.

        The two masks replace calls of `reset` for vector environments. An environment that resets
        itself in the step that ends an episode (`AutoresetMode.SAME_STEP`), or that you reset,
        starts an episode with its next observation. One that resets itself a step later
        (`AutoresetMode.NEXT_STEP`) returns a last observation first, for which any action will do.

        Args:
            observation: Observation as the environment returns it; arrays or lists of numbers.
            goal: Goal `[G]` or `[B, G]`, for observations that hold no goal or instead of theirs.
            episode_start: `[B]` bool, environments whose episode starts with this observation.
            episode_over: `[B]` bool, environments whose episode ended with this observation. They
                are not planned for, and their next observation starts an episode.

        Raises:
            UserError: If the shape of the observation or the goal is not that of the data, or they
                are not numbers; if the batch changes without a `reset()`, or a mask has the wrong
                length; if a number is NaN or an outlier (infinite, or implausibly far from the
                data's mean) while `planner.sensing.missing` is false; or if the planner or its
                low-level controller fails to return finite actions.

        Returns:
            The action in the shape and type of the environment's action space, and inside its
            bounds; for a batch, `[B, ...]`.
        """
        time_called = time.perf_counter()
        reading = self.layout.local_state(observation)
        is_single = reading.ndim == 1
        reading = np.atleast_2d(reading)
        starts = as_mask(episode_start, len(reading))
        if starts.any():
            self.reset(None if starts.all() else starts)
        goals = self._goals(observation, goal, len(reading))
        is_over = as_mask(episode_over, len(reading))
        action = self._step(reading, goals, is_over=is_over, time_called=time_called)
        if is_over.any():
            self.reset(is_over)
        return self.layout.env_action(action[0] if is_single else action)

    def act_chunk(
        self, observation: Any, goal: Any = None, *, length: int, executed: int = 1
    ) -> Chunk:
        """Return the actions of several control steps for one robot.

        The first action is the one that `act` would return. The others follow the active plan from
        the states that the agent's dynamics predict; the longer the robot executes them without
        asking again, the more it relies on these. At most one plan is made per call.

        Args:
            observation: Observation of one environment, see `act`.
            goal: Goal, see `act`.
            length: Control steps, L.
            executed: Actions of the last chunk that were executed: the control steps since its
                observation. Ignored at an episode's start. If there are more than the chunk has,
                its last action counts as repeated.

        Raises:
            UserError: See `act`; also if the observation is a batch, or a number is not a positive
                integer.
        """
        for name, value in (("length", length), ("executed", executed)):
            if not is_integer(value) or not 1 <= value <= MAX_STEPS:
                raise invalid(name, value, f"an integer from 1 to {MAX_STEPS}")
        reading = self.layout.local_state(observation)
        if reading.ndim > 1:
            raise UserError(f"a chunk for {len(reading)} observations; needed: one observation")
        time_called = time.perf_counter()
        goals = self._goals(observation, goal, 1)
        reading = self._screen(reading[None])
        if self._runner.state is not None and self._chunk is not None:
            steps = np.minimum(np.arange(1, executed), len(self._chunk) - 1)
            self._runner.skip_steps(reading, self._chunk[None, steps])
        self._chunk = None  # until this one is complete
        self._step(reading, goals, is_over=np.zeros(1, bool), time_called=time_called)
        actions, states = self._runner.continue_plans(length)
        self._chunk = actions[0]
        return Chunk(self.layout.env_action(actions[0]), self.layout.to_global(states[0]))

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, Any]:
        """Call `act` with the interface of Stable-Baselines3 policies, for its `evaluate_policy`.

        As with a recurrent policy, a call with neither `state` nor `episode_start` has no memory:
        it resets the agent and plans from this observation.

        Args:
            observation: Observation, see `act`.
            state: State that the last call returned. The memory itself is in this agent, so one
                agent serves one (vector) environment at a time.
            episode_start: `[B]` bool, environments whose episode starts with this observation.
            deterministic: Ignored; plans depend on seeds and observations only.

        Returns:
            The action, and the active plans as the state.

        Raises:
            UserError: See `act`.
        """
        if state is None and episode_start is None:
            self.reset()
        return self.act(observation, episode_start=episode_start), self.plan

    def plan_from(
        self, state: np.ndarray, goal: np.ndarray | None = None, *, denoising: bool = False
    ) -> None:
        """Reset the agent and plan from one state to a goal; the plan is then in `plan`.

        Args:
            state: `[S]` first state, SI units.
            goal: `[G]` goal, SI units; None to plan without a goal.
            denoising: Whether to keep every sampling step, in `plan.denoising`.

        Raises:
            UserError: If a shape is wrong, or a value is not a number or an outlier.
        """
        reading = as_numbers(state, "the state", self.layout.dtype)[None]
        check_states(self.layout, reading, batch=1)
        goals = as_goals(self.layout, self._state_range, goal, batch=1)
        self.reset()
        self._runner.observe(self._screen(self.layout.to_local(reading)), goals)
        self._runner.request_plans(
            np.ones(1, bool), extra_cost=self._extra_cost, denoising=denoising
        )
        self.finish_plans()

    def finish_plans(self) -> Plan | None:
        """Wait for the plans that the last `act` requested, and follow them from now on.

        With `planner.timing.near_tokens`, `act` returns once the first tokens of its plans are
        clean. Without this call, the next `act` waits for the whole plans.

        Returns:
            The active plans, see `plan`.
        """
        self._runner.finish_plans()
        return self.plan

    def arrives(self) -> np.ndarray:
        """Return whether each active plan reaches its goal, `[B]` bool.

        Raises:
            UserError: If nothing has been planned since the last full reset.
        """
        state = self._runner.state
        if state is None:
            raise UserError("there is no plan yet; call act() or plan_from() first")
        length = self.planner.horizon * self.planner.model.layout.stride
        return np.asarray(state.plan.arrival) <= length

    def compile(self, batch: int = 1) -> None:
        """Compile what `act` runs for `batch` environments, so that it does not have to wait.

        It computes one control step and discards the result.

        Programs for an `extra_cost`, and for other padded batch sizes on an accelerator, are still
        compiled when they are needed.

        Args:
            batch: Number of environments.

        Raises:
            UserError: If the number is not a positive integer.
        """
        if not is_integer(batch) or batch < 1:
            raise invalid("batch", batch, "an integer of at least 1")
        self._runner.compile(batch)

    def _step(
        self,
        reading: np.ndarray,
        goals: np.ndarray | None,
        *,
        is_over: np.ndarray,
        time_called: float,
    ) -> np.ndarray:
        """Return the actions `[B, A]` for checked goals and unchecked readings."""
        return self._runner.step(
            self._screen(reading),
            goals,
            is_over=is_over,
            extra_cost=self._extra_cost,
            time_called=time_called,
        )

    def _goals(self, observation: Any, goal: Any, batch: int) -> np.ndarray | None:
        """Return checked goals `[B, G]`: those given, or the observation's."""
        goal = self.layout.goal(observation) if goal is None else goal
        return as_goals(self.layout, self._state_range, goal, batch)

    def _screen(self, reading: np.ndarray) -> np.ndarray:
        """Return readings `[B, S]` without outliers, after checking them."""
        check_states(self.layout, reading, self._runner.batch)
        missing = self.planner.config.sensing.missing
        return screen_states(self._state_range, reading, missing=missing)
