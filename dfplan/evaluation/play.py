"""Evaluation episodes, played in any Gymnasium environment: `run_episodes`.

The evaluation protocol decides how an episode starts, and whether its goal comes with the
observations or with the reset's info. Protocols are in `dfplan.tasks.protocols`; other packages can
add more.
"""

import contextlib
import functools
import math
from collections.abc import Callable, Mapping
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


class BatchAgent(Protocol):
    """Anything that acts on a batch of observations."""

    def reset(self, mask: np.ndarray | None = None, *, seed: Any = None) -> None:
        """Begin new episodes."""
        ...

    def act(self, observation: Any, goal: Any = None) -> np.ndarray:
        """Return actions `[B, A]` for a batch of observations, and goals `[B, G]` if given."""
        ...


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
    """Play one episode per seed, side by side if an environment can be made for each.

    The agent acts on what it observes. Rewards and success flags are the environment's own, and
    states are those of `info["true_observation"]` if there is one.

    Args:
        agent: Agent that acts on the batch; it is reset with the seeds.
        make: Function that makes one environment with a time limit; or one environment, which then
            plays the episodes one after the other and stays open.
        seeds: `[E]` seeds of the environments' resets.
        state: Function that returns the states of observations.
        goal: Function that returns the goals of observations, or None.
        progress: Function that is called with the number of steps done, every 10 steps.
        goal_dims: State dimensions that a goal fixes; needed if the protocol gives goals.
        protocol: Evaluation protocol, which decides how each episode starts.

    Returns:
        The episodes.

    Raises:
        UserError: If there are no seeds, their number is not a multiple of the number of tasks, or
            a reward is not a finite number or a success flag is not a flag.
    """
    if not len(seeds):
        raise UserError("no seeds, so no episodes; give at least one")
    tasks = assign_tasks(protocol, len(seeds))
    play = functools.partial(
        _play, agent, protocol=protocol, state=state, goal=goal, goal_dims=goal_dims
    )
    if not callable(make):
        env = wrap_env(protocol, make)
        single_episodes = [
            play([env], seeds[i : i + 1], tasks[i : i + 1], progress=None)
            for i in range(len(seeds))
        ]
        return join(single_episodes)
    with contextlib.ExitStack() as stack:
        envs = []
        for _ in seeds:
            new_env = make()
            stack.callback(new_env.close)
            envs.append(wrap_env(protocol, new_env))
        return play(envs, seeds, tasks, progress=progress)


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
    progress: Callable[[int], None] | None,
    *,
    protocol: EvaluationProtocol,
    state: Callable[[Any], np.ndarray],
    goal: Callable[[Any], np.ndarray | None],
    goal_dims: tuple[int, ...],
) -> Episodes:
    starts = zip(envs, seeds, tasks, strict=True)
    resets = [begin_episode(protocol, env, int(seed), task) for env, seed, task in starts]
    observations = [observation for observation, _ in resets]
    infos = [info for _, info in resets]
    protocol_goals = given_goals(protocol, infos, state=state, goal_dims=goal_dims)
    goals = goal(stack(observations)) if protocol_goals is None else protocol_goals
    arguments = {} if protocol_goals is None else {"goal": protocol_goals}
    agent.reset(seed=[int(s) for s in seeds])

    true_observations = [true_observation(o, info) for o, info in resets]
    states = [state(stack(true_observations))]
    success = [[success_flag(info) for info in infos]]
    rewards: list[np.ndarray] = []
    live = np.ones(len(envs), bool)
    length = np.zeros(len(envs), int)
    while live.any():
        actions = agent.act(stack(observations), **arguments)
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
        if progress is not None and len(rewards) % PROGRESS_STEPS == 0:
            progress(len(rewards))
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
