"""The pictures that `dfplan eval --out` and `dfplan plan --png` write."""

import contextlib
import itertools
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.cli.common import console
from dfplan.evaluation.episodes import Episodes
from dfplan.planner.diffusion_planner import as_diffusion_planner
from dfplan.plots.denoising import animate_denoising
from dfplan.plots.episode import write_episode
from dfplan.plots.film import film
from dfplan.plots.plans import PlanCase, draw_plans
from dfplan.plots.scene import axis_names, drawer, goal_point, picture_dims, points
from dfplan.tasks.make_env import make_env
from dfplan.tasks.protocols import PROTOCOLS, EvaluationProtocol, assign_tasks
from dfplan.tasks.registry import Task
from dfplan.types import UserError, one_line

PANELS = 6
FRAMES = 240
EPISODE_FPS = 25
FILES = ("plans.png", "denoising.gif", "episode.gif")
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def draw_all(
    out: Path, agent: Agent, task: Task, make: Callable[..., Any], episodes: Episodes
) -> list[Path]:
    """Pictures of an evaluation, of the episodes that took longest to reach their goal.

    Args:
        out: directory for plans.png, denoising.gif and episode.gif.
        agent: as it was evaluated.
        task: environment it was evaluated in.
        make: makes that environment as it was evaluated in, perturbed or not, given more arguments.
        episodes: what happened.

    Returns:
        The files, in that order; without episode.gif where the environment does not render.
    """
    hardest = _hardest(episodes)[:PANELS]
    plans, denoising, film = (out / name for name in FILES)
    cases = [_case(agent, episodes, int(e)) for e in hardest]
    _draw_cases(plans, agent, task, cases)
    _draw_denoising(denoising, agent, task, episodes, int(hardest[0]))
    return [plans, denoising, *_film(film, agent, task, make, episodes, int(hardest[0]))]


def draw_plan(
    path: Path, agent: Agent, task: Task, start: np.ndarray, goal: np.ndarray | None
) -> None:
    """A picture of the plan that the agent holds, from `start` [S] to `goal` [G]."""
    assert agent.plan is not None
    case = PlanCase(*_candidates(agent), driven=np.empty((0, 2)), goal=_goal(agent, goal))
    _draw_cases(path, agent, task, [case], options=_options(task, start, goal))


def _hardest(episodes: Episodes) -> np.ndarray:
    """Episodes by the time to their first success, the slowest first; else in their order."""
    if episodes.success is None:
        return np.arange(len(episodes.seeds))
    reached = episodes.success.any(axis=1)
    first = np.where(reached, episodes.success.argmax(axis=1), episodes.length + 1)
    return np.argsort(-first, kind="stable")


def _dims(agent: Agent) -> tuple[int, ...]:
    return picture_dims(agent.layout.goal_dims, agent.layout.state_dim)


def _goal(agent: Agent, goal: np.ndarray | None) -> np.ndarray | None:
    end = agent.planner.horizon * agent.planner.model.layout.stride
    return goal_point(goal, agent.layout.goal_dims, _dims(agent), end)


def _candidates(agent: Agent) -> tuple[np.ndarray, int]:
    assert agent.plan is not None
    stride = agent.planner.model.layout.stride
    return points(agent.plan.candidates[0], _dims(agent), stride), int(agent.plan.best[0])


def _plan_again(agent: Agent, episodes: Episodes, e: int, denoising: bool = False) -> Any:
    """Make the first plan of episode `e` once more; returns its goal."""
    goal = None if episodes.goals is None else episodes.goals[e]
    agent.reset(seed=[int(episodes.seeds[e])])
    agent.plan_from(episodes.states[e, 0], goal, denoising=denoising)
    return goal


def _case(agent: Agent, episodes: Episodes, e: int) -> PlanCase:
    goal = _goal(agent, _plan_again(agent, episodes, e))
    driven = points(episodes.states[e, : episodes.length[e] + 1], _dims(agent))
    seed = int(episodes.seeds[e])
    return PlanCase(*_candidates(agent), driven, goal, _title(episodes, e), seed)


