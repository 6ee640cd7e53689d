"""Continue held-out histories far beyond the training windows, and check every state."""

import functools
from typing import Any

import numpy as np

from dfplan.forecast.windows import ForecastWindows, held_out
from dfplan.runs.data import load_data
from dfplan.runs.run import Run
from dfplan.tasks.registry import get_task
from dfplan_envs.pointmaze.maps import Maze
from experiments.common.continuations import continue_histories
from experiments.common.environment import load_environment
from experiments.common.records import measure_once
from experiments.common.trained import Trained
from experiments.paradigms.measures import MEASURES, Dynamics, check_states, fit
from experiments.paradigms.study import BY_TOKEN, ROLLOUTS, SOURCE, WINDOW, Study

DATA = "data"
"""Name of the held-out data's own record."""


def roll_out(study: Study) -> None:
    """Measure every kind of rollout with every network, and the held-out data itself."""
    run = Run.load(study.run(study.paradigms[0], study.seeds[0]))
    measure_once(
        study.result("rollouts", DATA, 0),
        {"held_out": study.held_out, "stride": run.config.data.stride},
        functools.partial(_measure_data, study, run),
    )
    for name, rollout in ROLLOUTS.items():
        for seed in study.seeds if rollout.paradigm in study.paradigms else ():
            trained = Trained.load(study.run(rollout.paradigm, seed), rollout.planner)
            request = {
                **trained.request(trained.run.task, study.evaluation),
                "held_out": study.held_out,
                "rollouts": study.rollouts,
                "windows": study.lengths,
            }
            measure_once(
                study.result("rollouts", name, seed),
                request,
                functools.partial(_measure_rollouts, study, name, seed=seed, trained=trained),
            )


def _measure_rollouts(study: Study, name: str, seed: int, trained: Trained) -> dict[str, Any]:
    states = sample(study, trained)
    path = study.states(name, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, states=states)
    limits = dynamics(study, trained.run)
    return {"by_window": _measure_windows(states, limits)}


def _measure_data(study: Study, run: Run) -> dict[str, Any]:
    """Measure the held-out data like the rollouts, over the length of its shortest episode."""
    data = load_data(run, study.held_out)
    stride = run.config.data.stride
    tokens = int(data.length.min() - 1) // stride // WINDOW * WINDOW
    rows = data.start[:, None] + stride * np.arange(tokens + 1)
    limits = dynamics(study, run)
    return {"by_window": _measure_windows(data.state[rows], limits), "limits": limits._asdict()}


def _measure_windows(states: np.ndarray, limits: Dynamics) -> dict[str, list]:
    """Return the mean of each measure over each window's tokens, `[R, windows]`."""
    values = check_states(states, source_maze(), limits)
    return {
        name: values[name].reshape(len(states), -1, WINDOW).mean(axis=2).tolist()
        for name in MEASURES
    }


def sample(study: Study, trained: Trained) -> np.ndarray:
    """Return the states `[R, P+1, S]` of one rollout per window, the observed present first."""
    windows = observed_windows(study, trained.run.with_planner({"candidates": 1}))
    tokens = max(study.lengths) * WINDOW
    return continue_histories(trained, windows.history, seed=study.evaluation.start, tokens=tokens)


def observed_windows(study: Study, run: Run) -> ForecastWindows:
    """Return the windows that all rollouts continue, with the longest history any of them uses."""
    settings = {name: BY_TOKEN[name] for name in ("history.tokens", "horizon")}
    planner = run.with_planner(settings).make_planner()
    data = load_data(run, study.held_out)
    seed = study.evaluation.start
    return held_out(data, planner, count=study.rollouts, seed=seed, tokens=1)


def dynamics(study: Study, run: Run) -> Dynamics:
    """Return the limits of valid moves, from the held-out data."""
    return fit(load_data(run, study.held_out), run.config.data.stride)


def source_maze() -> Maze:
    """Return the map, which is used for measuring only."""
    return load_environment(get_task(SOURCE)).maze.maze
