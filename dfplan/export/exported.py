"""An exported planner: compiled programs in files, which need JAX and NumPy alone.

DIR/export.json    observation layout, contents of a plan, settings, versions, checksums
DIR/weights.npz    arguments of the programs
DIR/plan-1.bin     planner for one robot, StableHLO in `jax.export`'s format; plan-8.bin for eight
DIR/action-1.bin   low-level policy or inverse dynamics, if the run acts by one of them

`dfplan.export.write` writes them, and `dfplan.export.read` reads them.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.control.inputs import as_goals, as_seeds, check_actions, screen_states
from dfplan.control.plausible_range import PlausibleRange
from dfplan.representation.flatten import as_numbers
from dfplan.representation.layout import Layout
from dfplan.representation.normalizer import Normalizer
from dfplan.types import Array, UserError, one_line

FORMAT = 1
METADATA = "export.json"
WEIGHTS = "weights.npz"
PLATFORMS = ("cpu", "cuda", "rocm", "tpu")

Program = Callable[..., Any]


def program_name(kind: str, batch: int) -> str:
    """Return the file name of a program for a batch of that many robots."""
    return f"{kind}-{batch}.bin"


def argument_shapes(
    kind: str, batch: int, metadata: Mapping[str, Any], layout: Layout
) -> list[jax.ShapeDtypeStruct]:
    """Return the shapes of a program's arguments after the weights.

    Those of "plan" are raw key data, frames, actions, levels and, if there are goals, the goal;
    those of "action" are states, later states, and the control steps between the two.

    Args:
        kind: "plan" or "action".
        batch: Number of robots.
        metadata: Contents of export.json.
        layout: Layout of the observations.
    """
    state = (batch, layout.state_dim)
    if kind == "action":
        return [_floats(*state), _floats(*state), _floats(batch)]
    tokens = (batch, metadata["history"])
    shapes = [
        jax.ShapeDtypeStruct((batch, 2), jnp.uint32),
        _floats(*tokens, metadata["frames"], layout.state_dim),
        _floats(*tokens, metadata["stride"], layout.action_dim),
        _floats(*tokens),
    ]
    return shapes + ([_floats(batch, layout.goal_dim)] if layout.goal_dim else [])


def _floats(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def file_checksum(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class ExportedPlan(NamedTuple):
    """A `dfplan.planner.plan.Plan` in NumPy arrays, in SI units and control steps.

    Attributes:
        states: `[B, P+1, S]`, one every `stride` control steps, the present first.
        actions: `[B, P*stride, A]`, or None if plans hold no actions.
        arrival: `[B]` control steps to the goal; more than the length of the plan if it never
            arrives.
        candidates: `[B, N, P+1, S]` candidate plans.
        cost: `[B, N]` cost of each candidate.
        best: `[B]` index of the chosen candidate.
    """

    states: np.ndarray
    actions: np.ndarray | None
    arrival: np.ndarray
    candidates: np.ndarray
    cost: np.ndarray
    best: np.ndarray


RESULTS = {"plan": ExportedPlan._fields, "action": ("action",)}
"""Names of the arrays that a program returns, by kind."""
OPTIONAL = frozenset({"actions"})
"""Those that a program may leave out."""


@dataclasses.dataclass(frozen=True)
class ExportedPlanner:
    """A planner whose settings, weights and batch sizes are fixed.

        planner = dfplan.export.load("exported")
        plan = planner.plan(observation)

    Attributes:
        layout: Conversion of observations to states and goals.
        metadata: Contents of export.json, among them `stride`, `horizon` and the settings in
            `planner`.
        weights: Weights by name.
        plans: Planning programs by batch size.
        actions: Programs of the low-level controller by batch size; empty unless it is the
            low-level policy or inverse dynamics.
    """

    layout: Layout
    metadata: Mapping[str, Any]
    weights: Mapping[str, Array]
    plans: Mapping[int, Program]
    actions: Mapping[int, Program]

    def plan(
        self, observation: Any, goal: np.ndarray | None = None, *, seed: int = 0, count: int = 0
    ) -> ExportedPlan:
        """Plan from one observation or a batch of observations, without earlier history.

        The plan equals the first one that an `Agent` with this seed makes after `reset()`.

        Args:
            observation: Observation as the environment returns it.
            goal: `[G]` or `[B, G]`; overrides the observation's own goal.
            seed: PRNG seed; robot i of a batch plans with `seed + i`.
            count: Number of plans made with this seed before.

        Returns:
            The plans.

        Raises:
            UserError: If shapes differ from the training data's, the batch is too large, or a
                number is NaN or an outlier.
        """
        state = np.atleast_2d(self.layout.state(observation))
        screen_states(self._state_range, self.layout.to_local(state), missing=False, hint="")
        goal = self.layout.goal(observation) if goal is None else goal
        batch = len(state)
        tokens = self.metadata["history"]
        frames = np.broadcast_to(
            state[:, None, None], (batch, tokens, self.metadata["frames"], state.shape[1])
        )
        # Tokens before the first observation are missing, which is noise level 1.
        level = np.ones((batch, tokens), np.float32)
        level[:, -1] = self.metadata["planner"]["history"]["level"]
        actions = np.zeros((batch, tokens, self.metadata["stride"], self.layout.action_dim))
        return self.plan_history(frames, actions, level, goal=goal, seed=seed, count=count)

    def plan_history(
        self,
        frames: np.ndarray,
        actions: np.ndarray,
        level: np.ndarray,
        goal: np.ndarray | None = None,
        *,
        seed: int = 0,
        count: int = 0,
    ) -> ExportedPlan:
        """Plan from observed tokens, oldest first, in SI units and the dataset's coordinates.

        Args:
            frames: `[B, H, F, S]` states.
            actions: `[B, H, stride, A]` actions that led to them.
            level: `[B, H]` noise level of each token; 1 marks it as missing.
            goal: `[G]` or `[B, G]`.
            seed: See `plan`.
            count: See `plan`.

        Returns:
            The plans.

        Raises:
            UserError: See `plan`.
        """
        frames = _as_rows("frames", frames, dtype=None)
        batch = len(frames)
        arguments = [np.asarray(_make_keys(as_seeds(seed, batch), np.full(batch, count)))]
        arguments.append(self.layout.to_local(frames))
        arguments += [_as_rows("actions", actions), _as_rows("level", level)]
        if self.layout.goal_dim:
            arguments.append(self._broadcast_goal(goal, batch))
        elif goal is not None:
            raise UserError("a goal was given, but this planner was exported without goals")
        plan = ExportedPlan(**{"actions": None, **self._call(self.plans, arguments)})
        return plan._replace(
            states=self.layout.to_global(plan.states),
            candidates=self.layout.to_global(plan.candidates),
        )

    def action(self, state: np.ndarray, later: np.ndarray, gap: np.ndarray) -> np.ndarray:
        """Return the actions `[B, ...]` from states toward later states, in the environment's form.

        The run's low-level policy or inverse dynamics computes them.

        Args:
            state: `[B, S]` states.
            later: `[B, S]` states to reach.
            gap: `[B]` control steps between the two.

        Raises:
            UserError: If the planner has neither, the batch is too large, or shapes do not fit.
        """
        if not self.actions:
            controller = self.metadata["planner"]["low_level_controller"]
            raise UserError(
                f"the low-level controller {controller!r} of this planner is not exported; "
                "valid: 'policy' and 'inverse'"
            )
        state = _as_rows("state", state, dtype=None)
        later = _as_rows("later", later, dtype=None)
        gap = _as_rows("gap", gap)
        shapes = np.shape(state), np.shape(later), np.shape(gap)
        batch = shapes[0][:1]
        size = self.layout.state_dim
        if not batch or shapes != ((*batch, size), (*batch, size), batch):
            raise UserError(
                f"state, later and gap have shapes {shapes[0]}, {shapes[1]} and {shapes[2]}; "
                f"valid: [B, {size}], [B, {size}] and [B]"
            )
        arguments = [self.layout.to_local(array) for array in (state, later)]
        arguments.append(gap)
        action = self._call(self.actions, arguments)["action"]
        needed = (len(action), self.layout.action_dim)
        check_actions("the exported low-level controller", action, needed=needed)
        return self.layout.env_action(action)

    def _broadcast_goal(self, goal: np.ndarray | None, batch: int) -> np.ndarray:
        if goal is None:
            raise UserError(
                f"this planner needs a goal of {self.layout.goal_dim} numbers, got None"
            )
        goals = as_goals(self.layout, self._state_range, goal, batch)
        assert goals is not None
        return goals

    @functools.cached_property
    def _state_range(self) -> PlausibleRange:
        states = Normalizer(self.weights["states/mean"], self.weights["states/std"])
        return PlausibleRange.of(states, self.layout.origin)

    def _call(
        self, programs: Mapping[int, Program], arguments: list[np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Run the smallest program that is large enough; rows do not depend on each other."""
        batch = len(arguments[0])
        for array in arguments:
            if array.shape[:1] != (batch,):
                raise UserError(
                    f"arguments of {batch} robots hold an array of shape {array.shape}; needed: "
                    f"{batch} rows"
                )
        size = min((n for n in programs if n >= batch), default=None)
        if size is None or not batch:
            raise UserError(f"a batch of {batch}; valid: 1 to {max(programs)}, as exported")
        rows = np.minimum(np.arange(size), batch - 1)
        try:
            result = programs[size](self.weights, *(array[rows] for array in arguments))
        except (TypeError, ValueError, jax.errors.JaxRuntimeError) as error:
            raise UserError(f"arguments do not fit the program: {one_line(error)}") from error
        return {name: np.asarray(array)[:batch] for name, array in result.items()}


def _as_rows(name: str, value: Any, dtype: Any = np.float32) -> np.ndarray:
    """Return an argument as an array with a row per robot; None keeps float64."""
    return np.atleast_1d(as_numbers(value, name, dtype))


@jax.jit
@jax.vmap
def _make_keys(seed: Array, count: Array) -> Array:
    """Return raw key data: programs on disk take no typed keys."""
    return jax.random.key_data(jax.random.fold_in(jax.random.key(seed), count))
