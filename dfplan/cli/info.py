"""`dfplan info`."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from dfplan.cli.common import File, RunDir, check_outputs, console, parse, write_json
from dfplan.cli.runs import latest_step
from dfplan.config import flatten
from dfplan.model import parameter_count
from dfplan.runs.resolve import ResolvedRun, resolve_run
from dfplan.tasks.trust import untrusted_code


@dataclasses.dataclass(frozen=True)
class Args:
    """Show a run's task, dataset, settings, size, package versions and checkpoint.

    Attributes:
        run: Run directory, or a task name for its pretrained planner (see `dfplan tasks`).
        json: Also write these facts and settings to this file.
    """

    run: RunDir
    json: File = None


def main(argv: Sequence[str]) -> int:
    """Show a run."""
    args = parse(Args, "info", argv)
    resolved = resolve_run(args.run)
    check_outputs(args.json)
    facts = run_facts(resolved)
    settings = flatten(resolved.run.config.to_dict())
    rows = {**facts, **settings}
    width = max(map(len, rows)) + 2
    for name, value in rows.items():
        console.print(f"{name:<{width}}{value}")
    write_json(args.json, {**facts, "settings": settings})
    return 0


def run_facts(resolved: ResolvedRun) -> dict[str, Any]:
    """Return what describes a run, apart from its settings, by name."""
    run = resolved.run
    layout = run.layout
    step = latest_step(resolved.directory)
    steps = run.config.training.steps
    facts = {
        "directory": str(resolved.directory),
        "task": run.task.name or "(own)",
        "env": run.task.env,
        "env_kwargs": dict(run.task.env_kwargs),
        "dataset": run.task.dataset,
        "fingerprint": run.fingerprint[:16],
        "states, goals, actions": f"{layout.state_dim}, {layout.goal_dim}, {layout.action_dim}",
        "checkpoint": "none yet" if step is None else f"step {step} of {steps}",
        "parameters": None,
    }
    if step is not None:
        facts["parameters"] = parameter_count(resolved.load_weights().params)
    if run.critic:
        facts["returns explained"] = round(float(run.critic.explained), 3)
    if code := untrusted_code(run.task):
        names = ", ".join(f"{field} {name}" for field, name in code.items())
        facts["untrusted code"] = names
    facts["command"] = run.command
    facts["versions"] = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    return facts