def _title(episodes: Episodes, e: int) -> str:
    name = f"seed {episodes.seeds[e]}"
    if episodes.success is None:
        return f"{name}: return {episodes.reward[e].sum():.1f}"
    if not episodes.success[e].any():
        return f"{name}: goal not reached"
    return f"{name}: at the goal after {episodes.success[e].argmax()} steps"


def _draw_cases(
    path: Path, agent: Agent, task: Task, cases: list[PlanCase], options: Any = None
) -> None:
    env = make_env(task.env, task.env_kwargs)
    draw = drawer(env)
    if draw and options:
        _reset(env, options)
    names = ("x", "y") if draw else axis_names(_dims(agent))
    draw_plans(path, cases, draw, unit="m" if draw else "", names=names)
    env.close()


def _options(task: Task, start: np.ndarray, goal: np.ndarray | None) -> dict[str, Any]:
    """Reset options of an environment that draws itself: where to start, and the goal."""
    return {"start": start[:2], **({} if goal is None else {"goal": goal})}


def _reset(env: Any, options: dict[str, Any]) -> None:
    try:
        env.reset(seed=0, options=options)
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"the environment refuses {options}: {one_line(error)}") from error


def _draw_denoising(path: Path, agent: Agent, task: Task, episodes: Episodes, e: int) -> None:
    planner = as_diffusion_planner(agent.planner)
    goal = _plan_again(agent, episodes, e, denoising=True)
    plan = agent.plan
    assert plan is not None and plan.denoising is not None
    env = make_env(task.env, task.env_kwargs)
    env.reset(seed=int(episodes.seeds[e]))
    draw = drawer(env)
    animate_denoising(
        path,
        points(plan.denoising[0], _dims(agent), agent.planner.model.layout.stride),
        planner.levels(planner.config.sampling.make_matrix(planner.horizon)),
        int(plan.best[0]),
        draw,
        _goal(agent, goal),
        unit="m" if draw else "",
        names=("x", "y") if draw else axis_names(_dims(agent)),
    )
    env.close()


def _film(
    path: Path, agent: Agent, task: Task, make: Callable[..., Any], episodes: Episodes, e: int
) -> list[Path]:
    """Drive one episode again, rendered; empty where the environment does not render."""
    protocol: EvaluationProtocol = PROTOCOLS.make(task.protocol)
    number = assign_tasks(protocol, len(episodes.seeds))[e]
    try:
        with noting_warnings():
            frames = _frames(agent, make, int(episodes.seeds[e]), protocol, number)
    except Exception as error:  # no display, no driver, no such package: renderers raise many kinds
        console.print(f"note: no {path.name}, as {task.env} does not render: {one_line(error)}")
        return []
    write_episode(path, frames, EPISODE_FPS)
    return [path]


def _frames(
    agent: Agent,
    make: Callable[..., Any],
    seed: int,
    protocol: EvaluationProtocol,
    task: int | None,
) -> list[Any]:
    with contextlib.closing(make(render_mode="rgb_array")) as env:
        if "rgb_array" not in env.metadata.get("render_modes", []):
            raise UserError("it has no mode rgb_array")
        fps = env.metadata.get("render_fps") or EPISODE_FPS
        every = max(round(fps / EPISODE_FPS), 1)
        stay = EPISODE_FPS * every  # a second at the goal is enough
        frames = film(
            agent,
            env,
            seed,
            lambda: lambda _: env.render(),
            every=every,
            stay=stay,
            protocol=protocol,
            task=task,
        )
        return list(itertools.islice(frames, FRAMES))


@contextlib.contextmanager
def noting_warnings() -> Iterator[None]:
    """Show each different warning as one plain line, without Gymnasium's colours and file name."""
    with warnings.catch_warnings(record=True) as caught:
        yield
    for text in dict.fromkeys(str(warning.message) for warning in caught):
        plain = " ".join(ANSI.sub("", text).removeprefix("WARN: ").split())
        console.print(f"note: {plain}")
