"""Go on from held-out histories, far beyond what training saw, and judge every state."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dfplan.forecast import Windows, held_out
from dfplan.futures import sample_futures
from dfplan.planner.plan import History
from dfplan.run import Run, load_weights
from dfplan.tasks import get_task
from experiments.maze2d.environment import environment
from experiments.maze2d.evaluate import Trained, answer
from experiments.maze2d.physics import point_mass
from experiments.paradigms.measures import MEASURES, Dynamics, fit, judge
from experiments.paradigms.study import BY_TOKEN, ROLLOUTS, SOURCE, WINDOW, Rollout, Study

DATA = "data"
"""Name of the held-out data's own record."""


def roll_out(study: Study) -> None:
    """Measure every way of going on with every network, and the held-out data itself."""
    run = Run.load(study.run(study.paradigms[0], study.seeds[0]))
    asked = {"held_out": study.held_out, "stride": run.config.data.stride}
    path = study.result("rollouts", DATA, 0)
    answer(path, asked, functools.partial(_measure_data, study, run))
    for name, rollout in ROLLOUTS.items():
        for seed in study.seeds if rollout.paradigm in study.paradigms else ():
            trained = Trained.load(study.run(rollout.paradigm, seed), rollout.planner)
            asked = {
                **trained.asked(trained.run.task, study.evaluation),
                "held_out": study.held_out,
                "rollouts": study.rollouts,
                "windows": study.lengths,
            }
            answer(
                study.result("rollouts", name, seed),
                asked,
                functools.partial(_measure, study, name, seed, trained),
            )


def _measure(study: Study, name: str, seed: int, trained: Trained) -> dict[str, Any]:
    states = sample(study, trained, ROLLOUTS[name])
    path = study.states(name, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, states=states)
    found = judge(states, maze(), dynamics(study, trained.run))
    by_window = {k: _by_window(found[k]) for k in MEASURES}
    return {"by_window": {k: v.tolist() for k, v in by_window.items()}}


def _measure_data(study: Study, run: Run) -> dict[str, Any]:
    """The held-out data, judged as rollouts are, as far as its episodes go."""
    data, stride = run.load_data(study.held_out), run.config.data.stride
    tokens = int(data.length.min() - 1) // stride // WINDOW * WINDOW
    rows = data.start[:, None] + stride * np.arange(tokens + 1)
    limits = dynamics(study, run)
    found = judge(data.state[rows], maze(), limits)
    by_window = {k: _by_window(found[k]).tolist() for k in MEASURES}
    return {"by_window": by_window, "limits": limits._asdict()}


def _by_window(values: np.ndarray) -> np.ndarray:
    """Means `[R, windows]` over each window's tokens."""
    return values.reshape(len(values), -1, WINDOW).mean(axis=2)


def sample(study: Study, trained: Trained, rollout: Rollout) -> np.ndarray:
    """States `[R, P+1, S]` of one rollout from each window, the observed present first."""
    run = trained.run.with_planner({"candidates": 1})
    windows = observed(study, run)
    planner = run.planner
    history: History = jax.tree.map(lambda a: a[:, -planner.config.history :], windows.history)
    level = jnp.full(history.level.shape, planner.config.history_level)
    weights, tokens = load_weights(run, trained.directory), max(study.lengths) * WINDOW
    after = sample_futures(
        planner, weights, history._replace(level=level), study.evaluation.start, tokens=tokens
    )
    present = np.asarray(history.frames)[:, -1:, -1]
    return np.concatenate([present, after[:, 0]], axis=1)


def observed(study: Study, run: Run) -> Windows:
    """The same windows for every way of going on, with the longest history that one asks for."""
    longest = run.with_planner({k: BY_TOKEN[k] for k in ("history", "horizon")}).planner
    data = run.load_data(study.held_out)
    return held_out(data, longest, study.rollouts, study.evaluation.start, tokens=1)


def dynamics(study: Study, run: Run) -> Dynamics:
    """The limits of valid moves, of the held-out data."""
    data = run.load_data(study.held_out)
    return fit(data, run.config.data.stride, point_mass(_environment().model))


def maze() -> Any:
    """The map, which only the measuring knows."""
    return _environment().maze


def _environment() -> Any:
    return environment(get_task(SOURCE)).maze
