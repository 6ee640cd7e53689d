"""Evaluation episodes, played in any Gymnasium environment: `run_episodes`.

The evaluation protocol decides how an episode starts, and whether its goal comes with the
observations or with the reset's info. Protocols are in `dfplan.tasks.protocols`; other packages can
add more.
"""

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from dfplan.evaluation.episodes import Episodes, join
from dfplan.representation.action_space import fit_action
from dfplan.tasks.protocols import (
    EvaluationProtocol,
    SeedProtocol,
    assign_tasks,
    begin_episode,
    wrap_env,
)
from dfplan.types import UserError
from dfplan.util.flags import as_flag

PROGRESS_STEPS = 10
NUM_ENVS = 64
"""Largest number of environments at once; more use memory, but save no time per episode."""

Progress = Callable[[int, int], None]
"""Function that is called every 10 control steps, and when all episodes of a batch are over.

Its arguments are the number of episodes that are over, and the control steps of the others so far.
"""


class BatchAgent(Protocol):
    """Anything that acts on a batch of observations."""

    def reset(self, mask: np.ndarray | None = None, *, seed: Any = None) -> None:
        """Begin new episodes."""
        ...

    def act(
        self, observation: Any, goal: Any = None, *, episode_over: np.ndarray | None = None
    ) -> np.ndarray:
        """Return actions `[B, A]` for a batch of observations.

        Args:
            observation: Observations of all environments.
            goal: `[B, G]` goals, if the protocol gives them.
            episode_over: `[B]` bool, environments whose episode is over; any action will do there.
        """
        ...


def run_episodes(
    agent: BatchAgent,
    make: Callable[[], Any] | Any,
    seeds: np.ndarray,
    *,
    state: Callable[[Any], np.ndarray],
    goal: Callable[[Any], np.ndarray | None],
    progress: Progress | None = None,
    goal_dims: tuple[int, ...] = (),
    protocol: EvaluationProtocol = SeedProtocol(),
    num_envs: int = NUM_ENVS,
    batch: int | None = None,
) -> Episodes:
    """Play one episode per seed, up to `num_envs` side by side if environments can be made.

    The agent acts on what it observes. Rewards and success flags are the environment's own, and
    states are those of `info["true_observation"]` if there is one.

    Args:
        agent: Agent that acts on the batch; it is reset with the seeds. The batch always has the
            same size, so that the agent compiles only once.
        make: Function that makes one environment with a time limit; or one environment, which then
            plays the episodes one after the other and stays open.
        seeds: `[E]` seeds of the environments' resets.
        state: Function that returns the states of observations.
        goal: Function that returns the goals of observations, or None.
        progress: See `Progress`.
        goal_dims: State dimensions that a goal fixes; needed if the protocol gives goals.
        protocol: Evaluation protocol, which decides how each episode starts.
        num_envs: Largest number of environments at once. Actions depend on it by rounding alone,
            which contacts can amplify.
        batch: Number of the batch of episodes to play, below `count_batches`; None for all.

    Returns:
        The episodes; those of all batches, joined, are the episodes of a call for all.

    Raises:
        UserError: If there are no seeds, their number is not a multiple of the number of tasks,
            `num_envs` is below 1, or a reward is not a finite number or a success flag is not a
            flag.
    """
    if not len(seeds):
        raise UserError("no seeds, so no episodes; give at least one")
    if num_envs < 1:
        raise UserError(f"num_envs must be at least 1, got {num_envs}")
    tasks = assign_tasks(protocol, len(seeds))
    slices, size = _slices(len(seeds), num_envs if callable(make) else 1)
    chosen = slices if batch is None else [slices[batch]]
    play = functools.partial(
        _play,
        agent,
        protocol=protocol,
        state=state,
        goal=goal,
        goal_dims=goal_dims,
        size=size,
    )
    records = []
    with _opened(make, protocol, count=len(seeds[chosen[0]])) as envs:
        for part in chosen:
            before = part.start - chosen[0].start
            report = None if progress is None else functools.partial(_report, progress, before)
            count = len(seeds[part])
            records.append(play(envs[:count], seeds[part], tasks[part], progress=report))
    return join(records)


def count_batches(episodes: int, num_envs: int) -> int:
    """Return the number of batches in which `run_episodes` plays, if environments can be made."""
    return len(_slices(episodes, num_envs)[0])


