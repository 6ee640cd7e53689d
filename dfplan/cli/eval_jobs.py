"""The jobs of an evaluation: batches of episodes, and the time that plans take."""

import contextlib
import dataclasses
import functools
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dfplan.agent import Agent
from dfplan.cli.evaluation import Evaluation, prepare
from dfplan.cli.runs import open_agent, weights_digest
from dfplan.evaluation.baselines import baselines
from dfplan.evaluation.bootstrap import interval
from dfplan.evaluation.episodes import Episodes, join
from dfplan.evaluation.latency import plan_latency
from dfplan.evaluation.metrics import measure, score_tasks
from dfplan.evaluation.play import BatchAgent, count_batches, given_goals, run_episodes
from dfplan.tasks.protocols import assign_tasks, begin_episode, wrap_env
from dfplan.util.jobs import Executor, Job, Report, run_jobs
from dfplan.util.readers.json import read_json

PLANNER = "planner"
LATENCY = "latency"
LATENCY_CALLS = 50
LATENCY_EPISODES = 10


class Evaluated(NamedTuple):
    """An evaluation that is complete.

    Attributes:
        result: Contents of result.json, without versions.
        episodes: The planner's episodes.
    """

    result: dict[str, Any]
    episodes: Episodes


class EvaluationJobs(NamedTuple):
    """The jobs of an evaluation.

    Attributes:
        evaluation: Evaluation.
        players: The player of each job, and `LATENCY` last of all.
        jobs: Jobs.
    """

    evaluation: Evaluation
    players: list[str]
    jobs: list[Job]

    def assemble(self, files: Sequence[Path]) -> Evaluated:
        """Return the evaluation whose jobs have these results."""
        evaluation = self.evaluation
        played: dict[str, list[Episodes]] = {}
        for player, file in zip(self.players[:-1], files[:-1], strict=True):
            played.setdefault(player, []).append(Episodes.from_bytes(file.read_bytes()))
        episodes = {player: join(parts) for player, parts in played.items()}
        result = {
            "task": evaluation.task.name or evaluation.task.env,
            "env": evaluation.task.env,
            "env_kwargs": evaluation.task.env_kwargs,
            "protocol": evaluation.task.protocol,
            "checkpoint": evaluation.resolved.name,
            "episodes": evaluation.args.episodes,
            "seeds": evaluation.seeds.tolist(),
            "perturbations": list(evaluation.args.perturb),
            "planner": dataclasses.asdict(evaluation.resolved.run.config.planner),
            "metrics": _metrics(episodes[PLANNER], evaluation),
        }
        result["metrics"]["latency_ms"] = read_json(files[-1])
        if evaluation.protocol.task_count:
            result["tasks"] = score_tasks(measure(episodes[PLANNER]), evaluation.protocol)
        if evaluation.args.baselines:
            result["baselines"] = {
                player: _metrics(record, evaluation)
                for player, record in episodes.items()
                if player != PLANNER
            }
        return Evaluated(result, episodes[PLANNER])


