"""Evaluation: episodes on any Gymnasium environment, and metrics with their intervals."""

import contextlib
import functools
import math
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from dfplan.agent import Agent
from dfplan.evaluation.episodes import Episodes, join
from dfplan.tasks.make_env import check_env_object, make_env
from dfplan.tasks.protocols import PROTOCOLS, EvaluationProtocol, SeedProtocol, assign_tasks
from dfplan.types import Environment, UserError

RESAMPLES = 5_000
METRICS = (
    "raw_return",
    "normalized_score",
    "latched_score",
    "first_reach",
    "reach_rate",
    "success_rate",
)


class BatchAgent(Protocol):
    """What is evaluated: anything that acts on a batch of observations."""

    def reset(self, mask: np.ndarray | None = None, *, seed: Any = None) -> None:
        """Begin new episodes."""
        ...

    def act(self, observation: Any, goal: Any = None) -> np.ndarray:
        """Return actions `[B, A]` for a batch of observations, and goals `[B, G]` if given."""
        ...


def stack(observations: list[Any]) -> Any:
    """One batched observation of many, as a vector environment would give it."""
    if isinstance(observations[0], Mapping):
        return {k: stack([o[k] for o in observations]) for k in observations[0]}
    return np.stack(observations)


def evaluate(
    agent: Agent,
    env: Environment,
    *,
    episodes: int = 50,
    seed: int = 1000,
    env_kwargs: dict[str, Any] | None = None,
    max_steps: int | None = None,
    score: Mapping[str, float] | None = None,
    protocol: str = "seeds",
) -> dict[str, Any]:
    """Play episodes with an agent, and measure it as `dfplan eval` does.

    Args:
        agent: the agent.
        env: a Gymnasium id, a function that makes an environment, or an environment. The first two
            are played side by side, which takes far less time.
        episodes: how many.
        seed: of the first episode; episode i has `seed` + i.
        env_kwargs: arguments of `gymnasium.make` or of the function.
        max_steps: longest episode; needed where no time limit of the environment's own is known.
        score: returns that stand for a normalised score of 0 and 100, "min" and "max".
        protocol: Evaluation protocol, a name in `dfplan.tasks.protocols.PROTOCOLS`.

    Returns:
        Of each metric `{"mean", "ci_low", "ci_high"}`, see `measure` and `interval`. A protocol
        with tasks adds "tasks", see `score_tasks`.

    Raises:
        UserError: when the environment cannot be made, has no known time limit or is not the one
            that the agent knows.
    """
    limited = functools.partial(_limited, max_steps=max_steps)
    if isinstance(env, str):
        where = lambda: limited(make_env(env, env_kwargs))  # noqa: E731
    elif callable(env):
        where = lambda: limited(env(**(env_kwargs or {})))  # noqa: E731
    else:
        where = limited(env)
    rules: EvaluationProtocol = PROTOCOLS.make(protocol)
    played = run_episodes(
        agent,
        where,
        np.arange(seed, seed + episodes),
        state=agent.layout.state,
        goal=agent.layout.goal,
        goal_dims=agent.layout.goal_dims,
        protocol=rules,
    )
    metrics = measure(played, score)
    result: dict[str, Any] = {name: interval(values) for name, values in metrics.items()}
    if rules.task_count:
        result["tasks"] = score_tasks(metrics, rules)
    return result


def _limited(env: Any, max_steps: int | None) -> Any:
    """The environment with an end to its episodes."""
    from gymnasium.wrappers import TimeLimit

    check_env_object(env)
    if max_steps is not None:
        return TimeLimit(env, max_steps)
    if env.spec is None or env.spec.max_episode_steps is None:
        raise UserError(f"environment {env} has no time limit that is known; give max_steps")
    return env


