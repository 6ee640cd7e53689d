"""`dfplan info`."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from dfplan.cli.common import File, RunDir, check_outputs, console, parse, write_json
from dfplan.cli.latest import latest_step
from dfplan.config import flatten
from dfplan.model import parameter_count
from dfplan.runs.resolve import ResolvedRun, resolve_run
from dfplan.runs.run import Run, load_weights


@dataclasses.dataclass(frozen=True)
class Args:
    """Show what a run holds: task, dataset, settings, size, versions, checkpoint.

    Attributes:
        run: directory of a run, or name of a task that comes trained (see `dfplan tasks`).
        json: also write it to this file.
    """

    run: RunDir
    json: File = None


def main(argv: Sequence[str]) -> int:
    """Print what a run holds."""
    args = parse(Args, "info", argv)
    found = resolve_run(args.run)
    check_outputs(args.json)
    known, settings = facts(found), flatten(found.run.config.to_dict())
    rows = {**known, **settings}
    width = max(map(len, rows)) + 2
    for name, value in rows.items():
        console.print(f"{name:<{width}}{value}")
    write_json(args.json, {**known, "settings": settings})
    return 0


def facts(found: ResolvedRun) -> dict[str, Any]:
    """What there is to say of a run, beside its settings."""
    run, directory, _ = found
    step = latest_step(directory)
    return {
        "directory": str(directory),
        "task": run.task.name or "(own)",
        "env": run.task.env,
        "env_kwargs": dict(run.task.env_kwargs),
        "dataset": run.task.dataset,
        "fingerprint": run.fingerprint[:16],
        "states, goals, actions": _sizes(run),
        "checkpoint": f"step {step} of {run.config.training.steps}" if step else "none yet",
        "parameters": parameter_count(load_weights(run, directory).params) if step else None,
        **_learned(run),
        "command": run.command,
        "versions": ", ".join(f"{k} {v}" for k, v in run.versions.items()),
    }


def _learned(run: Run) -> dict[str, float]:
    """How much of the returns a critic foresees, where the goal is reward."""
    return {"returns explained": round(float(run.critic.explained), 3)} if run.critic else {}


def _sizes(run: Run) -> str:
    return f"{run.layout.state_dim}, {run.layout.goal_dim}, {run.layout.action_dim}"
