"""Two kinds of network, one budget: the recurrent denoiser beside the transformer on UMaze."""

import functools
from typing import Any

from dfplan.tasks import get_task
from experiments.maze2d.evaluate import Trained, answer, drive, summary
from experiments.maze2d.train import option_list, train_command
from experiments.paradigms.study import Study

TASK = "pointmaze-umaze"
KINDS = {"transformer": "transformer", "gru": "recurrent (GRU)"}
BUDGET: dict[str, Any] = {"training.steps": 1_500, "training.save_every": 1_500}
"""On top of the small preset, for both."""
SEED = 0


def compare(study: Study) -> None:
    """Train and evaluate a network of each kind, with one training seed."""
    for kind in KINDS:
        directory = study.run(kind, SEED)
        settings = {**BUDGET, "net.kind": kind, "training.seed": SEED, **study.settings}
        options = [*option_list(settings), "--out", str(directory)]
        train_command(directory, ["train", TASK, "--preset", "small", *options])
        trained, where = Trained.load(directory), get_task(TASK)
        answer(
            study.result("networks", kind, SEED),
            trained.asked(where, study.evaluation),
            functools.partial(_measure, trained, study.evaluation),
        )


def _measure(trained: Trained, seeds: range) -> dict[str, Any]:
    where = get_task(TASK)
    return summary(drive(trained.agent(), where, seeds), where)
