"""`dfplan eval`."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import tyro

from dfplan.agent import Agent
from dfplan.cli.common import (
    File,
    Flag,
    Folder,
    Integer,
    RunDir,
    Text,
    check_at_least,
    check_outputs,
    check_seed,
    choose_env,
    console,
    write_result,
)
from dfplan.cli.figures import FILES, draw_evaluation
from dfplan.cli.progress_bar import step_bar
from dfplan.cli.runs import open_agent, parse_with_run
from dfplan.evaluation.baselines import baselines
from dfplan.evaluation.bootstrap import interval
from dfplan.evaluation.episodes import Episodes
from dfplan.evaluation.latency import plan_latency
from dfplan.evaluation.metrics import METRICS, measure, score_tasks
from dfplan.evaluation.play import NUM_ENVS, BatchAgent, given_goals, run_episodes
from dfplan.evaluation.time_limit import limit_steps, time_limit
from dfplan.planner.config import PlannerConfig
from dfplan.report.result import format_interval, format_latency
from dfplan.representation.layout import Layout
from dfplan.tasks.make_env import make_env
from dfplan.tasks.perturb import parse_perturbation, perturbed
from dfplan.tasks.protocols import (
    PROTOCOLS,
    EvaluationProtocol,
    assign_tasks,
    begin_episode,
    wrap_env,
)
from dfplan.tasks.registry import Task

LATENCY_CALLS = 50
LATENCY_EPISODES = 10


@dataclasses.dataclass(frozen=True)
class Args:
    """Evaluate a trained planner in its environment.

    The planner settings default to those of the run. Episode i has the seed `--seed` + i;
    report results only on seeds that were not used to choose settings.

    Attributes:
        run: Run directory, or a task name for its pretrained planner (see `dfplan tasks`); must
            precede the options.
        episodes: Number of episodes.
        num_envs: Largest number of episodes played at once; no result depends on it.
        seed: Seed of the first episode.
        task: Another task to evaluate on, with the same states and actions.
        env: Another Gymnasium id to evaluate on, with the same states and actions.
        env_kwargs: Arguments of gymnasium.make as a JSON object.
        perturb: Perturbation NAME=VALUE[,OPTION=VALUE...], such as obs_noise=0.2,0.2,0,0 or
            push=0.5,duration=10. Repeat the option to combine several; the first one is applied
            closest to the environment. Dropouts switch on `planner.sensing.missing` automatically;
            declare noise with `--planner.sensing.observation-noise`.
        max_steps: Maximum episode length, for environments without a time limit of their own.
        protocol: Evaluation protocol, the task's own by default: seeds (episode i is reset with its
            seed), ogbench (five tasks; the official number is 250 episodes), or one that another
            package registers.
        baselines: Also evaluate random actions and the dataset's controller, on the same seeds.
        out: Directory for result.json, plans.png, denoising.gif and episode.gif.
        trust_code: Import all code that the run names (environment, tracker, policy), also from
            the current directory; by default only what installed packages declare.
        json: Also write the result to this file.
    """

    run: RunDir
    episodes: int = 50
    num_envs: int = NUM_ENVS
    seed: int = 1000
    task: Text = None
    env: Text = None
    env_kwargs: Text = None
    perturb: Annotated[
        tuple[str, ...],
        tyro.conf.UseAppendAction,
        tyro.conf.arg(metavar="STR", help_behavior_hint="(repeatable)"),
    ] = ()
    max_steps: Integer = None
    protocol: Text = None
    baselines: Flag = False
    out: Folder = None
    trust_code: Flag = False
    json: File = None
    planner: PlannerConfig = PlannerConfig()


def main(argv: Sequence[str], *, list_figures: bool = True) -> int:
    """Evaluate a run.

    Args:
        argv: Arguments of the command.
        list_figures: Whether to print the paths of the figures.
    """
    args, resolved = parse_with_run(Args, "eval", argv)
    check_at_least(1, episodes=args.episodes, num_envs=args.num_envs, max_steps=args.max_steps)
    check_seed(args.seed)
    perturbations = [parse_perturbation(text) for text in args.perturb]
    run = resolved.run
    if any(perturbation.drops for perturbation in perturbations):
        run = run.with_planner({"sensing.missing": True})
    task = _choose_task(run.task, args)

    def make(**kwargs: Any) -> Any:
        return perturbed(make_env(task.env, task.env_kwargs, **kwargs), perturbations)

    env = make()
    max_steps = time_limit(env, "--max-steps")
    run.check_env(env)
    results = [args.json, args.out and args.out / "result.json"]
    check_outputs(*results, *(args.out / file for file in FILES if args.out))
    protocol: EvaluationProtocol = PROTOCOLS.make(task.protocol)
    assign_tasks(protocol, args.episodes)
    _note_missing_goal(run.layout, task, protocol)
    agent = open_agent(resolved._replace(run=run))
    seeds = np.arange(args.seed, args.seed + args.episodes)

    def play(title: str, policy: BatchAgent) -> Episodes:
        with step_bar(f"{title} (control steps)", args.episodes * max_steps) as advance:
            return run_episodes(
                policy,
                make,
                seeds,
                state=agent.layout.state,
                goal=agent.layout.goal,
                progress=lambda over, steps: advance(over * max_steps + steps),
                goal_dims=agent.layout.goal_dims,
                protocol=protocol,
                num_envs=args.num_envs,
            )

    episodes = play("evaluating", agent)
    result = {
        "task": task.name or task.env,
        "env": task.env,
        "env_kwargs": task.env_kwargs,
        "protocol": task.protocol,
        "checkpoint": resolved.name,
        "episodes": args.episodes,
        "seeds": seeds.tolist(),
        "perturbations": list(args.perturb),
        "planner": dataclasses.asdict(agent.planner.config),
        "metrics": _metrics(episodes, task),
    }
    result["metrics"]["latency_ms"] = _latency(agent, env, episodes, protocol=protocol)
    if protocol.task_count:
        result["tasks"] = score_tasks(measure(episodes), protocol)
    if args.baselines:
        result["baselines"] = {
            name: _metrics(play(f"evaluating {name}", policy), task)
            for name, policy in baselines(task, env).items()
        }
    env.close()
    console.print(_table(result))
    for path in results:
        write_result(path, result)
    if args.out:
        for path in draw_evaluation(args.out, agent, task, make=make, episodes=episodes):
            if list_figures:
                console.print(f"wrote {path}")
    return 0


def _choose_task(task: Task, args: Args) -> Task:
    """Return the run's task with the changes of the command line."""
    task = choose_env(task, args.task, args.env, env_kwargs=args.env_kwargs)
    task = dataclasses.replace(task, protocol=args.protocol or task.protocol)
    return limit_steps(task, args.max_steps)


