"""ClosedLoop: many episodes that plan, follow and move in one compiled program."""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float, Int

from dfplan.control.batch import plan_keys, runs_apart
from dfplan.control.history_buffer import history_indices
from dfplan.control.low_level import LowLevelController, make_low_level_controller
from dfplan.planner.plan import History, Plan, Weights
from dfplan.planner.protocol import Planner
from dfplan.planner.progress import PlanProgress
from dfplan.planner.warm_start import is_usable, make_initial_plan
from dfplan.representation.layout import Layout
from dfplan.types import Array, ArrayLike, Tracker, UserError

Episodes = tuple[Array, Array, Array | None]
"""Seeds, first states and goals."""


class Driven(NamedTuple):
    """What `B` robots did for `L` control steps; SI units.

    Attributes:
        states: `[B, L+1, S]`, the first one given. actions: `[B, L, A]`.
    """

    states: Float[Array, "B L S"]
    actions: Float[Array, "B L A"]


class _Record(NamedTuple):
    """The last states and actions of `B` robots, as far back as a plan looks, and their age."""

    states: Float[Array, "B R S"]
    actions: Float[Array, "B R A"]
    age: Int[Array, ""]


@dataclasses.dataclass(frozen=True)
class ClosedLoop:
    """An agent and its robots' dynamics, both in JAX: episodes never leave the device.

    Plans, their random keys and the way that they are followed are `dfplan.agent.Agent`'s, so an
    episode differs from the agent's by rounding, and by what dynamics make of that. All episodes
    begin together and plan every `planner.config.replan_every` steps. Hashable: keep one, as its
    program is compiled once for each number of episodes and steps.

    Attributes:
        planner: the planner.
        layout: of the task; bounds the actions.
        step: `step(states [B, S], actions [B, A]) -> states`, a pure function of JAX arrays.
        tracker: follows plans of states, when `planner.config.low_level_controller` is "tracker"; of JAX arrays.

    Raises:
        UserError: when the planner needs a tracker and there is none, or goes on while it plans
            or filters what it observes.
    """

    planner: Planner
    layout: Layout
    step: Callable[[Array, Array], Array]
    tracker: Tracker | None = None

    def __post_init__(self):
        config = self.planner.config
        settings = {
            "sensing.observation_noise": (config.sensing.observation_noise, ()),
            "sensing.missing": (config.sensing.missing, False),
            "timing.latency_steps": (config.timing.latency_steps, 0),
            "timing.deadline_ms": (config.timing.deadline_ms, -1),
        }
        for name, (value, valid) in settings.items():
            if value != valid:
                raise UserError(
                    f"planner.{name} {value} works with an Agent alone; valid in a closed loop: "
                    f"{valid}"
                )
        if config.low_level_controller == "tracker" and self.tracker is None:
            raise UserError(
                "planner.low_level_controller 'tracker' needs a tracker of JAX arrays; give one"
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
            weights: of the planner.
            seeds: of the plans; an agent that is reset with them plans the same.
            states: where the robots begin.
            goals: where to; None for nowhere in particular.
            length: L.
            apart: one episode after the other, so that no plan waits for the longest of a batch.
                None does so on a CPU, which computes a batch no faster per episode.
        """
        apart = runs_apart() if apart is None else apart
        return self._compiled(weights, (seeds, states, goals), length, apart)

    @functools.partial(jax.jit, static_argnames=("self", "length", "apart"))
    def _compiled(self, weights: Weights, episodes: Episodes, length: int, apart: bool) -> Driven:
        if not apart:
            return self._together(weights, episodes, length)

        def one(episode: Episodes) -> Driven:
            single = jax.tree.map(lambda a: a[None], episode)
            return jax.tree.map(lambda a: a[0], self._together(weights, single, length))

        return jax.lax.map(one, jax.tree.map(jnp.asarray, episodes))

    def _together(self, weights: Weights, episodes: Episodes, length: int) -> Driven:
        seeds, states, goals = episodes
        every = self.planner.config.replan_every
        follow = make_low_level_controller(self.planner, weights, self.tracker, jnp)

        def block(carry: tuple[_Record, Plan], count: Array) -> tuple[tuple[_Record, Plan], Driven]:
            record, last = carry
            plan = self._plan(weights, seeds, count, self._history(record), goals, last)
            move = functools.partial(self._move, follow, plan.states, plan.actions, goals)
            record, driven = jax.lax.scan(move, record, jnp.arange(every))
            return (record, plan), driven

        # The last plan is driven to its end too, which is then cut off.
        blocks = jnp.arange(-(-length // every))
        record = self._record(states)
        make = functools.partial(self.planner.plan, weights, plan_keys(seeds, seeds))
        shapes = jax.eval_shape(make, self._history(record), goals)
        none = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        _, driven = jax.lax.scan(block, (record, none), blocks)
        driven = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:])[:length], driven)
        passed = jnp.concatenate([states[None], driven.states])
        return Driven(passed.swapaxes(0, 1), driven.actions.swapaxes(0, 1))

    def _plan(
        self,
        weights: Weights,
        seeds: Array,
        count: Array,
        history: History,
        goals: Array | None,
        last: Plan,
    ) -> Plan:
        """The plans number `count`, after the `last`: as the agent, from what is left of those."""
        keys = plan_keys(seeds, jnp.full_like(seeds, count))
        anew = functools.partial(self.planner.plan, weights, keys, history, goals)
        config, model = self.planner.config, self.planner.model
        if not config.warm_start.level:
            return anew()
        progress = PlanProgress(model.layout, weights.states, jnp)
        elapsed, present = jnp.full(len(seeds), config.replan_every), history.frames[:, -1, -1]
        initial_plan, warm = make_initial_plan(
            progress, model.schedule, config, last, elapsed, present
        )
        warm &= count > 0
        begun = jax.lax.cond(warm.any(), lambda: anew(initial_plan=initial_plan), lambda: last)
        warm &= is_usable(begun, config, progress.stride)
        made = jax.lax.cond(warm.all(), lambda: begun, anew)
        return jax.vmap(_choose)(warm, begun, made)

    def _move(
        self,
        follow: LowLevelController,
        planned: ArrayLike,
        actions: ArrayLike | None,
        goals: Array | None,
        record: _Record,
        elapsed: Array,
    ) -> tuple[_Record, Driven]:
        """One control step along plans that began `elapsed` steps ago."""
        state = record.states[:, -1]
        age = jnp.full(len(state), elapsed)
        action = follow(planned, actions, age, state, goals)
        action = self.layout.clip_action(action, jnp)
        state = self.step(state, action)
        return _after(record, state, action), Driven(state, action)

    def _record(self, states: Array) -> _Record:
        """Of robots at their episodes' first states, which stand still before that."""
        layout, config = self.planner.model.layout, self.planner.config
        back = (config.history.tokens - 1) * layout.stride
        past = jnp.repeat(states[:, None], back + layout.frame_count, axis=1)
        still = jnp.zeros((len(states), back + layout.stride, layout.action_dim))
        return _Record(past, still, jnp.int32(0))

    def _history(self, record: _Record) -> History:
        """History tokens; those before their episode are missing."""
        layout, config = self.planner.model.layout, self.planner.config
        frames, actions = history_indices(layout, config.history.tokens)
        seen = record.age + frames[:, -1] + 1 >= 0
        level = jnp.where(seen, config.history.level, 1.0)
        level = jnp.broadcast_to(level, (len(record.states), config.history.tokens))
        return History(record.states[:, frames], record.actions[:, actions], level)


def _choose(first: ArrayLike, one: Plan, other: Plan) -> Plan:
    return jax.tree.map(functools.partial(jnp.where, first), one, other)


def _after(record: _Record, state: Array, action: Array) -> _Record:
    """The record a step later."""

    def push(kept: Array, new: Array) -> Array:
        return jnp.concatenate([kept[:, 1:], new[:, None]], axis=1)

    return _Record(push(record.states, state), push(record.actions, action), record.age + 1)
