"""Value calibration: the predicted returns of plans, compared with the returns that followed."""

import functools
from typing import Any

import numpy as np
from scipy.stats import rankdata

from dfplan.agent import Agent
from dfplan.evaluation.episodes import Episodes
from dfplan.tasks.make_env import make_env
from dfplan.tasks.registry import Task
from experiments.common.figures import new_figure, save_figure
from experiments.common.records import measure_once, read
from experiments.common.task_study import TaskStudy
from experiments.common.trained import Trained
from experiments.locomotion.evaluate import play_episodes

BINS = 20
NEGLIGIBLE = 0.01
"""Discount factor below which later rewards can be neglected."""


class Predictions:
    """An agent that records the predicted return of each plan that it follows.

    Args:
        agent: Agent that acts.
    """

    def __init__(self, agent: Agent):
        self._agent = agent
        self._values: list[np.ndarray] = []

    def reset(self, mask: np.ndarray | None = None, *, seed: Any = None) -> None:
        """Begin new episodes."""
        self._agent.reset(mask, seed=seed)

    def act(
        self, observation: Any, goal: Any = None, *, episode_over: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the agent's actions."""
        action = self._agent.act(observation, goal, episode_over=episode_over)
        assert self._agent.plan is not None
        self._values.append(-np.asarray(self._agent.plan.cost).min(axis=1))
        return action

    def values(self) -> np.ndarray:
        """Return the predicted return at each control step, `[E, L]`."""
        return np.stack(self._values, axis=1)


def calibrate(study: TaskStudy) -> None:
    """Compare the predicted and received returns of every planner; skips finished work."""
    for name, seed in study.cases():
        task = study.task(name)
        trained = study.load(name, seed)
        measure_once(
            study.result(name, seed, "calibration"),
            trained.request(task, study.evaluation),
            functools.partial(_measure, trained, task, study.evaluation),
        )


def _measure(trained: Trained, task: Task, seeds: range) -> dict[str, Any]:
    agent = Predictions(trained.agent())
    episodes = play_episodes(agent, task, trained.run.layout, seeds)
    env: Any = make_env(task.env, task.env_kwargs)
    limit = env.spec.max_episode_steps
    env.close()
    assert limit is not None
    discount = trained.run.config.value.discount
    return summarize(*pairs(agent.values(), episodes, limit=limit, discount=discount))


def pairs(
    predicted: np.ndarray, episodes: Episodes, *, limit: int, discount: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return predicted and received discounted returns of the control steps whose future is known.

    Args:
        predicted: `[E, L]` predictions.
        episodes: Episodes.
        limit: Control steps after which an episode is truncated. The last steps of such an
            episode are left out, as rewards after its end would count toward their returns.
        discount: Discount per control step.
    """
    received = np.zeros_like(episodes.reward)
    total = np.zeros(len(received))
    for k in reversed(range(received.shape[1])):
        total = episodes.reward[:, k] + discount * total
        received[:, k] = total
    tail = int(np.ceil(np.log(NEGLIGIBLE) / np.log(discount)))
    last = np.where(episodes.length < limit, episodes.length, limit - tail)
    known = np.arange(received.shape[1]) < last[:, None]
    return predicted[known], received[known]


def summarize(predicted: np.ndarray, received: np.ndarray) -> dict[str, Any]:
    """Return the means of `BINS` bins of equal size, the overall means, and the correlation."""
    order = np.argsort(predicted)
    bins = np.array_split(order, BINS)
    return {
        "predicted": [float(predicted[rows].mean()) for rows in bins],
        "received": [float(received[rows].mean()) for rows in bins],
        "mean_predicted": float(predicted.mean()),
        "mean_received": float(received.mean()),
        "rank_correlation": float(np.corrcoef(rankdata(predicted), rankdata(received))[0, 1]),
        "steps": len(predicted),
    }


def draw(study: TaskStudy) -> None:
    """Draw the calibration of every measured planner."""
    records = [
        (name, record)
        for name in study.names
        if (record := read(study.result(name, study.seeds[0], "calibration"))) is not None
    ]
    if not records:
        return
    figure = new_figure(3.2 * len(records), 3.2)
    for panel, (name, record) in zip(
        figure.subplots(1, len(records), squeeze=False)[0], records, strict=True
    ):
        ends = [min(record["predicted"] + record["received"]), max(record["predicted"])]
        panel.plot(ends, ends, color="0.7", linewidth=1)
        panel.plot(record["predicted"], record["received"], "o-", color="tab:blue", markersize=4)
        panel.set_title(name, fontsize=9)
        panel.set_xlabel("predicted return")
        panel.set_ylabel("received return")
    save_figure(figure, study.pages / "figures" / "calibration.png")
