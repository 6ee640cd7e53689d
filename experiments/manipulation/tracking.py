"""How well cubes are located in the data while readings of them are noisy or missing."""

import dataclasses
import functools
import itertools
from typing import Any

import numpy as np

from dfplan.control.estimator import StateEstimator
from dfplan.data.trajectories import Trajectories
from dfplan.runs.data import load_data
from dfplan.runs.fit import get_dynamics
from dfplan.runs.run import load_weights
from dfplan.tasks.load import checkpoint_folder
from dfplan.tasks.registry import Task
from experiments.common.markdown import number, table
from experiments.common.records import measure_once, read
from experiments.common.task_study import TaskStudy
from experiments.common.trained import Trained
from experiments.manipulation.perturbed import LAST_STEP, NOISE, XYZ, positions

EPISODES = 20
"""Episodes of the data, the last ones."""
STEPS = 500
HIDDEN = 20
"""Control steps in which cubes are hidden, after as many in which they are seen."""
CARRIED = 0.1
"""Change of a position in a control step, in tenths of a meter, of a cube that is carried."""
RESTS = 0.01
"""Largest change of a cube at rest."""
UNIT = 0.1
"""Meters per unit of a position in the state."""
SEED = 0
MODELS = {"linear": "linear dynamics", "tracked": "object filters"}
"""Ways to estimate, and their column titles."""
CASES = {
    ("noise", "rest"): "noise of 1 cm, at rest",
    ("noise", "carried"): "noise of 1 cm, carried",
    ("hidden", "rest"): "hidden, at rest",
    ("hidden", "carried"): "hidden, carried",
}


def measure_tracking(study: TaskStudy) -> None:
    """Measure the errors for the planners that ship; skips finished work."""
    for name in study.names:
        if name not in LAST_STEP:
            continue
        task = study.task(name)
        trained = Trained.load(checkpoint_folder(task))
        request = {"task": name, "data": trained.run.fingerprint, "episodes": EPISODES}
        measure_once(
            study.result(name, 0, "tracking"), request, functools.partial(_errors, trained, task)
        )


def _errors(trained: Trained, task: Task) -> dict[str, Any]:
    """Return the root mean squared error in meters, by model, condition and case."""
    run = trained.run
    data = load_data(run)
    rows = np.stack([start + np.arange(STEPS + 1) for start in data.start[-EPISODES:]], axis=1)
    dynamics = get_dynamics(run)
    noise = positions(task, run.layout.state_dim, NOISE)
    weights = load_weights(run, trained.directory)
    models = {"linear": dataclasses.replace(dynamics, objects=()), "tracked": dynamics}
    cubes = [list(cube) for cube in task.objects[0]]
    errors: dict[str, Any] = {}
    for (model, own), condition in itertools.product(models.items(), ("noise", "hidden")):
        declared = noise if condition == "noise" else ()
        estimator = StateEstimator.create(own, weights.states, weights.actions, declared)
        estimates = _estimate(estimator, data, rows, cubes, np.array(noise), condition)
        errors.setdefault(model, {})[condition] = _by_case(estimates, data, rows, cubes, condition)
    return {"rmse_m": errors}


def _estimate(
    estimator: StateEstimator,
    data: Trajectories,
    rows: np.ndarray,
    cubes: list[list[int]],
    noise: np.ndarray,
    condition: str,
) -> np.ndarray:
    """Return the estimates `[T, B, S]` of the states in these rows `[T, B]`."""
    rng = np.random.default_rng(SEED)
    memory = estimator.init(rows.shape[1])
    estimates = []
    for step, now in enumerate(rows[:STEPS]):
        reading = data.state[now].astype(float)
        if condition == "noise":
            reading += noise * rng.standard_normal(reading.shape)
        elif _is_hidden(step):
            reading[:, list(itertools.chain.from_iterable(cubes))] = np.nan
        mean, _, memory = estimator.observe(memory, reading)
        estimates.append(mean)
        memory = estimator.predict(memory, data.action[now])
    return np.stack(estimates)


def _is_hidden(step: int) -> bool:
    return step // HIDDEN % 2 == 1


def _by_case(
    estimates: np.ndarray,
    data: Trajectories,
    rows: np.ndarray,
    cubes: list[list[int]],
    condition: str,
) -> dict[str, float]:
    """Return the error of cubes at rest and of carried ones; of hidden ones in their last step.

    A hidden cube is at rest, or is carried, if it is so in every step since it was last seen.
    """
    states = data.state[rows]
    squares: dict[str, list[np.ndarray]] = {"rest": [], "carried": []}
    for cube in cubes:
        place = states[:, :, cube[:XYZ]]
        moved = np.abs(np.diff(place, axis=0)).max(axis=-1)
        error = ((estimates[:, :, cube[:XYZ]] - place[:STEPS]) ** 2).sum(axis=-1)
        for case, applies in (("rest", moved < RESTS), ("carried", moved > CARRIED)):
            if condition == "hidden":
                last = range(2 * HIDDEN - 1, STEPS, 2 * HIDDEN)
                for step in last:
                    always = applies[step - HIDDEN : step].all(axis=0)
                    squares[case].append(error[step][always])
            else:
                squares[case].append(error[applies])
    return {case: UNIT * float(np.sqrt(np.mean(np.concatenate(v)))) for case, v in squares.items()}


def render(study: TaskStudy) -> str:
    """Return the table of errors in centimeters."""
    rows = []
    for name in study.names:
        record = read(study.result(name, 0, "tracking"))
        if record is None:
            continue
        for (condition, case), label in CASES.items():
            errors = [100 * record["rmse_m"][model][condition][case] for model in MODELS]
            rows.append([name, label, *(number(error) for error in errors)])
    return table(["position's error, cm", "cube", *MODELS.values()], rows, text=(0, 1))
