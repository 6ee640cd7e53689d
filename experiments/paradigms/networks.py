"""Two kinds of network with one budget: recurrent denoiser and transformer, on UMaze."""

import functools
from typing import Any

from dfplan.tasks.registry import get_task
from experiments.common.commands import option_list
from experiments.common.episodes import play_episodes, summarize
from experiments.common.records import measure_once
from experiments.common.trained import Trained
from experiments.common.training import train_to_end
from experiments.paradigms.study import Study

TASK = "pointmaze-umaze"
KINDS = {"transformer": "transformer", "gru": "recurrent (GRU)"}
"""Row label by `net.kind`."""
BUDGET: dict[str, Any] = {"training.steps": 1_500, "training.save_every": 1_500}
"""Settings of both, on top of the small preset."""
SEED = 0
"""Training seed."""


def compare(study: Study) -> None:
    """Train and evaluate a network of each kind, with one training seed."""
    task = get_task(TASK)
    for kind in KINDS:
        directory = study.run(kind, SEED)
        settings = {**BUDGET, "net.kind": kind, "training.seed": SEED, **study.settings}
        options = [*option_list(settings), "--out", str(directory)]
        train_to_end(directory, ["train", TASK, "--preset", "small", *options])
        trained = Trained.load(directory)
        measure_once(
            study.result("networks", kind, SEED),
            trained.request(task, study.evaluation),
            functools.partial(_measure, trained, study.evaluation),
        )


def _measure(trained: Trained, seeds: range) -> dict[str, Any]:
    task = get_task(TASK)
    return summarize(play_episodes(trained.agent(), task, seeds), task)
