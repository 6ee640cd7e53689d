"""Weighted cloning: the planner's own action values without the planner.

Behavior cloning whose actions are weighted by their advantage, as in the policy of IQL (Kostrikov
et al. 2021, arXiv 2110.06169), with the action critic of a trained run. The run's planner compared
with it shows what planning adds to the action values.
"""

import functools
from typing import Any

import jax.numpy as jnp
import numpy as np

from dfplan.data.minari_io import load_trajectories
from dfplan.data.trajectories import Trajectories
from dfplan.runs.run import Run
from dfplan.tasks.registry import Task
from experiments.common.cloning import Cloning
from experiments.common.records import measure_once
from experiments.common.task_study import TaskStudy
from experiments.common.trained import Trained
from experiments.locomotion.evaluate import CLONING_BATCH, CLONING_STEPS, play, score

INVERSE_TEMPERATURE = 3.0
RETURN_RANGE = 1000.0
"""Difference between the highest and the lowest episode return after IQL's scaling of rewards."""
MAX_WEIGHT = 100.0
CHUNK = 50_000
"""Control steps whose advantages are computed at once."""


def clone_weighted(study: TaskStudy) -> None:
    """Train and evaluate weighted cloning with every run's action values."""
    for name, seed in study.cases():
        task = study.task(name)
        trained = study.load(name, seed)
        request = trained.request(task, study.evaluation)
        measure_once(
            study.result(name, seed, "weighted"),
            {**request, "steps": CLONING_STEPS, "batch": CLONING_BATCH},
            functools.partial(_evaluate, trained, task, seed, study.evaluation),
        )


def _evaluate(trained: Trained, task: Task, seed: int, seeds: range) -> dict[str, Any]:
    data = load_trajectories(task.dataset, rewards=True)
    weights = advantage_weights(trained.run, data)
    agent = Cloning(data, steps=CLONING_STEPS, batch=CLONING_BATCH, seed=seed, weights=weights)
    return score(task, play(agent, task, data.layout, seeds))


def advantage_weights(run: Run, data: Trajectories) -> np.ndarray:
    """Return the weights of the data's control steps, which increase with their advantage."""
    assert run.action_critic is not None and data.reward is not None
    rows = data.action_rows
    advantage = np.concatenate(
        [
            run.action_critic.advantage(
                jnp.asarray(run.states.encode(data.state[part])),
                jnp.asarray(run.actions.encode(data.action[part])),
            )
            for part in np.array_split(rows, -(-len(rows) // CHUNK))
        ]
    )
    returns = np.add.reduceat(data.reward, data.start)
    scale = RETURN_RANGE / max(float(np.ptp(returns)), 1e-6)
    return np.exp(np.minimum(INVERSE_TEMPERATURE * scale * advantage, np.log(MAX_WEIGHT)))
