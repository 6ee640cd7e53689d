"""Film: an episode driven for its pictures."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.evaluation.play import given_goals, success_flag
from dfplan.tasks.protocols import EvaluationProtocol, SeedProtocol

Picture = Callable[[np.ndarray], Any]
"""`picture(state [S])`: the present frame, uint8 `[H, W, 3]`; called once for each."""


def film(
    agent: Agent,
    env: Any,
    seed: int,
    make_picture: Callable[[], Picture],
    *,
    every: int,
    stay: int,
    most: float = math.inf,
    protocol: EvaluationProtocol = SeedProtocol(),
    task: int | None = None,
) -> Iterator[np.ndarray]:
    """Frames of one episode, until it is over or has been at its goal for a while.

    Args:
        agent: drives; it is reset with the seed.
        env: a Gymnasium environment.
        seed: of the episode.
        make_picture: called after the reset, makes what draws a frame.
        every: control steps from one frame to the next.
        stay: steps at the goal after which it ends.
        most: longest episode in steps; the environment may end it sooner.
        protocol: Evaluation protocol, which decides how the episode begins.
        task: Number of the protocol's task; None without tasks.
    """
    observation, info = protocol.reset(env, seed, task)
    layout = agent.layout
    goals = given_goals(protocol, [info], state=layout.state, goal_dims=layout.goal_dims)
    goal_arguments = {} if goals is None else {"goal": goals[0]}
    agent.reset(seed=[seed])
    picture, step, over = make_picture(), 0, False
    while not over and stay > 0:
        action = agent.act(observation, **goal_arguments)  # first, so that there is a plan to show
        if step % every == 0:
            yield picture(agent.layout.state(observation))
        observation, _, terminated, truncated, info = env.step(action)
        step += 1
        over = terminated or truncated or step >= most
        stay -= bool(success_flag(info))
    yield picture(agent.layout.state(observation))
