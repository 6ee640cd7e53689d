"""Continue held-out histories far beyond the training windows, and measure every window."""

import functools
from typing import Any, NamedTuple

import numpy as np

from dfplan.data.trajectories import Trajectories
from dfplan.forecast.windows import ForecastWindows, held_out
from dfplan.runs.data import load_data
from experiments.common.continuations import continue_histories
from experiments.common.records import measure_once
from experiments.common.trained import Trained
from experiments.drift.measures import Reference, have_fallen, make_reference, measure_windows
from experiments.drift.physics import Physics
from experiments.drift.study import BY_TOKEN, ROLLOUTS, WINDOW, Study, env_id

DATA = "data"
"""Name of the held-out data's own record."""


class Truth(NamedTuple):
    """The held-out data of a robot.

    Attributes:
        windows: Histories that are continued, and what followed them.
        reference: What rollouts are compared with.
        physics: Simulator.
        fallen: Share of the data's moments after which the robot falls within each number of
            windows, `[windows]`.
    """

    windows: ForecastWindows
    reference: Reference
    physics: Physics
    fallen: list[float]


def roll_out(study: Study) -> None:
    """Measure every kind of rollout with every network, and the held-out data itself."""
    for robot in study.robots:
        request = {
            "held_out": study.held_out(robot),
            "rollouts": study.rollouts,
            "windows": study.windows,
        }
        measure_once(
            study.result(robot, DATA, 0),
            request,
            functools.partial(_measure_data, study, robot),
        )
        for name, rollout in ROLLOUTS.items():
            for seed in study.seeds if rollout.paradigm in study.paradigms else ():
                trained = Trained.load(study.run(robot, rollout.paradigm, seed), rollout.planner)
                measure_once(
                    study.result(robot, name, seed),
                    {**trained.request(trained.run.task, range(seed, seed + 1)), **request},
                    functools.partial(_measure_rollouts, study, robot, trained),
                )


@functools.lru_cache(maxsize=1)
def _load_truth(study: Study, robot: str) -> Truth:
    """Draw histories uniformly from all moments that the data continue for a whole rollout."""
    run = Trained.load(study.run(robot, study.paradigms[0], study.seeds[0])).run
    settings = {name: BY_TOKEN[name] for name in ("history.tokens", "horizon")}
    data = load_data(run, study.held_out(robot))
    windows = held_out(
        data,
        run.with_planner(settings).make_planner(),
        count=study.rollouts,
        seed=study.held_out_seed,
        tokens=study.tokens,
    )
    physics = Physics(env_id(robot))
    is_last = np.zeros(len(data.state), bool)
    is_last[data.last] = True
    reference = make_reference(data.state, is_last, physics)
    return Truth(windows, reference, physics, _falls(data, reference, physics, study.windows))


def _falls(data: Trajectories, reference: Reference, physics: Physics, windows: int) -> list[float]:
    """Return the share of moments after which the robot falls within each number of windows."""
    last = data.state[data.last]
    fell = have_fallen(np.stack([last, last], axis=1), reference, physics)[:, 0]
    moves = data.length - 1
    steps = WINDOW * np.arange(1, windows + 1)
    before_fall = np.minimum(moves[fell, None], steps).sum(axis=0)
    return (before_fall / moves.sum()).tolist()


def _measure_data(study: Study, robot: str) -> dict[str, Any]:
    truth = _load_truth(study, robot)
    present = np.asarray(truth.windows.history.frames)[:, -1:, -1]
    future = truth.windows.future
    assert future is not None
    tokens = np.concatenate([present, future], axis=1)
    return {
        "by_window": measure_windows(tokens, WINDOW, truth.reference, truth.physics),
        "fallen": truth.fallen,
        "tolerance": truth.reference.tolerance,
    }


def _measure_rollouts(study: Study, robot: str, trained: Trained) -> dict[str, Any]:
    truth = _load_truth(study, robot)
    tokens = continue_histories(
        trained, truth.windows.history, seed=study.held_out_seed, tokens=study.tokens
    )
    return {"by_window": measure_windows(tokens, WINDOW, truth.reference, truth.physics)}
