"""LoopRunner: the control loop with its state: requests plans, and follows those that are ready."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

import numpy as np
from jaxtyping import Bool, Float

from dfplan.control import loop, replanning
from dfplan.control.chunk import ChunkMaker, ChunkStart, skip_steps
from dfplan.control.executor import SynchronousExecutor
from dfplan.control.inputs import as_seeds
from dfplan.control.loop_state import LoopSpec, LoopState, PlanInputs
from dfplan.control.plan_maker import PlanMaker
from dfplan.control.plan_requests import PlanRequests
from dfplan.planner.config import TimingConfig
from dfplan.planner.plan import Plan
from dfplan.types import Cost

OVERHEAD_DECAY = 0.9
"""Share of the last estimate of a step's own time that remains in the next one."""


class LoopRunner:
    """Runs the functions of `dfplan.control.loop` and `replanning` for a batch of robots.

    Args:
        spec: Constants of the loop, in NumPy.
        plan_maker: Maker of the plans.
        chunk_maker: Maker of chunks.
        executor: Executor that runs the planning; None plans in the calling thread, or in a thread
            of its own if the planner's timing sets a deadline or near tokens.

    Attributes:
        state: State of the loop; None from a full reset to the next observation.
    """

    def __init__(
        self,
        spec: LoopSpec,
        plan_maker: PlanMaker,
        chunk_maker: ChunkMaker,
        executor: Executor | None = None,
    ):
        self._spec = spec
        self._timing = spec.planner.config.timing
        self._plan_maker = plan_maker
        self._chunk_maker = chunk_maker
        self._requests = PlanRequests(executor or _default_executor(self._timing))
        self._unfinished: list[tuple[PlanInputs, Callable[[], Plan]]] = []
        self._overhead = 0.0  # seconds that a step needs once its plans are ready
        self.state: LoopState | None = None

    @property
    def batch(self) -> int | None:
        """Number of robots; None if the next observation decides."""
        return None if self.state is None else len(self.state.elapsed)

    def reset(self, seed: int | Sequence[int] | None) -> None:
        """Begin new episodes of all robots; the next observation may change their number.

        Args:
            seed: New PRNG seed of the plans, or one per robot; None continues the random sequences.
        """
        if seed is not None:
            self._seed = seed
            self._seeds = np.zeros(0, int)  # set by the next observation, which tells their number
        elif self.state is not None:
            self._seeds = np.asarray(self.state.seeds)
            self._plan_counts = np.asarray(self.state.plan_counts)
        self.state = None
        self._unfinished = []
        self._requests.cancel()

    def reset_rows(self, mask: Bool[np.ndarray, "B"], seeds: np.ndarray | None = None) -> None:
        """Begin new episodes of the robots in a mask.

        Args:
            mask: Robots that begin an episode.
            seeds: `[B]` new PRNG seeds; None continues the random sequences.
        """
        assert self.state is not None
        self.state = loop.reset(self._spec, self.state, mask, seeds=seeds)
        self._requests.cancel_stale(self.state)

    def step(
        self,
        reading: Float[np.ndarray, "B S"],
        goals: Float[np.ndarray, "B G"] | None,
        *,
        is_over: Bool[np.ndarray, "B"],
        extra_cost: Cost | None,
        time_called: float,
    ) -> Float[np.ndarray, "B A"]:
        """Take a control step: request plans where needed, and return the actions.

        Args:
            reading: Observed states, NaN where missing.
            goals: Goals, or None.
            is_over: Robots whose episode is over: no plan is made for them, and their actions are
                arbitrary.
            extra_cost: Cost of plans, see `dfplan.planner.call.PlanCall`.
            time_called: Value of `time.perf_counter()` from which the deadline counts.
        """
        state = self.observe(reading, goals)
        needs_plan = replanning.needs_plan(self._spec, state) & ~is_over
        self.request_plans(needs_plan, extra_cost=extra_cost)
        if self._timing.deadline_ms and not self._follows_early:
            self._submit_unfinished()
            self._activate_plans(self._deadline(time_called))
        time_planned = time.perf_counter()
        action = self._follow_plans(is_over)
        self._submit_unfinished()
        seconds = time.perf_counter() - time_planned
        self._overhead = max(seconds, OVERHEAD_DECAY * self._overhead)
        return action

    def observe(
        self, reading: Float[np.ndarray, "B S"], goals: Float[np.ndarray, "B G"] | None
    ) -> LoopState:
        """Activate plans that are ready since the last call, and take in the present."""
        if self.state is None:
            batch = len(reading)
            if len(self._seeds) != batch:
                self._seeds = as_seeds(self._seed, batch)
                self._plan_counts = np.zeros(batch, int)
            self.state = loop.init(self._spec, self._seeds, self._plan_counts)
        self._activate_plans(None if self._follows_early else time.perf_counter())
        # Environments may write their next observation into the same arrays.
        reading = reading.copy()
        goals = None if goals is None else goals.copy()
        self.state = loop.observe(self._spec, self.state, reading, goal=goals)
        self._requests.cancel_stale(self.state)
        return self.state

    def request_plans(
        self,
        mask: Bool[np.ndarray, "B"],
        *,
        extra_cost: Cost | None = None,
        denoising: bool = False,
    ) -> None:
        """Request plans of the robots in a mask from the executor.

        Args:
            mask: Robots to plan for.
            extra_cost: Cost of plans, see `dfplan.planner.call.PlanCall`.
            denoising: Whether plans are made from scratch and keep every sampling step.
        """
        assert self.state is not None
        for rows, delay in replanning.group_by_delay(self._spec, self.state, mask):
            inputs, self.state = replanning.plan_inputs(
                self._spec, self.state, rows, delay=delay, warm_start=not denoising
            )
            if self._timing.near_tokens and not denoising:
                self._begin_plans(inputs, limit=len(mask), extra_cost=extra_cost)
                continue
            self._requests.submit(
                self._plan_maker.make_plans,
                inputs,
                limit=len(mask),
                extra_cost=extra_cost,
                denoising=denoising,
            )

    def finish_plans(self) -> None:
        """Wait for all requested plans, and follow them from now on."""
        if self.state is not None:
            self._submit_unfinished()
            self._activate_plans(None)

    def skip_steps(self, reading: Float[np.ndarray, "B S"], actions: np.ndarray) -> None:
        """Take in control steps that were executed without being observed; see `chunk`."""
        assert self.state is not None
        self.state = skip_steps(self._spec, self.state, reading, actions)

    def continue_plans(self, length: int) -> tuple[np.ndarray, np.ndarray]:
        """Return actions `[B, L, A]` and states `[B, L, S]` from the present step on."""
        assert self.state is not None
        return self._chunk_maker(self._spec, ChunkStart.of(self.state), length)

    def compile(self, batch: int) -> None:
        """Run what a step and a chunk run for `batch` robots once, and discard the result."""
        plan = self._plan_maker.compile(batch)
        reading = np.asarray(plan.states)[:, 0]
        goal_dims = list(self._spec.layout.goal_dims)
        state = loop.init(self._spec, np.zeros(batch, int))
        state = loop.observe(
            self._spec, state, reading, goal=reading[:, goal_dims] if goal_dims else None
        )
        inputs, state = replanning.plan_inputs(self._spec, state, np.arange(batch))
        state = replanning.activate(self._spec, state, inputs, plan=plan)
        _, state = loop.act(self._spec, state)
        self._chunk_maker(self._spec, ChunkStart.of(state), length=2)

    @property
    def _follows_early(self) -> bool:
        """Whether plans are followed as soon as they are begun, and each step finishes them."""
        return self._timing.near_tokens > 0 and self._timing.deadline_ms < 0

    def _begin_plans(self, inputs: PlanInputs, limit: int, extra_cost: Cost | None) -> None:
        """Begin plans, and follow their first tokens."""
        assert self.state is not None
        beginnings, finish = self._plan_maker.begin_plans(
            inputs, limit=limit, extra_cost=extra_cost
        )
        self.state = replanning.activate(self._spec, self.state, inputs, beginnings, is_whole=False)
        self._unfinished.append((inputs, finish))

    def _submit_unfinished(self) -> None:
        """Submit the rest of the plans that were begun to the executor.

        Called once the first action is known, which might otherwise wait on a busy machine.
        """
        for inputs, finish in self._unfinished:
            self._requests.submit(_finish, inputs, finish=finish)
        self._unfinished = []

    def _activate_plans(self, deadline: float | None) -> None:
        """Follow requested plans that are ready.

        Args:
            deadline: Value of `time.perf_counter()` up to which to wait; None for no limit.
        """
        assert self.state is not None
        try:
            for inputs, plan in self._requests.pop_ready(deadline):
                self.state = replanning.activate(self._spec, self.state, inputs, plan=plan)
        except BaseException:
            self._requests.cancel()
            self.state = replanning.withdraw_requests(self.state)
            raise

    def _follow_plans(self, is_over: Bool[np.ndarray, "B"]) -> Float[np.ndarray, "B A"]:
        """Return the actions of this control step, arbitrary where the episode is over."""
        assert self.state is not None
        self.state = loop.hold_without_plan(self._spec, self.state, ~is_over)
        action, self.state = loop.act(self._spec, self.state)
        return action

    def _deadline(self, time_called: float) -> float | None:
        """Return the time up to which a step may wait for plans; None for no limit."""
        if self._timing.deadline_ms < 0:
            return None
        return time_called + self._timing.deadline_ms / 1000 - self._overhead


def _default_executor(timing: TimingConfig) -> Executor:
    if timing.deadline_ms < 0 and not timing.near_tokens:
        return SynchronousExecutor()
    return ThreadPoolExecutor(1, thread_name_prefix="dfplan-plans")


def _finish(inputs: PlanInputs, finish: Callable[[], Plan]) -> Plan:
    return finish()
