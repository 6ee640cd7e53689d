"""`dfplan plan`."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import tyro

from dfplan.agent import Agent
from dfplan.cli.common import (
    File,
    RunDir,
    check_outputs,
    check_seed,
    choose_env,
    console,
    parse_with_run,
    write_json,
)
from dfplan.cli.pictures import draw_plan
from dfplan.planner.config import PlannerConfig
from dfplan.representation.layout import Layout
from dfplan.runs.run import load_weights
from dfplan.types import UserError


@dataclasses.dataclass(frozen=True)
class Args:
    """Make one plan for a given start and goal, and show it.

    Attributes:
        run: directory of a run, or name of a task that comes trained (see `dfplan tasks`);
            before all options.
        start: state to plan from, SI units: all its numbers, or only those that a goal fixes (the
            rest is zero then).
        goal: where to, SI units; leave it out to plan towards no goal.
        seed: of the plan.
        json: write the plan and its candidates to this file.
        png: draw the plan in this file.
    """

    run: RunDir
    start: tuple[float, ...]
    goal: tuple[float, ...] = ()
    seed: int = 0
    json: File = None
    png: File = None
    planner: PlannerConfig = PlannerConfig()


def main(argv: Sequence[str]) -> int:
    """Plan once."""
    args, found = parse_with_run(
        Args,
        "plan",
        argv,
        lambda name, found: Args(name, tyro.MISSING, planner=found.run.config.planner),
    )
    check_seed(args.seed)
    run = found.run.replace_planner(args.planner)
    start, goal = _start(run.layout, args.start), _goal(run.layout, args.goal)
    if args.png and args.png.suffix.lower() != ".png":
        raise UserError(f"--png {args.png} must end in .png")
    check_outputs(args.json, args.png)
    agent = Agent.from_run(run, load_weights(run, found.directory), seed=args.seed)
    agent.plan_from(start, goal)
    if args.png:  # first, as it is here that the environment may refuse start or goal
        draw_plan(args.png, agent, choose_env(run.task, None, None, None), start, goal)
    record = _record(agent, start, goal)
    write_json(args.json, record)
    console.print(_sentence(record))
    for path in filter(None, (args.json, args.png)):
        console.print(f"wrote {path}")
    return 0


def _start(layout: Layout, numbers: tuple[float, ...]) -> np.ndarray:
    start = np.zeros(layout.state_dim, np.float32)
    if len(numbers) == layout.state_dim:
        start[:] = numbers
    elif layout.goal_dim and len(numbers) == layout.goal_dim:
        start[list(layout.goal_dims)] = numbers
    else:
        short = f" or {layout.goal_dim}" if layout.goal_dim else ""
        raise UserError(f"--start has {len(numbers)} numbers; valid: {layout.state_dim}{short}")
    return _finite("--start", start)


def _goal(layout: Layout, numbers: tuple[float, ...]) -> np.ndarray | None:
    if not numbers:
        return None
    if len(numbers) != layout.goal_dim:
        raise UserError(f"--goal has {len(numbers)} numbers; valid: {layout.goal_dim}")
    return _finite("--goal", np.array(numbers, np.float32))


def _finite(name: str, numbers: np.ndarray) -> np.ndarray:
    if not np.isfinite(numbers).all():
        raise UserError(f"{name} {numbers} has a number that is not finite")
    return numbers


def _record(agent: Agent, start: np.ndarray, goal: np.ndarray | None) -> dict[str, Any]:
    plan = agent.plan
    assert plan is not None
    return {
        "start": start.tolist(),
        "goal": None if goal is None else goal.tolist(),
        "stride": agent.planner.model.layout.stride,
        "arrival": None if goal is None else float(plan.arrival[0]),
        "arrives": None if goal is None else bool(agent.arrives()[0]),
        "worth": -float(plan.cost[0].min())
        if agent.planner.model.layout.reward_conditioned
        else None,
        "best": int(plan.best[0]),
        "states": plan.states[0].tolist(),
        "candidates": plan.candidates[0].tolist(),
    }


def _sentence(record: dict[str, Any]) -> str:
    tokens, stride = len(record["states"]) - 1, record["stride"]
    length = f"{tokens} states, {tokens * stride} control steps"
    if record["worth"] is not None:
        return f"plan of {length}; worth {record['expected_return']:.4g} in discounted rewards"
    if record["goal"] is None:
        return f"plan of {length}"
    if record["arrives"]:
        return f"plan of {length}; at the goal after {record['arrival']:.0f}"
    return f"plan of {length}; it does not arrive"
