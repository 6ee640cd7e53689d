"""export: a compiled planner as files, and its use with JAX and NumPy alone.

DIR/export.json    how observations become states, what a plan holds, settings, versions
DIR/weights.npz    arguments of the programs
DIR/plan-1.bin     the planner of one robot, StableHLO in `jax.export`'s format; plan-8.bin of eight
DIR/inverse-1.bin  inverse dynamics, where the run acts by them

`dfplan.export.write` writes them.
"""

import dataclasses
import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.export
import jax.numpy as jnp
import numpy as np

from dfplan.control.inputs import as_goals
from dfplan.representation.layout import Layout
from dfplan.types import Array, UserError, one_line

FORMAT = 1
ABOUT, WEIGHTS = "export.json", "weights.npz"
PLATFORMS = ("cpu", "cuda", "rocm", "tpu")

Program = Callable[..., Any]


def program_name(kind: str, batch: int) -> str:
    """File of a program for that many robots."""
    return f"{kind}-{batch}.bin"


class ExportedPlan(NamedTuple):
    """As `dfplan.planner.plan.Plan`, in NumPy arrays: SI units, control steps.

    Attributes:
        states: `[B, P+1, S]`, one every `stride` control steps, the present first.
        actions: `[B, P*stride, A]`, or None when plans hold no actions.
        arrival: `[B]` control steps to the goal; more than the plan has if it never arrives.
        candidates: `[B, N, P+1, S]`. cost: `[B, N]`. best: `[B]` index of the chosen one.
    """

    states: np.ndarray
    actions: np.ndarray | None
    arrival: np.ndarray
    candidates: np.ndarray
    cost: np.ndarray
    best: np.ndarray


@dataclasses.dataclass(frozen=True)
class ExportedPlanner:
    """A planner that was exported with settings, weights and batch sizes fixed.

        planner = dfplan.export.load("exported")
        plan = planner.plan(observation)

    Attributes:
        layout: how observations become states and goals.
        about: what export.json holds, among it `stride`, `horizon` and `planner`, the settings.
        weights: by name.
        plans, inverses: programs by the number of robots; `inverses` may be empty.
    """

    layout: Layout
    about: Mapping[str, Any]
    weights: Mapping[str, Array]
    plans: Mapping[int, Program]
    inverses: Mapping[int, Program]

    def plan(
        self, observation: Any, goal: np.ndarray | None = None, *, seed: int = 0, count: int = 0
    ) -> ExportedPlan:
        """Plan from one observation or a batch of them, with nothing known from before.

        It is the plan that an `Agent` with this seed makes right after `reset()`.

        Args:
            observation: as the environment gives it.
            goal: `[G]` or `[B, G]`, instead of the observation's own, or where it has none.
            seed: robot i of a batch plans with `seed + i`.
            count: plans made with this seed before.

        Raises:
            UserError: when shapes differ from the training data's, or the batch is too large.
        """
        state = np.atleast_2d(self.layout.state(observation))
        goal = self.layout.goal(observation) if goal is None else goal
        batch, tokens = len(state), self.about["history"]
        frames = np.broadcast_to(
            state[:, None, None], (batch, tokens, self.about["frames"], state.shape[1])
        )
        # Tokens before the first observation are missing, which is noise level 1.
        level = np.ones((batch, tokens), np.float32)
        level[:, -1] = self.about["planner"]["history"]["level"]
        actions = np.zeros((batch, tokens, self.about["stride"], self.layout.action_dim))
        return self.plan_history(frames, actions, level, goal, seed=seed, count=count)

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
        """Plan from observed tokens, oldest first, SI units.

        Args:
            frames: `[B, H, F, S]` states. actions: `[B, H, stride, A]`, the ones that led there.
            level: `[B, H]` noise level declared for each token; 1 marks it as missing.
            goal: `[G]` or `[B, G]`.
            seed, count: as `plan`.

        Raises:
            UserError: as `plan`.
        """
        batch = len(frames)
        keys = _keys(seed + np.arange(batch), np.full(batch, count))
        given = [keys, *(np.asarray(a, np.float32) for a in (frames, actions, level))]
        if self.layout.goal_dim:
            given.append(self._goals(goal, batch))
        elif goal is not None:
            raise UserError("a goal was given, but this planner was exported without goals")
        return ExportedPlan(**{"actions": None, **self._call(self.plans, given)})

    def inverse_action(self, state: np.ndarray, later: np.ndarray, gap: np.ndarray) -> np.ndarray:
        """Actions `[B, A]` from states `[B, S]` to later ones, `gap` `[B]` control steps ahead.

        Raises:
            UserError: when the planner does not act by inverse dynamics, or the batch is too large.
        """
        if not self.inverses:
            action = self.about["planner"]["low_level_controller"]
            raise UserError(f"this planner acts by {action!r}; it was exported without 'inverse'")
        given = [np.asarray(a, np.float32) for a in (state, later, gap)]
        return self.layout.clip_action(self._call(self.inverses, given)["action"])

    def _goals(self, goal: np.ndarray | None, batch: int) -> np.ndarray:
        if goal is None:
            raise UserError("this planner plans to a goal; give one")
        goals = as_goals(self.layout, goal, batch)
        assert goals is not None
        return goals

    def _call(self, programs: Mapping[int, Program], given: list[np.ndarray]) -> dict[str, Any]:
        """Run the smallest program that is large enough; no row depends on another."""
        batch = len(given[0])
        size = min((n for n in programs if n >= batch), default=None)
        if size is None or not batch:
            raise UserError(f"a batch of {batch}; valid: 1 to {max(programs)}, as exported")
        rows = np.minimum(np.arange(size), batch - 1)
        try:
            found = programs[size](self.weights, *(np.asarray(a)[rows] for a in given))
        except (TypeError, ValueError) as error:
            raise UserError(f"arguments do not fit the program: {one_line(error)}") from error
        return {name: np.asarray(array)[:batch] for name, array in found.items()}