def _slices(episodes: int, num_envs: int) -> tuple[list[slice], int]:
    """Divide the episodes into as few and as equal slices as possible; return their size, too.

    The last slice may be smaller.
    """
    count = -(-episodes // num_envs)
    size = -(-episodes // count)
    return [slice(first, min(first + size, episodes)) for first in range(0, episodes, size)], size


def _report(progress: Progress, episodes_before: int, over: int, steps: int) -> None:
    progress(episodes_before + over, steps)


@contextlib.contextmanager
def _opened(
    make: Callable[[], Any] | Any, protocol: EvaluationProtocol, count: int
) -> Iterator[list[Any]]:
    """Yield new environments and close them afterwards; or the one that was passed, left open.

    They play all slices: some take seconds to make, as they compile a robot's meshes.
    """
    if not callable(make):
        yield [wrap_env(protocol, make)]
        return
    with contextlib.ExitStack() as stack:
        envs = []
        for _ in range(count):
            env: Any = make()
            stack.callback(env.close)
            envs.append(wrap_env(protocol, env))
        yield envs


def given_goals(
    protocol: EvaluationProtocol,
    infos: list[dict[str, Any]],
    *,
    state: Callable[[Any], np.ndarray],
    goal_dims: tuple[int, ...],
) -> np.ndarray | None:
    """Return the goals `[B, G]` that a protocol gives for new episodes.

    Args:
        protocol: Evaluation protocol.
        infos: Infos of the resets.
        state: Function that returns the states of observations.
        goal_dims: State dimensions that a goal fixes.

    Returns:
        The goals; None if observations hold the goals themselves, or the planner has no goals.
    """
    if not protocol.gives_goals or not goal_dims:
        return None
    observations = stack([protocol.goal_observation(info) for info in infos])
    return state(observations)[:, list(goal_dims)]


def true_observation(observation: Any, info: Mapping[str, Any]) -> Any:
    """Return the observation without perturbations of the sensors."""
    return info.get("true_observation", observation)


def success_flag(info: Mapping[str, Any]) -> bool | None:
    """Return the success flag in a step's info; None if the info has no flag.

    Gymnasium-Robotics names it "success", Stable-Baselines3 "is_success".

    Raises:
        UserError: If it is not a boolean, 0 or 1. A fraction is refused, too, because the success
            rate counts episodes.
    """
    for key in ("success", "is_success"):
        if info.get(key) is not None:
            return as_flag(info[key], f"the environment's info[{key!r}]")
    return None


def stack(observations: list[Any]) -> Any:
    """Return the observations as one batch, in the form of a vector environment's."""
    if isinstance(observations[0], Mapping):
        return {key: stack([o[key] for o in observations]) for key in observations[0]}
    return np.stack(observations)


def _play(
    agent: BatchAgent,
    envs: list[Any],
    seeds: np.ndarray,
    tasks: list[int | None],
    progress: Progress | None,
    *,
    protocol: EvaluationProtocol,
    state: Callable[[Any], np.ndarray],
    goal: Callable[[Any], np.ndarray | None],
    goal_dims: tuple[int, ...],
    size: int,
) -> Episodes:
    """Play one episode in each environment, with an agent that acts on `size` of them.

    For the agent, the last environment is repeated up to that number.
    """
    starts = zip(envs, seeds, tasks, strict=True)
    resets = [begin_episode(protocol, env, int(seed), task) for env, seed, task in starts]
    observations = [observation for observation, _ in resets]
    infos = [info for _, info in resets]
    protocol_goals = given_goals(protocol, infos, state=state, goal_dims=goal_dims)
    goals = goal(stack(observations)) if protocol_goals is None else protocol_goals
    rows = np.minimum(np.arange(size), len(envs) - 1)
    arguments = {} if protocol_goals is None else {"goal": protocol_goals[rows]}
    agent.reset(seed=[int(seeds[row]) for row in rows])

    true_observations = [true_observation(o, info) for o, info in resets]
    states = [state(stack(true_observations))]
    success = [[success_flag(info) for info in infos]]
    rewards: list[np.ndarray] = []
    live = np.arange(size) < len(envs)
    length = np.zeros(len(envs), int)
    while live.any():
        batch = stack([observations[row] for row in rows])
        actions = agent.act(batch, **arguments, episode_over=~live)
        reward = np.zeros(len(envs))
        flags = list(success[-1])
        for i in np.flatnonzero(live):
            # The bounds in a dataset may differ from its environment's.
            action = fit_action(actions[i, ...], envs[i].action_space)
            observations[i], reward[i], terminated, truncated, info = envs[i].step(action)
            true_observations[i] = true_observation(observations[i], info)
            flags[i] = success_flag(info)
            live[i] = not (terminated or truncated)
            length[i] += 1
            if not math.isfinite(reward[i]):
                raise UserError(
                    f"the environment with seed {seeds[i]} gave reward {reward[i]} at step "
                    f"{length[i]}; a reward must be a finite number"
                )
        success.append(flags)
        rewards.append(reward)
        states.append(state(stack(true_observations)))
        if progress is not None and (len(rewards) % PROGRESS_STEPS == 0 or not live.any()):
            over = int(len(envs) - live.sum())
            progress(over, (len(envs) - over) * len(rewards))
    return Episodes(
        seeds=np.asarray(seeds),
        reward=np.array(rewards).T,
        success=_as_array(success),
        length=length,
        states=np.stack(states, axis=1),
        goals=goals,
    )


def _as_array(success: list[list[bool | None]]) -> np.ndarray | None:
    """Return flags by step and environment as `[E, L+1]` bool; None without any flag."""
    if all(flag is None for flags in success for flag in flags):
        return None
    return np.array([[bool(flag) for flag in flags] for flags in success]).T