def _note_missing_goal(layout: Layout, task: Task, protocol: EvaluationProtocol) -> None:
    """Print a note if the planner has a goal that neither observations nor the protocol give."""
    if layout.goal_dim and not (layout.gives_goal or protocol.gives_goals):
        console.print(
            f"note: observations of {task.env} contain no goal, so the planner gets none; "
            "train with --goal-from or --goal-value, or pass a goal to Agent.act in Python"
        )


def _metrics(episodes: Episodes, task: Task) -> dict[str, Any]:
    return {name: interval(values) for name, values in measure(episodes, task.score).items()}


def _latency(
    agent: Agent, env: Any, episodes: Episodes, protocol: EvaluationProtocol
) -> dict[str, float]:
    """Time the first plans of the first ten episodes."""
    tasks = assign_tasks(protocol, len(episodes.seeds))
    starts = list(zip(episodes.seeds.tolist(), tasks, strict=True))[:LATENCY_EPISODES]
    env = wrap_env(protocol, env)
    observations, infos = zip(
        *(begin_episode(protocol, env, seed, task) for seed, task in starts), strict=True
    )
    goals = given_goals(
        protocol, list(infos), state=agent.layout.state, goal_dims=agent.layout.goal_dims
    )
    return plan_latency(
        agent,
        list(observations),
        LATENCY_CALLS,
        goals=goals,
        finish_plans=agent.finish_plans if agent.planner.config.timing.near_tokens else None,
    )


def _table(result: dict[str, Any]) -> str:
    """Format a result with one row per metric, and columns for the planner and the baselines."""
    columns = {"planner": result["metrics"], **result.get("baselines", {})}
    rows = [("metric", *columns)]
    for name in METRICS:
        cells = [format_interval(metrics[name]) for metrics in columns.values()]
        if any(cells):
            rows.append((name, *cells))
    return "\n".join(
        [
            f"{result['task']}, {result['episodes']} episodes: mean (95% CI)",
            *_aligned(rows),
            *_aligned(_task_rows(result.get("tasks", {}))),
            format_latency(result["metrics"]["latency_ms"]),
        ]
    )


def _task_rows(tasks: dict[str, dict[str, Any]]) -> list[tuple[str, ...]]:
    """Return a header, one row per task, and an overall row; nothing without tasks."""
    rows = []
    for name, scores in tasks.items():
        if not rows:
            rows.append(("task", *scores))
        rows.append((name, *(format_interval(score) for score in scores.values())))
    return rows


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """Return the rows as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
