"""Write imported rows as a Minari dataset, in the form that dfplan's layout reads."""

import dataclasses
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from dfplan.data.collect import atomic_dataset
from dfplan.data.importers.episodes import ColumnarEpisodes
from dfplan.types import UserError

QUIET = "(`(code_permalink|author_email|eval_env)` is set to None|env_spec is None)"
"""Minari asks for these; a file of another toolkit does not hold them."""
REPORT_EVERY = 100
ONE_ROW = "episodes of a single row hold no step and are left out: {}"


@dataclasses.dataclass(frozen=True)
class ImportResult:
    """What was written.

    Attributes:
        episodes, steps: how many.
        notes: what the user should know, a sentence each.
    """

    episodes: int
    steps: int
    notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class ImportOptions:
    """What the file does not say of its numbers.

    Attributes:
        goal_dims: places of the achieved goal in the observation; empty means the first ones.
        action_bounds: lowest and highest action, of every dimension; None leaves them open.
    """

    goal_dims: tuple[int, ...] = ()
    action_bounds: tuple[float, float] | None = None


def write_episodes(
    rows: ColumnarEpisodes,
    dataset_id: str,
    form: ImportOptions,
    description: str,
    progress: Callable[[int], None] | None = None,
) -> ImportResult:
    """Write a local Minari dataset; if that fails or is interrupted, none is left.

    With goals, observations are a Dict of observation, achieved_goal and desired_goal, else a Box.
    An episode's last step is terminated where the file says so, else truncated.

    Args:
        rows: what to write.
        dataset_id: Minari id; must be free.
        form: what the file does not say.
        description: kept in the dataset.
        progress: called now and then with the rows done so far.

    Raises:
        UserError: bad or taken dataset id, goal dimensions that do not fit, actions out of bounds,
            no steps.
    """
    import minari

    dims = _goal_dims(rows, form.goal_dims)
    observation_space = _observation_space(rows, dims)
    action_space = _action_space(rows, form.action_bounds)
    steps = rows.length - (rows.final is None)
    if not steps.any():
        raise UserError(f"{rows.where}: no episode holds a step; needed: two rows or more in one")
    with warnings.catch_warnings(), atomic_dataset(dataset_id):
        warnings.filterwarnings("ignore", message=QUIET)
        buffers: Any = _buffers(rows, dims, progress or (lambda done: None))
        minari.create_dataset_from_buffers(
            dataset_id,
            buffer=buffers,  # its type asks for a list; any iterable will do
            observation_space=observation_space,
            action_space=action_space,
            algorithm_name="imported",
            author="dfplan",
            description=description,
        )
    notes = rows.notes + ((ONE_ROW.format((steps == 0).sum()),) if (steps == 0).any() else ())
    if dims:
        notes += (f"achieved goal: dimensions {', '.join(map(str, dims))} of the observation",)
    return ImportResult(int((steps > 0).sum()), int(steps.sum()), notes)


def _goal_dims(rows: ColumnarEpisodes, given: tuple[int, ...]) -> tuple[int, ...]:
    size = rows.observation.shape[1]
    if rows.goal is None:
        if given:
            raise UserError(f"{rows.where} has no goals for --goal-dims; name their column: --goal")
        return ()
    goal = rows.goal.shape[1]
    dims = given or tuple(range(goal))
    if len(dims) != goal or len(set(dims)) != goal or not all(0 <= d < size for d in dims):
        raise UserError(
            f"goal dimensions {dims} do not fit {rows.where}: needed {goal} different ones of "
            f"0 to {size - 1}"
        )
    return dims


def _box(array: np.ndarray, low: float = -np.inf, high: float = np.inf):
    from gymnasium import spaces

    return spaces.Box(low, high, array.shape[1:], array.dtype.type)


def _observation_space(rows: ColumnarEpisodes, dims: tuple[int, ...]):
    from gymnasium import spaces

    box = _box(rows.observation)
    if rows.goal is None:
        return box
    achieved = _box(rows.observation[:, list(dims)])
    return spaces.Dict(
        {"observation": box, "achieved_goal": achieved, "desired_goal": _box(rows.goal)}
    )


def _action_space(rows: ColumnarEpisodes, bounds: tuple[float, float] | None):
    if bounds is None:
        return _box(rows.action)
    low, high = bounds
    if not -np.inf < low < high < np.inf:
        raise UserError(f"--action-bounds {low:g} {high:g} are no bounds; needed: LOW < HIGH")
    out = ((rows.action < low) | (rows.action > high)) & rows.used[:, None]
    if out.any():
        row, dim = map(int, np.argwhere(out)[0])
        raise UserError(
            f"{rows.where}: action {dim} of row {row} is {rows.action[row, dim]:g}, out of "
            f"--action-bounds {low:g} {high:g}; all lie in {rows.action[rows.used].min():g} to "
            f"{rows.action[rows.used].max():g}"
        )
    return _box(rows.action, low, high)


def _buffers(
    rows: ColumnarEpisodes, dims: tuple[int, ...], progress: Callable[[int], None]
) -> Iterator[Any]:
    from minari.data_collector import EpisodeBuffer

    done, written = 0, 0
    for episode, n in enumerate(rows.length.tolist()):
        here, done = slice(done, done + n), done + n
        steps = n - (rows.final is None)
        if not steps:
            continue
        over = np.zeros(steps, bool)
        over[-1] = True
        ended = bool(rows.terminated[episode])
        # Minari's types ask for lists, its storage takes arrays, and much faster.
        arrays: dict[str, Any] = {
            "observations": _observations(rows, episode, here, dims),
            "actions": rows.action[here][:steps],
            "rewards": rows.reward[here][:steps],
            "terminations": over & ended,
            "truncations": over & (not ended),
        }
        yield EpisodeBuffer(id=written, **arrays)
        written += 1
        if written % REPORT_EVERY == 0 or done == len(rows.action):
            progress(done)


def _observations(rows: ColumnarEpisodes, episode: int, here: slice, dims: tuple[int, ...]) -> Any:
    observation, goal = rows.observation[here], rows.goal
    if rows.final is not None:
        observation = np.append(observation, rows.final[episode][None], axis=0)
    if goal is None:
        return observation
    desired = goal[here]
    if rows.final is not None:  # the goal in force at the last action
        desired = np.append(desired, desired[-1:], axis=0)
    return {
        "observation": observation,
        "achieved_goal": observation[:, list(dims)],
        "desired_goal": desired,
    }