def run_episodes(
    agent: BatchAgent,
    make: Callable[[], Any] | Any,
    seeds: np.ndarray,
    *,
    state: Callable[[Any], np.ndarray],
    goal: Callable[[Any], np.ndarray | None],
    progress: Callable[[int], None] | None = None,
    goal_dims: tuple[int, ...] = (),
    protocol: EvaluationProtocol = SeedProtocol(),
) -> Episodes:
    """Play one episode per seed, side by side where an environment can be made for each.

    The agent acts on what it observes. Rewards and success flags are the environment's own, and
    states are those of `info["true_observation"]` where there is one.

    Args:
        agent: acts on the batch; it is reset with the seeds.
        make: makes one environment, with a time limit; or one environment, which then plays the
            episodes one after the other and stays open.
        seeds: `[E]`, of the environments' resets.
        state: state of an observation. goal: its goal.
        progress: called with the number of steps done, every 10 steps.
        goal_dims: State dimensions that a goal fixes; needed where the protocol gives goals.
        protocol: Decides how each episode begins.

    Raises:
        UserError: when there are no seeds, or an environment gives a reward that is no number.
    """
    if not len(seeds):
        raise UserError("no seeds, so no episodes; give at least one")
    tasks = assign_tasks(protocol, len(seeds))
    play = functools.partial(
        _play, agent, protocol=protocol, state=state, goal=goal, goal_dims=goal_dims
    )
    if not callable(make):
        one = [play([make], seeds[i : i + 1], tasks[i : i + 1], None) for i in range(len(seeds))]
        return join(one)
    with contextlib.ExitStack() as opened:
        envs = []
        for _ in seeds:
            envs.append(make())
            opened.callback(envs[-1].close)
        return play(envs, seeds, tasks, progress)


def given_goals(
    protocol: EvaluationProtocol,
    infos: list[dict[str, Any]],
    *,
    state: Callable[[Any], np.ndarray],
    goal_dims: tuple[int, ...],
) -> np.ndarray | None:
    """Return the goals `[B, G]` that a protocol gives for new episodes.

    None where observations show the goals themselves, or the planner has none.
    """
    if not protocol.gives_goals or not goal_dims:
        return None
    observations = stack([protocol.goal_observation(info) for info in infos])
    return state(observations)[:, list(goal_dims)]


def _play(
    agent: BatchAgent,
    envs: list[Any],
    seeds: np.ndarray,
    tasks: list[int | None],
    progress: Callable[[int], None] | None,
    *,
    protocol: EvaluationProtocol,
    state: Callable[[Any], np.ndarray],
    goal: Callable[[Any], np.ndarray | None],
    goal_dims: tuple[int, ...],
) -> Episodes:
    starts = zip(envs, seeds, tasks, strict=True)
    first = [protocol.reset(env, int(seed), task) for env, seed, task in starts]
    observations, success = [o for o, _ in first], [[success_flag(info) for _, info in first]]
    truth = [true_observation(o, info) for o, info in first]
    given = given_goals(protocol, [info for _, info in first], state=state, goal_dims=goal_dims)
    goals = goal(stack(observations)) if given is None else given
    arguments = {} if given is None else {"goal": given}
    agent.reset(seed=[int(s) for s in seeds])
    states, rewards = [state(stack(truth))], []
    live, length = np.ones(len(envs), bool), np.zeros(len(envs), int)
    while live.any():
        actions = agent.act(stack(observations), **arguments)
        reward, flags = np.zeros(len(envs)), list(success[-1])
        for i in np.flatnonzero(live):
            observations[i], reward[i], terminated, truncated, info = envs[i].step(actions[i])
            flags[i], truth[i] = success_flag(info), true_observation(observations[i], info)
            live[i] = not (terminated or truncated)
            length[i] += 1
            if not math.isfinite(reward[i]):
                raise UserError(
                    f"the environment with seed {seeds[i]} gave reward {reward[i]} at step "
                    f"{length[i]}; a reward must be a finite number"
                )
        success.append(flags)
        rewards.append(reward)
        states.append(state(stack(truth)))
        if progress is not None and len(rewards) % 10 == 0:
            progress(len(rewards))
    flagged = any(f is not None for row in success for f in row)
    reached = np.array([[bool(f) for f in row] for row in success]).T if flagged else None
    return Episodes(
        np.asarray(seeds), np.array(rewards).T, reached, length, np.stack(states, 1), goals
    )


