"""Scores under perturbations: of planners, told of them or not, of cloning and of peers."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dfplan.evaluation.bootstrap import interval
from dfplan.evaluation.play import BatchAgent
from dfplan.tasks.perturb import parse_perturbation
from dfplan.tasks.registry import Task
from experiments.common.hold_last import HoldLast
from experiments.common.markdown import EMPTY, cell, table
from experiments.common.records import measure_once, read
from experiments.common.task_study import TaskStudy
from experiments.common.trained import Trained
from experiments.locomotion.evaluate import (
    PEERS,
    clone_request,
    make_clone,
    peer_actor,
    play,
    score,
)
from experiments.locomotion.peer_actor import PeerActor

NOISE = 0.05
"""Standard deviation of the noise on every number of an observation: m, rad, m/s or rad/s."""


@dataclasses.dataclass(frozen=True)
class Condition:
    """A row of the table.

    Attributes:
        label: Row label.
        perturb: Perturbation, as on the command line; empty for none.
        declared: Planner settings that declare the perturbation; may be empty.
    """

    label: str
    perturb: str = ""
    declared: Mapping[str, Any] = dataclasses.field(default_factory=dict)


CONDITIONS = {
    "clean": Condition("no perturbation"),
    "noise": Condition(
        f"noise of {NOISE} on all observations",
        f"obs_noise={NOISE}",
        {"sensing.observation_noise": (NOISE,)},
    ),
    "dropout": Condition(
        "half of all observations missing", "obs_dropout=0.5", {"sensing.missing": True}
    ),
    "pushes": Condition(
        "pushes: half the actuators' force, 10 of every 50 steps", "push=0.5,duration=10,period=50"
    ),
}
METHODS = {
    "dfplan": "dfplan",
    "declared": "dfplan, declared",
    "cloning": "cloning",
    **{peer: peer for peer in PEERS},
}
"""Methods, and their column titles."""


class Method(NamedTuple):
    """A method under a condition.

    Attributes:
        name: Key of `METHODS`.
        request: Everything but the condition that its scores depend on.
        make: Function that returns the agent.
    """

    name: str
    request: dict[str, Any]
    make: Callable[[], BatchAgent]


def perturb(study: TaskStudy) -> None:
    """Evaluate planners, behavior cloning and trained peers under each condition.

    Finished work is skipped. Peers take part if their trained policies are on this machine; delete
    a peer's result to have it trained again.
    """
    for name, seed in study.cases():
        task = study.task(name)
        trained = study.load(name, seed)
        clone = functools.cache(functools.partial(_make_clone, task, seed))
        peers = list(_peers(study, name, seed))
        for key, condition in CONDITIONS.items():
            own = _methods(trained, task, study.evaluation, condition, clone=clone)
            for method in (*own, *peers):
                measure_once(
                    study.result(f"{name}-{key}-{method.name}", seed, "perturbed"),
                    {**method.request, "perturb": condition.perturb},
                    functools.partial(_measure, study, trained, task, condition, method),
                )


def _make_clone(task: Task, seed: int) -> BatchAgent:
    agent, _ = make_clone(task, seed)
    return agent


def _make_peer(actor: Path) -> BatchAgent:
    return HoldLast(PeerActor(actor))


def _methods(
    trained: Trained,
    task: Task,
    seeds: range,
    condition: Condition,
    *,
    clone: Callable[[], BatchAgent],
) -> Iterator[Method]:
    """Yield the methods that are evaluated under a condition."""
    yield Method("dfplan", trained.request(task, seeds), lambda: HoldLast(trained.agent()))
    if condition.declared:
        told = dataclasses.replace(trained, run=trained.run.with_planner(condition.declared))
        yield Method("declared", told.request(task, seeds), told.agent)
    yield Method("cloning", clone_request(task, seeds), lambda: HoldLast(clone()))


def _peers(study: TaskStudy, name: str, seed: int) -> Iterator[Method]:
    """Yield the peers whose trained policy is on this machine."""
    for peer in PEERS:
        evaluated = read(study.result(name, seed, peer))
        if evaluated is None:
            continue
        episodes = [study.evaluation.start, study.evaluation.stop]
        request = {**evaluated["request"], "seeds": episodes}
        actor = peer_actor(study, peer, name, seed=seed, steps=request["steps"])
        if actor.exists():
            yield Method(peer, request, functools.partial(_make_peer, actor))


def _measure(
    study: TaskStudy, trained: Trained, task: Task, condition: Condition, method: Method
) -> dict[str, Any]:
    """Return the scores of a method under a condition."""
    perturbations = [parse_perturbation(condition.perturb)] if condition.perturb else []
    returns = play(method.make(), task, trained.run.layout, study.evaluation, perturbations)
    return score(task, returns)


def render(study: TaskStudy) -> str:
    """Return the table of scores, and of their ratios to the method's own clean score."""
    rows = []
    shown = [method for method in METHODS if _is_measured(study, method)]
    for name in study.names:
        clean = {method: _scores(study, name, "clean", method) for method in shown}
        # Without a perturbation there is nothing to declare.
        clean["declared"] = clean["dfplan"]
        for key, condition in CONDITIONS.items():
            scores = {method: _scores(study, name, key, method) for method in shown}
            if any(len(values) for values in scores.values()):
                cells = [_cell(scores[method], clean[method]) for method in shown]
                rows.append([name, condition.label, *cells])
    titles = [METHODS[method] for method in shown]
    return table(["task", "perturbation", *titles], rows, text=(0, 1))


def _is_measured(study: TaskStudy, method: str) -> bool:
    """Return whether a method has scores on any task; the planner's columns are always shown."""
    scores = [_scores(study, name, "clean", method) for name in study.names]
    return method in ("dfplan", "declared") or any(len(values) for values in scores)


def _scores(study: TaskStudy, name: str, key: str, method: str) -> np.ndarray:
    """Return the scores of all training seeds' episodes; empty if none is measured."""
    paths = [study.result(f"{name}-{key}-{method}", seed, "perturbed") for seed in study.seeds]
    records = [record for path in paths if (record := read(path)) is not None]
    return np.concatenate([np.zeros(0), *(record["scores"] for record in records)])


def _cell(scores: np.ndarray, clean: np.ndarray) -> str:
    """Return the mean score, its interval, and its ratio to that without a perturbation."""
    if not len(scores):
        return EMPTY
    text = cell(interval(scores))
    return f"{text}; {scores.mean() / clean.mean():.0%}" if len(clean) else text
