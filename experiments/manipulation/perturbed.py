"""Success while objects are seen badly or not at all, or are moved by somebody else.

The robot sees itself without errors. Each planner plays the same episodes under every condition,
and under those of the sensors twice: as it is, and with the settings that declare the condition.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from dfplan.evaluation.bootstrap import interval
from dfplan.evaluation.play import BatchAgent
from dfplan.tasks.load import checkpoint_folder
from dfplan.tasks.perturb import parse_perturbation, perturbed
from dfplan.tasks.registry import Task
from experiments.common.hold_last import HoldLast
from experiments.common.markdown import EMPTY, cell, table
from experiments.common.protocol_episodes import play_episodes, score
from experiments.common.records import measure_once, read
from experiments.common.task_study import TaskStudy
from experiments.common.trained import Trained
from experiments.manipulation.evaluate import NUM_ENVS
from experiments.manipulation.moved import MovedCube

LAST_STEP = {"cube-single-play": 20, "cube-double-play": 60}
"""Tasks, and the latest control step that is drawn for the move of a cube."""
EPISODES = 50
"""Episodes of each condition, 10 per task of the environment."""
NOISE = 0.1
"""Standard deviation of the noise on a position: 1 cm, in tenths of a meter as in the state."""
XYZ = 3
"""A cube's part of the state begins with its position."""

Values = tuple[float, ...]
"""A number for each dimension of the state."""


def positions(task: Task, dim: int, value: float) -> Values:
    """Return a value for the cubes' positions, and 0 for the rest of the state."""
    return _values(dim, value, [cube[:XYZ] for cube in task.objects[0]])


def poses(task: Task, dim: int, value: float) -> Values:
    """Return a value for everything that is observed of the cubes, and 0 for the arm."""
    return _values(dim, value, task.objects[0])


def _values(dim: int, value: float, parts: Any) -> Values:
    dims = {d for part in parts for d in part}
    return tuple(value if d in dims else 0.0 for d in range(dim))


@dataclasses.dataclass(frozen=True)
class Condition:
    """A row of the table.

    Attributes:
        label: Row label.
        sensor: Name of the perturbation of the sensors; empty for none.
        value: Its value.
        of: Function of a task, the length of its state and the value that returns the value for
            each dimension of the state.
        options: Further options of the perturbation.
        declare: Function of the values for each dimension that returns the planner settings that
            declare them; None if there are no such settings.
        moves_cube: Whether a cube is moved by hand.
    """

    label: str
    sensor: str = ""
    value: float = 0.0
    of: Callable[[Task, int, float], Values] = poses
    options: str = ""
    declare: Callable[[Values], Mapping[str, Any]] | None = None
    moves_cube: bool = False

    def perturbation(self, task: Task, dim: int) -> str:
        """Return the perturbation as on the command line; empty if there is none."""
        if not self.sensor:
            return ""
        values = ",".join(f"{value:g}" for value in self.of(task, dim, self.value))
        return f"{self.sensor}={values}{self.options}"

    def declared(self, task: Task, dim: int) -> Mapping[str, Any] | None:
        """Return the planner settings that declare the condition, if there are any."""
        return None if self.declare is None else self.declare(self.of(task, dim, self.value))


def _missing(values: Values) -> Mapping[str, Any]:
    return {"sensing.missing": True}


CONDITIONS = {
    "clean": Condition("no perturbation"),
    "noise": Condition(
        "noise of 1 cm on the cubes' positions",
        sensor="obs_noise",
        value=NOISE,
        of=positions,
        declare=lambda values: {"sensing.observation_noise": values},
    ),
    "dropout": Condition(
        "cubes missing in half of all observations",
        sensor="obs_dropout",
        value=0.5,
        declare=_missing,
    ),
    "occlusion": Condition(
        "cubes hidden for 1 s of every 2 s",
        sensor="obs_burst",
        value=20,
        options=",period=40",
        declare=_missing,
    ),
    "moved": Condition("a cube moved by 5 to 10 cm", moves_cube=True),
}
METHODS = {"dfplan": "not declared", "declared": "declared"}
"""Methods, and their column titles."""


class Method(NamedTuple):
    """A planner under a condition.

    Attributes:
        name: Key of `METHODS`.
        trained: Planner with its settings.
        holds: Whether it sees the last observed numbers instead of missing ones.
    """

    name: str
    trained: Trained
    holds: bool

    def agent(self) -> BatchAgent:
        """Return the agent."""
        agent = self.trained.agent()
        return HoldLast(agent) if self.holds else agent


def perturb(study: TaskStudy) -> None:
    """Evaluate the planners that ship under each condition; skips finished work."""
    seeds = study.evaluation[:EPISODES]
    for name in study.names:
        if name not in LAST_STEP:
            continue
        task = study.task(name)
        trained = Trained.load(checkpoint_folder(task))
        dim = trained.run.layout.state_dim
        for key, condition in CONDITIONS.items():
            text = condition.perturbation(task, dim)
            last_step = LAST_STEP[name] if condition.moves_cube else 0
            for method in _methods(trained, task, condition):
                measure_once(
                    study.result(f"{name}-{key}-{method.name}", 0, "perturbed"),
                    {
                        **method.trained.request(task, seeds),
                        "perturb": text,
                        "last_step_of_move": last_step,
                    },
                    functools.partial(
                        _measure, method, task, seeds, text=text, last_step=last_step
                    ),
                )


def _methods(trained: Trained, task: Task, condition: Condition) -> Iterator[Method]:
    """Yield the planners that are evaluated under a condition."""
    yield Method("dfplan", trained, holds=True)
    settings = condition.declared(task, trained.run.layout.state_dim)
    if settings is not None:
        told = dataclasses.replace(trained, run=trained.run.with_planner(settings))
        yield Method("declared", told, holds=False)


def _measure(
    method: Method, task: Task, seeds: range, *, text: str, last_step: int
) -> dict[str, Any]:
    """Return the scores of a planner, and the number of episodes in which a cube was moved."""
    perturbations = [parse_perturbation(text)] if text else []
    hands: list[MovedCube] = []

    def wrap(env: Any) -> Any:
        if last_step:
            env = MovedCube(env, last_step)
            hands.append(env)
        return perturbed(env, perturbations)

    layout = method.trained.run.layout
    episodes = play_episodes(method.agent(), layout, task, seeds, num_envs=NUM_ENVS, wrap=wrap)
    return {**score(episodes, task), "moved": sum(hand.episodes_moved for hand in hands)}


def render(study: TaskStudy) -> str:
    """Return the table of successes."""
    rows = []
    for name in study.names:
        for key, condition in CONDITIONS.items():
            cells = [_cell(study, name, key, method) for method in METHODS]
            if set(cells) != {EMPTY}:
                rows.append([name, condition.label, *cells])
    return table(["success, %", "condition", *METHODS.values()], rows, text=(0, 1))


def _cell(study: TaskStudy, name: str, key: str, method: str) -> str:
    """Return the share of successful episodes with its interval, or a dash if not measured."""
    record = read(study.result(f"{name}-{key}-{method}", 0, "perturbed"))
    if record is None:
        return EMPTY
    return cell(interval(100 * np.array(record["per_episode"]["success_rate"])))
