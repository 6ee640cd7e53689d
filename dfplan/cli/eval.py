"""`dfplan eval`."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from dfplan.agent import Agent
from dfplan.cli.common import (
    File,
    Folder,
    Integer,
    RunDir,
    Text,
    check_outputs,
    choose_env,
    console,
    first_positional,
    need_at_least,
    parse,
    write_json,
)
from dfplan.cli.pictures import FILES, draw_all
from dfplan.cli.progress import step_bar
from dfplan.data.make_env import make_env
from dfplan.evaluate import Episodes, interval, measure, plan_latency, run_episodes
from dfplan.planner.config import PlannerConfig
from dfplan.run import Run, load_weights
from dfplan.tasks import Task
from dfplan.types import UserError

LATENCY_CALLS = 50


@dataclasses.dataclass(frozen=True)
class Args:
    """Drive an environment with a trained planner, and measure it.

    The planner's settings default to those of the run. Episode i is reset with seed `seed` + i; the
    default begins at 1000, away from seeds that anything was tuned on.

    Attributes:
        run: directory of the run, before all options.
        episodes: episodes to play, side by side.
        seed: of the first episode.
        task: another task to evaluate on, with the same states and actions.
        env: another Gymnasium id to evaluate on, likewise.
        env_kwargs: arguments of gymnasium.make as a JSON object.
        max_steps: longest episode, for environments that have no time limit of their own.
        out: directory for result.json, plans.png, denoising.gif and episode.gif.
        json: also write the result to this file.
    """

    run: RunDir
    episodes: int = 50
    seed: int = 1000
    task: Text = None
    env: Text = None
    env_kwargs: Text = None
    max_steps: Integer = None
    out: Folder = None
    json: File = None
    planner: PlannerConfig = PlannerConfig()


def main(argv: Sequence[str]) -> int:
    """Evaluate a run."""
    name = first_positional(argv)
    default = Args(Path(name), planner=Run.load(name).config.planner) if name else None
    args = parse(Args, "eval", argv, default)
    if not name:
        raise UserError(f"the run {args.run} must stand before all options")
    need_at_least(1, episodes=args.episodes, max_steps=args.max_steps)
    need_at_least(0, seed=args.seed)
    run = Run.load(args.run).with_planner(dataclasses.asdict(args.planner))
    task = choose_env(run.task, args.task, args.env, args.env_kwargs)
    if args.max_steps:
        limited = {**task.env_kwargs, "max_episode_steps": args.max_steps}
        task = dataclasses.replace(task, env_kwargs=limited, score=None)
    env = make_env(task.env, task.env_kwargs)
    limit = env.spec.max_episode_steps if env.spec else None
    if limit is None:
        raise UserError(f"environment {task.env!r} has no time limit; give one with --max-steps")
    run.check_env(env)
    results = [args.json, args.out and args.out / "result.json"]
    check_outputs(*results, *(args.out / file for file in FILES if args.out))
    agent = Agent.of(run, load_weights(run, args.run))
    episodes = _play(agent, task, limit, np.arange(args.seed, args.seed + args.episodes))
    result = _result(args, task, agent, env, episodes)
    env.close()
    console.print(_table(result))
    for path in results:
        write_json(path, result)
    if args.out:
        for picture in draw_all(args.out, agent, task, episodes):
            console.print(f"wrote {picture}")
    return 0


def _play(agent: Agent, task: Task, limit: int, seeds: np.ndarray) -> Episodes:
    with step_bar("evaluating", limit) as advance:
        return run_episodes(
            agent,
            lambda: make_env(task.env, task.env_kwargs),
            seeds,
            state=agent.layout.state,
            goal=agent.layout.goal,
            progress=advance,
        )


def _result(args: Args, task: Task, agent: Agent, env: Any, episodes: Episodes) -> dict[str, Any]:
    observations = [env.reset(seed=int(seed))[0] for seed in episodes.seeds[:10]]
    values = measure(episodes, task.score)
    metrics: dict[str, Any] = {name: interval(array) for name, array in values.items()}
    metrics["latency_ms"] = plan_latency(agent, observations, LATENCY_CALLS)
    return {
        "task": task.name or task.env,
        "checkpoint": str(args.run),
        "episodes": len(episodes.seeds),
        "seeds": [int(s) for s in episodes.seeds],
        "perturbations": [],
        "planner": dataclasses.asdict(agent.planner.config),
        "metrics": metrics,
    }


def _table(result: dict[str, Any]) -> Table:
    title = f"{result['task']}, {result['episodes']} episodes"
    table = Table("metric", "mean", "95 % interval", title=title, title_justify="left", box=None)
    for name, value in result["metrics"].items():
        if name == "latency_ms":
            tail = f"99th percentile {value['p99']:.1f} ms"
            table.add_row("one plan", f"{value['p50']:.1f} ms", tail)
        elif value is not None:
            low, high = value["ci_low"], value["ci_high"]
            table.add_row(name, f"{value['mean']:.2f}", f"{low:.2f} to {high:.2f}")
    return table
