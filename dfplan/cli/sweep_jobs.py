"""The jobs of a sweep: train a run to its end, then evaluate it."""

import json
from pathlib import Path
from typing import Any

import jax

from dfplan.cli import train as train_command
from dfplan.cli.eval_jobs import clear_cache, evaluate, prepared
from dfplan.evaluation.metrics import measure
from dfplan.util.jobs import LocalExecutor, Report


def train_and_evaluate(arguments: dict[str, Any], report: Report) -> bytes:
    """Train and evaluate a run, a job; a run that exists is continued.

    Args:
        arguments: "out", the directory of the run; "train" and "eval", the arguments of these
            commands.
        report: See `Report`.

    Returns:
        JSON with the "result" of `dfplan eval` and the metrics "per_episode".

    Raises:
        UserError: If the run exists with other settings, or as `dfplan train` and `dfplan eval`.
    """
    exists = (Path(arguments["out"]) / "config.json").is_file()
    train_command.main([*arguments["train"], *(["--resume"] if exists else [])])
    evaluation = prepared(tuple(arguments["eval"]))
    try:
        (evaluated,) = evaluate([evaluation], executor=LocalExecutor())
    finally:
        evaluation.env.close()
        clear_cache()
        jax.clear_caches()  # the next run compiles other programs
    values = measure(evaluated.episodes, evaluation.task.score)
    per_episode = {name: array.tolist() for name, array in values.items() if array is not None}
    return json.dumps({"result": evaluated.result, "per_episode": per_episode}).encode()