def evaluate(
    evaluations: Sequence[Evaluation],
    *,
    executor: Executor,
    folder: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[Evaluated]:
    """Evaluate runs.

    Args:
        evaluations: Evaluations, of `prepared`.
        executor: Executor of the jobs.
        folder: Folder that keeps finished work, for the caller to remove; None for a temporary one.
        progress: Function that is called with the number of control steps played.

    Raises:
        UserError: If a run has no checkpoint or cannot act, or an environment fails.
    """
    parts = [make_jobs(evaluation) for evaluation in evaluations]
    jobs = [job for part in parts for job in part.jobs]
    evaluated = []
    with _results(folder) as place:
        files = iter(run_jobs(jobs, place, executor=executor, progress=progress))
        for part in parts:
            evaluated.append(part.assemble([next(files) for _ in part.jobs]))
    return evaluated


def make_jobs(evaluation: Evaluation) -> EvaluationJobs:
    """Return the jobs of an evaluation, which other processes prepare from its arguments."""
    args = evaluation.args
    same = {
        "argv": list(evaluation.argv),
        "weights": weights_digest(evaluation.resolved.directory),
    }
    batches = count_batches(args.episodes, args.num_envs)
    steps = control_steps(evaluation) // (batches * len(_players(evaluation)))
    name = evaluation.resolved.name.replace("/", "-").replace(":", "-").strip("-.")
    jobs = []
    for player in _players(evaluation):
        for batch in range(batches):
            arguments = {**same, "player": player, "batch": batch}
            jobs.append(Job(f"{name}-{player}-{batch}", play, arguments, steps))
    jobs.append(Job(f"{name}-{LATENCY}", time_plans, same, 0))
    players = [player for player in _players(evaluation) for _ in range(batches)]
    return EvaluationJobs(evaluation, [*players, LATENCY], jobs)


def control_steps(evaluation: Evaluation) -> int:
    """Return the largest number of control steps that an evaluation may take."""
    return len(_players(evaluation)) * evaluation.args.episodes * evaluation.max_steps


def _players(evaluation: Evaluation) -> list[str]:
    """Return the names of what acts: the planner, and the baselines if they are asked for."""
    if not evaluation.args.baselines:
        return [PLANNER]
    return [PLANNER, *baselines(evaluation.task, evaluation.env)]


@contextlib.contextmanager
def _results(folder: Path | None) -> Iterator[Path]:
    """Yield the folder of results; one that was given stays, unless it is empty after an error."""
    if folder is None:
        with tempfile.TemporaryDirectory() as temporary:
            yield Path(temporary)
        return
    try:
        yield folder
    except BaseException:
        for empty in (folder, folder.parent):
            with contextlib.suppress(OSError):
                empty.rmdir()
        raise


def play(arguments: dict[str, Any], report: Report) -> bytes:
    """Play a batch of episodes, a job; return `Episodes.to_bytes`."""
    argv = tuple(arguments["argv"])
    evaluation = prepared(argv)
    agent = _agent(argv, arguments["weights"])
    player: BatchAgent = agent
    if arguments["player"] != PLANNER:
        player = baselines(evaluation.task, evaluation.env)[arguments["player"]]
    episodes = run_episodes(
        player,
        evaluation.make,
        evaluation.seeds,
        state=agent.layout.state,
        goal=agent.layout.goal,
        progress=lambda over, steps: report(over * evaluation.max_steps + steps),
        goal_dims=agent.layout.goal_dims,
        protocol=evaluation.protocol,
        num_envs=evaluation.args.num_envs,
        batch=arguments["batch"],
    )
    return episodes.to_bytes()


def time_plans(arguments: dict[str, Any], report: Report) -> bytes:
    """Time the first plans of the first ten episodes, a job; return JSON."""
    argv = tuple(arguments["argv"])
    evaluation = prepared(argv)
    agent = _agent(argv, arguments["weights"])
    protocol = evaluation.protocol
    seeds = evaluation.seeds.tolist()
    starts = list(zip(seeds, assign_tasks(protocol, len(seeds)), strict=True))[:LATENCY_EPISODES]
    env = wrap_env(protocol, evaluation.env)
    observations, infos = zip(
        *(begin_episode(protocol, env, seed, task) for seed, task in starts), strict=True
    )
    goals = given_goals(
        protocol, list(infos), state=agent.layout.state, goal_dims=agent.layout.goal_dims
    )
    latency = plan_latency(
        agent,
        list(observations),
        LATENCY_CALLS,
        goals=goals,
        finish_plans=agent.finish_plans if agent.planner.config.timing.near_tokens else None,
    )
    return json.dumps(latency).encode()


@functools.cache
def prepared(argv: tuple[str, ...]) -> Evaluation:
    """Return the evaluation of one run, which the jobs of one process share until `clear_cache`.

    Raises:
        UserError: As `prepare`.
    """
    return prepare(argv)


@functools.lru_cache(maxsize=1)
def _agent(argv: tuple[str, ...], weights: str) -> Agent:
    """Return the agent of an evaluation.

    Args:
        argv: Arguments of `dfplan eval`.
        weights: Digest of the weights, so that changed ones are loaded again.
    """
    return open_agent(prepared(argv).resolved)


def clear_cache() -> None:
    """Clear the evaluations and agents that this process keeps."""
    prepared.cache_clear()
    _agent.cache_clear()


def _metrics(episodes: Episodes, evaluation: Evaluation) -> dict[str, Any]:
    metrics = measure(episodes, evaluation.task.score)
    return {name: interval(values) for name, values in metrics.items()}