def true_observation(observation: Any, info: Mapping[str, Any]) -> Any:
    """What would have been observed without perturbations of the sensors."""
    return info.get("true_observation", observation)


def success_flag(info: Mapping[str, Any]) -> bool | None:
    """The success flag of a step's info, under Gymnasium-Robotics' or Stable-Baselines3's name."""
    for key in ("success", "is_success"):
        if key in info:
            return bool(info[key])
    return None


def measure(
    episodes: Episodes, score: Mapping[str, float] | None = None
) -> dict[str, np.ndarray | None]:
    """Each metric per episode, `[E]`; None where the task has none.

    - raw_return: sum of rewards.
    - normalized_score: 100 (raw_return - min) / (max - min), with the task's constants.
    - latched_score: the same for a return in which every step from the first success on counts 1.
    - first_reach: steps until the first success; the episode's length if there was none.
    - reach_rate: whether there was a success at any time.
    - success_rate: whether the last step was one.

    Args:
        episodes: what happened.
        score: "min" and "max", or None.
    """
    raw = episodes.reward.sum(axis=1)
    values: dict[str, np.ndarray | None] = dict.fromkeys(METRICS)
    values["raw_return"] = raw
    if score:
        values["normalized_score"] = _normalized(raw, score)
    if episodes.success is None:
        return values
    rows = np.arange(len(raw))
    reached = episodes.success.any(axis=1)
    first = np.where(reached, episodes.success.argmax(axis=1), episodes.length)
    values["first_reach"] = first.astype(float)
    values["reach_rate"] = reached.astype(float)
    values["success_rate"] = episodes.success[rows, episodes.length].astype(float)
    if score:
        # An episode that begins at the goal is rewarded from its first step on.
        counted = np.where(reached, episodes.length - np.maximum(first, 1) + 1, 0)
        values["latched_score"] = _normalized(counted, score)
    return values


def score_tasks(
    metrics: Mapping[str, np.ndarray | None], protocol: EvaluationProtocol
) -> dict[str, dict[str, float] | None]:
    """Return the interval of the protocol's metric for each of its tasks, "task1" first.

    Args:
        metrics: Metrics per episode from `measure`, in the order in which episodes were played.
        protocol: Protocol of the evaluation, one with tasks.
    """
    values = metrics[protocol.metric]
    names = [f"task{k}" for k in range(1, protocol.task_count + 1)]
    if values is None:
        return dict.fromkeys(names)
    blocks = np.split(values, protocol.task_count)
    return {name: interval(block) for name, block in zip(names, blocks, strict=True)}


def _normalized(returns: np.ndarray, score: Mapping[str, float]) -> np.ndarray:
    return 100 * (returns - score["min"]) / (score["max"] - score["min"])


def interval(values: np.ndarray | None, seed: int = 0) -> dict[str, float] | None:
    """Mean and 95 % bootstrap interval (percentile) of a metric over episodes."""
    if values is None:
        return None
    drawn = np.random.default_rng(seed).choice(values, (RESAMPLES, len(values)))
    low, high = np.percentile(drawn.mean(axis=1), [2.5, 97.5])
    return {"mean": float(np.mean(values)), "ci_low": float(low), "ci_high": float(high)}


def plan_latency(
    agent: BatchAgent,
    observations: list[Any],
    calls: int = 50,
    goals: np.ndarray | None = None,
) -> dict[str, float]:
    """Milliseconds of one `act` that plans, for one environment: median and 99th percentile.

    Args:
        agent: is reset before each call, so that each call plans.
        observations: of single environments, used in turn.
        calls: timed calls; one more goes before them, to compile.
        goals: Goals `[E, G]` of the observations, where these do not show them.
    """
    seconds = []
    for i in range(calls + 1):
        agent.reset(seed=0)
        turn = i % len(observations)
        arguments = {} if goals is None else {"goal": goals[turn]}
        begin = time.perf_counter()
        agent.act(observations[turn], **arguments)
        seconds.append(time.perf_counter() - begin)
    p50, p99 = np.percentile(1000 * np.array(seconds[1:]), [50, 99])
    return {"p50": float(p50), "p99": float(p99)}