def load(directory: Path | str) -> ExportedPlanner:
    """The planner that was exported into a directory.

    Raises:
        UserError: when there is none, it is damaged, or it is for other platforms than this one.
    """
    folder = Path(directory)
    if not (folder / ABOUT).is_file():
        raise UserError(f"{folder} holds no {ABOUT}; make one: dfplan export RUN --out {folder}")
    try:
        about = json.loads((folder / ABOUT).read_text())
        if about["format"] != FORMAT:
            raise UserError(f"{folder}: format {about['format']}; valid here: {FORMAT}")
        layout = Layout.from_dict(about["layout"])
        _check_platform(folder, about["platforms"])
        with np.load(folder / WEIGHTS, allow_pickle=False) as file:
            weights = {name: jnp.asarray(file[name]) for name in file.files}
        plans, inverses = (
            {n: _program(folder / program_name(kind, n)) for n in about["batch_sizes"]}
            if kind in about["programs"]
            else {}
            for kind in ("plan", "inverse")
        )
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise UserError(f"{folder} is damaged: {one_line(error)}") from error
    return ExportedPlanner(layout, about, weights, plans, inverses)


def _check_platform(folder: Path, platforms: list[str]) -> None:
    here = jax.export.default_export_platform()
    if here not in platforms:
        valid = ", ".join(platforms)
        raise UserError(f"{folder} was exported for {valid}, and JAX runs on {here} here")


def _program(path: Path) -> Program:
    try:
        return jax.jit(jax.export.deserialize(bytearray(path.read_bytes())).call)
    except struct.error as error:  # a file that ends too soon
        raise ValueError(f"{path.name}: {one_line(error)}") from error


@jax.jit
@jax.vmap
def _keys(seed: Array, count: Array) -> Array:
    """Raw key data: programs on disk take no typed keys."""
    return jax.random.key_data(jax.random.fold_in(jax.random.key(seed), count))
