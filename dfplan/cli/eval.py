"""`dfplan eval`."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import numpy as np
import tyro

from dfplan.agent import Agent
from dfplan.cli.common import (
    File,
    Folder,
    Integer,
    RunDir,
    Text,
    check_outputs,
    check_seed,
    choose_env,
    console,
    need_at_least,
    parse_with_run,
    write_json,
)
from dfplan.cli.pictures import FILES, draw_all
from dfplan.cli.progress import step_bar
from dfplan.evaluation.baselines import baselines
from dfplan.evaluation.bootstrap import interval
from dfplan.evaluation.episodes import Episodes
from dfplan.evaluation.latency import plan_latency
from dfplan.evaluation.metrics import METRICS, measure, score_tasks
from dfplan.evaluation.play import BatchAgent, given_goals, run_episodes
from dfplan.evaluation.time_limit import limit_steps, time_limit
from dfplan.planner.config import PlannerConfig
from dfplan.report.result import cell
from dfplan.representation.layout import Layout
from dfplan.runs.run import load_weights
from dfplan.tasks.make_env import make_env
from dfplan.tasks.perturb import parse_perturbation, perturbed
from dfplan.tasks.protocols import PROTOCOLS, EvaluationProtocol, assign_tasks
from dfplan.tasks.registry import Task

LATENCY_CALLS = 50


@dataclasses.dataclass(frozen=True)
class Args:
    """Drive an environment with a trained planner, and measure it.

    The planner's settings default to those of the run. Episode i has the seed `seed` + i; keep the
    seeds of a result apart from those that settings were chosen on.

    Attributes:
        run: directory of a run, or name of a task that comes trained (see `dfplan tasks`);
            before all options.
        episodes: episodes to play, side by side.
        seed: of the first episode.
        task: another task to evaluate on, with the same states and actions.
        env: another Gymnasium id to evaluate on, likewise.
        env_kwargs: arguments of gymnasium.make as a JSON object.
        perturb: NAME=VALUE[,OPTION=VALUE...], once or more, the first one nearest to the
            environment, such as obs_noise=0.2,0.2,0,0 or push=0.5,duration=10; that numbers may be
            missing is declared to the planner by itself, noise is by planner.observation-noise.
        max_steps: longest episode, for environments that have no time limit of their own.
        protocol: evaluation protocol, the task's own by default: seeds (episode i is reset with its
            seed) or ogbench (five tasks; 250 episodes are the official number).
        references: also measure random actions and the data's controller, on the same seeds.
        out: directory for result.json, plans.png, denoising.gif and episode.gif.
        json: also write the result to this file.
    """

    run: RunDir
    episodes: int = 50
    seed: int = 1000
    task: Text = None
    env: Text = None
    env_kwargs: Text = None
    perturb: Annotated[
        tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="STR")
    ] = ()
    max_steps: Integer = None
    protocol: Text = None
    baselines: bool = False
    out: Folder = None
    json: File = None
    planner: PlannerConfig = PlannerConfig()


def main(argv: Sequence[str], *, names_pictures: bool = True) -> int:
    """Evaluate a run, and say where its pictures are."""
    args, found = parse_with_run(
        Args, "eval", argv, lambda name, found: Args(name, planner=found.run.config.planner)
    )
    need_at_least(1, episodes=args.episodes, max_steps=args.max_steps)
    check_seed(args.seed)
    perturbations = [parse_perturbation(text) for text in args.perturb]
    run = found.run.replace_planner(args.planner)
    if any(perturbation.drops for perturbation in perturbations):
        run = run.with_planner({"sensing.missing": True})
    task = choose_env(run.task, args.task, args.env, args.env_kwargs)
    task = dataclasses.replace(task, protocol=args.protocol or task.protocol)
    task = limit_steps(task, args.max_steps)

    def make(**more: Any) -> Any:
        return perturbed(make_env(task.env, task.env_kwargs, **more), perturbations)

    env = make()
    limit = time_limit(env, "--max-steps")
    run.check_env(env)
    results = [args.json, args.out and args.out / "result.json"]
    check_outputs(*results, *(args.out / file for file in FILES if args.out))
    protocol: EvaluationProtocol = PROTOCOLS.make(task.protocol)
    assign_tasks(protocol, args.episodes)
    if run.layout.goal_dim and not (run.layout.gives_goal or protocol.gives_goals):
        console.print(
            f"note: observations of {task.env} hold no goal, so the planner is given none; "
            "train with --goal-from or --goal-value; in Python, Agent.act takes one"
        )
    agent = Agent.from_run(run, load_weights(run, found.directory))
    seeds = np.arange(args.seed, args.seed + args.episodes)
    episodes = _play("evaluating", agent, agent.layout, make, limit, seeds, protocol)
    result = _result(found.name, task, agent, env, episodes, args.perturb, protocol)
    if args.baselines:
        result["baselines"] = {
            name: _metrics(_play(name, policy, agent.layout, make, limit, seeds, protocol), task)
            for name, policy in baselines(task, env).items()
        }
    env.close()
    console.print(_table(result))
    for path in results:
        write_json(path, result)
    if args.out:
        for picture in draw_all(args.out, agent, task, make, episodes):
            if names_pictures:
                console.print(f"wrote {picture}")
    return 0


def _play(
    what: str,
    agent: BatchAgent,
    layout: Layout,
    make: Callable[[], Any],
    limit: int,
    seeds: np.ndarray,
    protocol: EvaluationProtocol,
) -> Episodes:
    with step_bar(what, limit) as advance:
        return run_episodes(
            agent,
            make,
            seeds,
            state=layout.state,
            goal=layout.goal,
            progress=advance,
            goal_dims=layout.goal_dims,
            protocol=protocol,
        )


def _metrics(episodes: Episodes, task: Task) -> dict[str, Any]:
    return {name: interval(array) for name, array in measure(episodes, task.score).items()}


def _result(
    checkpoint: str,
    task: Task,
    agent: Agent,
    env: Any,
    episodes: Episodes,
    perturbations: Sequence[str],
    protocol: EvaluationProtocol,
) -> dict[str, Any]:
    result = {
        "task": task.name or task.env,
        "checkpoint": checkpoint,
        "episodes": len(episodes.seeds),
        "seeds": [int(s) for s in episodes.seeds],
        "perturbations": list(perturbations),
        "planner": dataclasses.asdict(agent.planner.config),
        "metrics": {
            **_metrics(episodes, task),
            "latency_ms": _latency(agent, env, episodes, protocol),
        },
    }
    if protocol.task_count:
        result["tasks"] = score_tasks(measure(episodes), protocol)
    return result


def _latency(
    agent: Agent, env: Any, episodes: Episodes, protocol: EvaluationProtocol
) -> dict[str, float]:
    """Time plans at the beginning of the first ten episodes."""
    tasks = assign_tasks(protocol, len(episodes.seeds))
    starts = list(zip(episodes.seeds.tolist(), tasks, strict=True))[:10]
    observations, infos = zip(*(protocol.reset(env, *start) for start in starts), strict=True)
    goals = given_goals(
        protocol, list(infos), state=agent.layout.state, goal_dims=agent.layout.goal_dims
    )
    return plan_latency(agent, list(observations), LATENCY_CALLS, goals)


def _table(result: dict[str, Any]) -> str:
    """Metrics down, the planner and its references across."""
    columns = {"planner": result["metrics"], **result.get("baselines", {})}
    rows = [("metric", *columns)]
    rows += [(name, *(cell(metrics[name]) for metrics in columns.values())) for name in METRICS]
    rows = [row for row in rows if any(row[1:])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    latency = result["metrics"]["latency_ms"]
    lines += [f"{name}: {cell(value)}" for name, value in result.get("tasks", {}).items()]
    return "\n".join(
        [
            f"{result['task']}, {result['episodes']} episodes: mean (95 % interval)",
            *lines,
            f"one plan takes {latency['p50']:.1f} ms, 99 % at most {latency['p99']:.1f} ms",
        ]
    )
