"""ClosedLoop: whole episodes of planning, following and moving in one compiled program."""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Int

from dfplan.control import loop, replanning
from dfplan.control.batch import plan_keys, runs_apart
from dfplan.control.loop_state import LoopSpec, LoopState, PlanInputs
from dfplan.planner.call import PlanCall
from dfplan.planner.plan import Plan, Weights
from dfplan.planner.protocol import Planner
from dfplan.planner.warm_start import InitialPlan
from dfplan.representation.layout import Layout
from dfplan.types import Array, Tracker, UserError, XpArray

Episodes = tuple[Array, Array, Array | None]
"""Seeds, first states and goals."""


class Driven(NamedTuple):
    """States and actions of `B` robots over `L` control steps; SI units.

    Attributes:
        states: `[B, L+1, S]` states, including the first ones.
        actions: `[B, L, A]` actions.
    """

    states: Float[Array, "B L S"]
    actions: Float[Array, "B L A"]


@dataclasses.dataclass(frozen=True)
class ClosedLoop:
    """An agent and its robots' dynamics, both in JAX: episodes never leave the device.

    It runs the control loop of `dfplan.agent.Agent` with the same plans and random keys, so an
    episode differs from the agent's only by rounding, which the dynamics may amplify. All episodes
    begin together and replan every `planner.config.replan_every` steps. Keep the object:
    it is hashable, and its program is compiled once per number of episodes and steps.

    Attributes:
        planner: Planner to follow.
        layout: Observation layout of the task, which bounds the actions.
        step: Dynamics, `step(states [B, S], actions [B, A]) -> states`: a pure function of JAX
            arrays.
        tracker: Tracking function of JAX arrays, if `planner.config.low_level_controller` is
            "tracker"; a parameter `xp` of it is set to `jax.numpy`.

    Raises:
        UserError: If the planner needs a tracker and it is missing, or the planner filters its
            observations, has a deadline or follows plans early.
    """

    planner: Planner
    layout: Layout
    step: Callable[[Array, Array], Array]
    tracker: Tracker | None = None

    def __post_init__(self):
        config = self.planner.config
        _check_unset("sensing.observation_noise", config.sensing.observation_noise, ())
        _check_unset("sensing.missing", config.sensing.missing, False)
        _check_unset("timing.near_tokens", config.timing.near_tokens, 0)
        _check_unset("timing.deadline_ms", config.timing.deadline_ms, -1)
        if config.low_level_controller == "tracker" and self.tracker is None:
            raise UserError(
                "planner.low_level_controller 'tracker' needs a tracker of JAX arrays, got None; "
                "valid without a tracker: inverse, diffused"
            )

    def drive(
        self,
        weights: Weights,
        seeds: Int[Array, "B"],
        states: Float[Array, "B S"],
        goals: Float[Array, "B G"] | None,
        *,
        length: int,
        apart: bool | None = None,
    ) -> Driven:
        """Drive for `length` control steps.

        Args:
            weights: Trained weights.
            seeds: PRNG seeds of the plans; an agent that is reset with them plans the same.
            states: First states, SI units.
            goals: Goals in SI units, or None.
            length: Control steps, L.
            apart: Whether episodes run one after the other, so that no plan waits for the longest
                of a batch. None does so on a CPU, which computes a batch no faster per episode.
        """
        apart = runs_apart() if apart is None else apart
        # The control loop and the tracker also run in NumPy, which broadcasts.
        with jax.numpy_rank_promotion("allow"):
            return self._compiled(weights, (seeds, states, goals), length=length, apart=apart)

    @functools.partial(jax.jit, static_argnames=("self", "length", "apart"))
    def _compiled(self, weights: Weights, episodes: Episodes, length: int, apart: bool) -> Driven:
        if not apart:
            return self._drive_batch(weights, episodes, length)

        def drive_one(episode: Episodes) -> Driven:
            batch_of_one = jax.tree.map(lambda a: a[None], episode)
            driven = self._drive_batch(weights, batch_of_one, length)
            return jax.tree.map(lambda a: a[0], driven)

        return jax.lax.map(drive_one, jax.tree.map(jnp.asarray, episodes))

    def _drive_batch(self, weights: Weights, episodes: Episodes, length: int) -> Driven:
        seeds, states, goals = episodes
        spec = LoopSpec.create(self.planner, weights, self.layout, tracker=self.tracker, xp=jnp)
        every_row = slice(None)
        replan_every = self.planner.config.replan_every

        def control_step(state: LoopState, _: None) -> tuple[LoopState, Driven]:
            action, state = loop.act(spec, state)
            reading = self.step(state.state, action)
            return loop.observe(spec, state, reading, goal=goals), Driven(reading, action)

        def plan_and_follow(state: LoopState, _: None, *, delay: int) -> tuple[LoopState, Driven]:
            inputs, state = replanning.plan_inputs(spec, state, every_row, delay=delay)
            plan = self._make_plans(weights, inputs)
            state = replanning.activate(spec, state, inputs, plan=plan)
            return jax.lax.scan(control_step, state, length=replan_every)

        state = loop.observe(spec, loop.init(spec, seeds), states, goal=goals)
        # The last plan is followed to its end as well; the surplus is cut off.
        plans = -(-length // replan_every)
        delay = self.planner.config.timing.inference_delay
        parts = []
        # The first plans commit nothing, as robots do not execute any before.
        for count, steps in ((1, 0), (plans - 1, delay)) if delay else ((plans, 0),):
            follow = functools.partial(plan_and_follow, delay=steps)
            state, part = jax.lax.scan(follow, state, length=count)
            parts.append(part)
        driven = jax.tree.map(lambda *rows: jnp.concatenate(rows), *parts)
        driven = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:])[:length], driven)
        visited = jnp.concatenate([states[None], driven.states])
        return Driven(visited.swapaxes(0, 1), driven.actions.swapaxes(0, 1))

    def _make_plans(self, weights: Weights, inputs: PlanInputs) -> Plan:
        keys = plan_keys(inputs.seeds, inputs.counts)

        def sample(mask: Bool[XpArray, "B"], initial_plan: InitialPlan | None) -> Plan:
            call = PlanCall(weights, keys, inputs.history, inputs.goal, initial_plan, inputs.prefix)
            plan = functools.partial(self.planner.plan, call)
            return jax.lax.cond(mask.any(), plan, lambda: inputs.active_plan)

        return replanning.make_plans(self.planner, inputs, sample, xp=jnp)


def _check_unset(name: str, value: object, unset: object) -> None:
    if value != unset:
        raise UserError(
            f"planner.{name} {value} works with an Agent only; valid in a closed loop: {unset}"
        )
