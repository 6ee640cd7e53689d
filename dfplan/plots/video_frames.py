"""Frames of an episode, recorded while an agent acts."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.evaluation.play import given_goals, success_flag
from dfplan.tasks.protocols import EvaluationProtocol, SeedProtocol, begin_episode, wrap_env

Renderer = Callable[[np.ndarray], Any]
"""`render(state [S])` returns the current frame, uint8 `[H, W, 3]`; called once per frame."""


def video_frames(
    agent: Agent,
    env: Any,
    seed: int,
    make_renderer: Callable[[], Renderer],
    *,
    every: int,
    stay: int,
    max_steps: float = math.inf,
    protocol: EvaluationProtocol = SeedProtocol(),
    task: int | None = None,
) -> Iterator[np.ndarray]:
    """Yield the frames of one episode, until it ends or has spent `stay` steps at its goal.

    Args:
        agent: Agent that acts; it is reset with the seed.
        env: Gymnasium environment.
        seed: Seed of the episode.
        make_renderer: Function that makes the renderer; called after the reset.
        every: Control steps from one frame to the next.
        stay: Number of steps at the goal after which the recording ends.
        max_steps: Maximum episode length in control steps; the environment may end it earlier.
        protocol: Evaluation protocol, which decides how the episode begins.
        task: Number of the protocol's task; None if it has no tasks.
    """
    env = wrap_env(protocol, env)
    observation, info = begin_episode(protocol, env, seed, task)
    layout = agent.layout
    goals = given_goals(protocol, [info], state=layout.state, goal_dims=layout.goal_dims)
    goal_arguments = {} if goals is None else {"goal": goals[0]}
    agent.reset(seed=[seed])
    render = make_renderer()
    step = 0
    episode_ended = False
    while not episode_ended and stay > 0:
        # The agent acts first, so that there is a plan to show.
        action = agent.act(observation, **goal_arguments)
        if step % every == 0:
            yield render(agent.layout.state(observation))
        observation, _, terminated, truncated, info = env.step(action)
        step += 1
        episode_ended = terminated or truncated or step >= max_steps
        stay -= bool(success_flag(info))
    yield render(agent.layout.state(observation))
