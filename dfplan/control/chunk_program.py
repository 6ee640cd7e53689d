"""ChunkProgram: chunks by one compiled program, with no Python between control steps.

Threads that make chunks in Python take turns, however many cores there are: Python's interpreter
lock lets one of them run. A compiled program does not hold the lock.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from dfplan.control.chunk import (
    ChunkStart,
    continue_plans,
    expected_states,
    later_actions,
    planned_states,
)
from dfplan.control.linear_dynamics import LinearDynamics
from dfplan.control.loop_state import LoopSpec
from dfplan.planner.plan import Weights
from dfplan.planner.protocol import Planner
from dfplan.representation.layout import Layout
from dfplan.types import Array, Tracker


class ChunkProgram:
    """A `ChunkMaker` that does what `continue_plans` does, up to rounding.

    Trackers compare distances, so that rounding may change their decisions. The program therefore
    computes in float64 where NumPy does. It runs on the CPU, also beside an accelerator, which
    would take longer to start than to compute.

    Args:
        planner: Planner whose plans are followed.
        weights: Trained weights.
        layout: Observation layout.
        capacity: Longest chunk that the program makes; longer ones are made in NumPy.
        tracker: Tracking function with a parameter `xp`, for the controller "tracker".
        dynamics: Dynamics fitted to the data, or None.

    Raises:
        UserError: See `LoopSpec.create`.
    """

    def __init__(
        self,
        planner: Planner,
        weights: Weights,
        layout: Layout,
        *,
        capacity: int,
        tracker: Tracker | None = None,
        dynamics: LinearDynamics | None = None,
    ):
        self.capacity = capacity
        self._cpu = jax.devices("cpu")[0]
        with jax.enable_x64(True), jax.default_device(self._cpu):
            self._spec = LoopSpec.create(
                planner,
                jax.tree.map(np.asarray, weights),
                layout,
                tracker=tracker,
                dynamics=dynamics,
                xp=jnp,
            )
            self._program = jax.jit(self._continue_plans)

    def __call__(
        self, spec: LoopSpec, start: ChunkStart, length: int
    ) -> tuple[Float[np.ndarray, "B L A"], Float[np.ndarray, "B L S"]]:
        """See `ChunkMaker`."""
        if not 1 < length <= self.capacity:
            return continue_plans(spec, start, length)
        with (
            jax.enable_x64(True),
            jax.numpy_rank_promotion("allow"),  # as in NumPy, whatever the user has set
            jax.default_device(self._cpu),
        ):
            actions, states, is_finite = self._program(start, np.int32(length))
        actions = np.asarray(actions)[:, :length]
        if not is_finite:
            return continue_plans(spec, start, length)  # which names the number
        return actions, np.asarray(states)[:, :length]

    def _continue_plans(
        self, start: ChunkStart, length: Int[Array, ""]
    ) -> tuple[Float[Array, "B L A"], Float[Array, "B L S"], Bool[Array, ""]]:
        """Return actions, states, and whether all actions are finite; see `continue_plans`."""
        spec = self._spec
        planned = planned_states(spec, start, self.capacity - 1)

        def follow(step, carry):
            present, action, actions, states, is_finite = carry
            expected = expected_states(spec, planned[:, step], present, action)
            present = jnp.where(jnp.isnan(expected), present, expected)
            action = later_actions(spec, start, present, step)
            is_finite &= jnp.isfinite(action).all()
            action = spec.layout.clip_action(action, jnp)
            actions = actions.at[:, step + 1].set(action)
            return present, action, actions, states.at[:, step + 1].set(expected), is_finite

        def first(row: Array) -> Array:
            return jnp.zeros((len(row), self.capacity, row.shape[1]), row.dtype).at[:, 0].set(row)

        present = jnp.asarray(start.state)
        action = jnp.asarray(start.action)
        carry = (present, action, first(action), first(present), jnp.bool_(True))
        carry = jax.lax.fori_loop(0, length - 1, follow, carry)
        return carry[2:]
