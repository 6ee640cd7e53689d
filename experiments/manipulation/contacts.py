"""Measure where plans take hold of the scene's drawer and window.

Each reference is a move of the data. The planner plans it from a state some steps before the
handle moves. Where the effector is at the last token before the handle moves is compared with
where the scripted policy takes hold of it on average, relative to the handle.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from dfplan.data.moves import Moves
from dfplan.data.trajectories import Trajectories
from dfplan.planner.call import PlanCall
from dfplan.planner.diffusion_planner import DiffusionPlanner
from dfplan.planner.plan import History
from dfplan.runs.data import load_data, moves_of
from dfplan.runs.run import Run, load_weights
from experiments.common.records import measure_once
from experiments.common.task_study import TaskStudy
from experiments.common.trained import Trained

EFFECTOR = slice(12, 15)
UNIT = 0.1
"""Meters per unit of a position in the state."""
REFERENCES = 64
"""Largest number of references of each kind."""
LEAD = (6, 24)
"""Range of the control steps from the first state of a plan to the handle's motion."""
TRAVEL = 1.5
"""Smallest distance of a reference's handle, in units of its dimension; about half the way."""
MOVED = 0.4
"""Distance from which on a handle counts as moved, in units of its dimension; about 2 cm."""
FAR = 0.04
"""Distance in meters at which the gripper misses a handle."""


@dataclasses.dataclass(frozen=True)
class Handle:
    """A handle that slides.

    Attributes:
        number: Number of the object.
        dim: State dimension of its position.
        axis: Axis along which it slides.
        scale: Units of its dimension per meter; negative if it falls along the axis.
        opening: Sign of its dimension's change when it opens.
    """

    number: int
    dim: int
    axis: int
    scale: float
    opening: int

    def offset(self, states: Float[np.ndarray, "T S"]) -> Float[np.ndarray, "3"] | None:
        """Return the effector's position relative to the handle before it moves, in meters.

        It is relative to a point that slides with the handle; None if the handle never moves.
        """
        position = states[:, self.dim]
        moved = np.flatnonzero(np.abs(position - position[0]) > MOVED)
        if not len(moved):
            return None
        token = max(moved[0] - 1, 0)
        offset = states[token, EFFECTOR] * UNIT
        offset[self.axis] -= position[token] / self.scale
        return offset


HANDLES = {
    "drawer": Handle(number=3, dim=36, axis=1, scale=-18.0, opening=-1),
    "window": Handle(number=4, dim=38, axis=0, scale=15.0, opening=1),
}


def measure_contacts(study: TaskStudy) -> None:
    """Measure all runs of the scene."""
    for name, seed in study.cases():
        if name.startswith("scene"):
            trained = study.load(name, seed)
            measure_once(
                study.result(name, seed, "contacts"),
                trained.request(study.task(name), range(REFERENCES)),
                functools.partial(contacts, trained),
            )


def contacts(trained: Trained) -> dict[str, Any]:
    """Return the distances for each handle and direction."""
    run = trained.run
    data = load_data(run)
    moves = moves_of(run, data)
    distances = {
        f"{verb} {name}": _distances(trained, data, moves, handle, sign * handle.opening)
        for name, handle in HANDLES.items()
        for verb, sign in (("open", 1), ("close", -1))
    }
    return {"contacts": distances}


def _distances(
    trained: Trained, data: Trajectories, moves: Moves, handle: Handle, sign: int
) -> dict[str, float]:
    """Return the distances of the data and of plans from where the data take hold, in meters.

    Args:
        trained: Trained run.
        data: Its dataset.
        moves: Moves of the dataset.
        handle: Handle.
        sign: Direction in which its dimension changes, 1 or -1.
    """
    run = trained.run
    rng = np.random.default_rng(0)
    chosen = _references(data, moves, handle, sign)
    chosen = rng.permutation(chosen)[:REFERENCES]
    lead = np.minimum(LEAD[1], (moves.first - moves.begin)[chosen] - LEAD[0] + 1)
    begin = moves.first[chosen] - rng.integers(LEAD[0], lead)
    end = np.minimum(moves.end + run.config.data.move_tail * run.config.data.stride, moves.last)
    end = end[chosen]
    rows = zip(begin, end, strict=True)
    stride = run.config.data.stride
    observed = _offsets([data.state[b : e + 1 : stride] for b, e in rows], handle)
    planned = _offsets(list(_plan(trained, data, handle, begin, end)), handle)
    mean = observed.mean(axis=0)
    distance = np.linalg.norm(planned - mean, axis=-1)
    return {
        "references": len(chosen),
        "plans_that_move_it": len(planned) / len(chosen),
        "data_median_m": float(np.median(np.linalg.norm(observed - mean, axis=-1))),
        "plan_median_m": float(np.median(distance)),
        "plan_beyond_4_cm": float(np.mean(distance > FAR)),
    }


def _references(
    data: Trajectories, moves: Moves, handle: Handle, sign: int
) -> Int[np.ndarray, "N"]:
    """Return the moves that slide this handle alone in this direction, with time to get there."""
    is_alone = moves.changes[:, handle.number] & (moves.changes.sum(axis=1) == 1)
    travel = data.state[moves.end, handle.dim] - data.state[moves.first, handle.dim]
    has_time = moves.first - moves.begin >= 2 * LEAD[0] + 2
    return np.flatnonzero(is_alone & (sign * travel > TRAVEL) & has_time)


def _plan(
    trained: Trained,
    data: Trajectories,
    handle: Handle,
    begin: Int[np.ndarray, "N"],
    end: Int[np.ndarray, "N"],
) -> Float[np.ndarray, "N T S"]:
    """Return the chosen plans from the rows `begin` to the goals at the rows `end`."""
    run: Run = trained.run
    config = run.config
    tokens = config.planner.history.tokens
    planner = DiffusionPlanner(run.model, config.planner, config.data.tokens - tokens)
    weights = load_weights(run, trained.directory)._replace(moves=None)
    hidden = np.asarray(run.states.mean)
    view = run.objects.view([handle.number], data.state.shape[1])
    back = config.data.stride * np.arange(tokens)[::-1]
    frames = view.show(data.state[begin[:, None] - back], hidden)[:, :, None]
    count = len(begin)
    action_dim = data.action.shape[1]
    history = History(
        frames=jnp.asarray(frames, jnp.float32),
        actions=jnp.zeros((count, tokens, config.data.stride, action_dim), jnp.float32),
        level=jnp.zeros((count, tokens), jnp.float32),
    )
    goal = jnp.asarray(view.show(data.state[end], hidden), jnp.float32)
    goal = goal[:, jnp.asarray(run.layout.goal_dims, jnp.int32)]
    keys = jax.random.split(jax.random.key(0), count)
    return np.asarray(planner.plan(PlanCall(weights, keys, history, goal)).states)


def _offsets(paths: list[np.ndarray], handle: Handle) -> Float[np.ndarray, "N 3"]:
    offsets = [handle.offset(states) for states in paths]
    return np.stack([offset for offset in offsets if offset is not None])
