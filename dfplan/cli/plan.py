"""`dfplan plan`."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import tyro

from dfplan.agent import Agent
from dfplan.cli.common import (
    File,
    Flag,
    Numbers,
    RunDir,
    check_outputs,
    check_png,
    check_seed,
    choose_env,
    console,
    write_result,
)
from dfplan.cli.figures import draw_plan
from dfplan.cli.runs import open_agent, parse_with_run
from dfplan.planner.config import PlannerConfig
from dfplan.representation.layout import Layout
from dfplan.types import UserError


@dataclasses.dataclass(frozen=True)
class Args:
    """Make one plan for a given start and goal, and show it.

    Attributes:
        run: Run directory, or a task name for its pretrained planner (see `dfplan tasks`); must
            precede the options.
        start: Start state in SI units: either all dimensions, or only those that form the goal (the
            others are then zero).
        goal: Goal in SI units; none by default.
        seed: Random seed of the plan.
        trust_code: Import all code that the run names (environment, tracker, policy), also from
            the current directory; by default only what installed packages declare.
        json: Write the plan and its candidates to this file.
        png: Draw the plan to this PNG file.
    """

    run: RunDir
    start: Numbers = tyro.MISSING
    goal: Numbers = ()
    seed: int = 0
    trust_code: Flag = False
    json: File = None
    png: File = None
    planner: PlannerConfig = PlannerConfig()


def main(argv: Sequence[str]) -> int:
    """Plan once."""
    args, resolved = parse_with_run(Args, "plan", argv)
    check_seed(args.seed)
    run = resolved.run
    start = _start(run.layout, args.start)
    goal = _goal(run.layout, args.goal)
    check_png("--png", args.png)
    check_outputs(args.json, args.png)
    agent = open_agent(resolved, args.seed)
    agent.plan_from(start, goal)
    if args.png:  # Drawn before anything is written, as the environment may reject start or goal.
        task = choose_env(run.task, name=None, env=None, env_kwargs=None)
        draw_plan(args.png, agent, task, start=start, goal=goal)
    record = _record(agent, start, goal)
    write_result(args.json, record)
    console.print(_summary(record))
    for path in filter(None, (args.json, args.png)):
        console.print(f"wrote {path}")
    return 0


def _start(layout: Layout, numbers: tuple[float, ...]) -> np.ndarray:
    """Return the start state `[S]`; dimensions that are not given are 0 in local coordinates."""
    start = layout.to_global(np.zeros(layout.state_dim, np.float32))
    if len(numbers) == layout.state_dim:
        start[:] = numbers
    elif layout.goal_dim and len(numbers) == layout.goal_dim:
        start[list(layout.goal_dims)] = numbers
    else:
        valid = f"{layout.state_dim} (a state)"
        if layout.goal_dim:
            valid += f" or {layout.goal_dim} (the goal's dimensions)"
        raise UserError(f"--start has {len(numbers)} numbers; valid: {valid}")
    return _check_finite("--start", start)


def _goal(layout: Layout, numbers: tuple[float, ...]) -> np.ndarray | None:
    """Return the goal `[G]`, or None."""
    if not numbers:
        return None
    if len(numbers) != layout.goal_dim:
        raise UserError(f"--goal has {len(numbers)} numbers; valid: {layout.goal_dim}")
    return _check_finite("--goal", np.array(numbers, layout.dtype))


def _check_finite(name: str, numbers: np.ndarray) -> np.ndarray:
    if not np.isfinite(numbers).all():
        raise UserError(f"{name} must be finite, got {numbers}")
    return numbers


def _record(agent: Agent, start: np.ndarray, goal: np.ndarray | None) -> dict[str, Any]:
    plan = agent.plan
    assert plan is not None
    layout = agent.planner.model.layout
    return {
        "start": start.tolist(),
        "goal": None if goal is None else goal.tolist(),
        "stride": layout.stride,
        "arrival": None if goal is None else float(plan.arrival[0]),
        "arrives": None if goal is None else bool(agent.arrives()[0]),
        # Where the goal is reward, the cost of a plan is its negated return.
        "expected_return": -float(plan.cost[0].min()) if layout.reward_conditioned else None,
        "best": int(plan.best[0]),
        "states": _listed(plan.states[0]),
        "candidates": _listed(plan.candidates[0]),
    }


def _listed(states: Any) -> list:
    """Return states as nested lists, with None for NaN, which JSON lacks."""
    array = np.asarray(states).astype(object)
    array[np.isnan(states)] = None
    return array.tolist()


def _summary(record: dict[str, Any]) -> str:
    tokens = len(record["states"]) - 1
    text = f"plan of {tokens} states, {tokens * record['stride']} control steps"
    if record["expected_return"] is not None:
        return f"{text}; expected discounted return {record['expected_return']:.4g}"
    if record["goal"] is None:
        return text
    if record["arrives"]:
        return f"{text}; reaches the goal after {record['arrival']:.0f} control steps"
    return f"{text}; does not reach the goal"
