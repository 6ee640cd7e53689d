"""The figures that `dfplan eval --out` and `dfplan plan --png` write."""

import contextlib
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.cli.common import console
from dfplan.cli.rendering import off_screen, print_warnings
from dfplan.evaluation.episodes import Episodes
from dfplan.planner.diffusion_planner import DiffusionPlanner, as_diffusion_planner
from dfplan.plots.denoising import animate_denoising
from dfplan.plots.mujoco_frames import follow_robot
from dfplan.plots.plans import PlanCase, draw_plans
from dfplan.plots.scene import agent_plot_dims, axis_names, draw_function, goal_point, plot_points
from dfplan.plots.video_frames import video_frames
from dfplan.plots.write_video import write_video
from dfplan.tasks.make_env import make_env
from dfplan.tasks.protocols import PROTOCOLS, EvaluationProtocol, assign_tasks
from dfplan.tasks.registry import Task
from dfplan.types import UserError, one_line

PANELS = 6
MAX_FRAMES = 240
VIDEO_FPS = 25
FILES = ("plans.png", "denoising.gif", "episode.gif")


def draw_evaluation(
    out: Path, agent: Agent, task: Task, make: Callable[..., Any], episodes: Episodes
) -> list[Path]:
    """Write the figures of an evaluation, of the episodes that took longest to reach their goal.

    Args:
        out: Directory for plans.png, denoising.gif and episode.gif.
        agent: Agent that was evaluated.
        task: Task that it was evaluated on.
        make: Function that makes the environment as it was evaluated, with any perturbations; its
            arguments are passed on to `gymnasium.make`.
        episodes: Episodes of the evaluation.

    Returns:
        The files, in this order; without denoising.gif if the planner does not expose its
        sampling, and without episode.gif if the environment does not render.
    """
    slowest = [int(e) for e in _slowest_first(episodes)[:PANELS]]
    plans, denoising, video = (out / name for name in FILES)
    cases = [_plan_case(agent, episodes, e) for e in slowest]
    _draw_cases(plans, agent, task, cases=cases)
    drawn = [plans]
    if isinstance(agent.planner, DiffusionPlanner):
        _draw_denoising(denoising, agent, task, episodes=episodes, e=slowest[0])
        drawn.append(denoising)
    else:
        kind = agent.planner.config.kind
        console.print(
            f"note: no {denoising.name}, as planner.kind {kind!r} does not expose its sampling"
        )
    if _record_video(video, agent, task, make=make, episodes=episodes, e=slowest[0]):
        drawn.append(video)
    return drawn


def draw_plan(
    path: Path, agent: Agent, task: Task, start: np.ndarray, goal: np.ndarray | None
) -> None:
    """Draw the active plan of an agent, from `start` `[S]` to `goal` `[G]`.

    Raises:
        UserError: If the environment rejects the start or the goal.
    """
    candidates, best = _candidates(agent)
    point = _goal_point(agent, goal)
    case = PlanCase(candidates, best, driven=np.empty((0, 2)), goal=point)
    reset_options = {"start": start[:2]}
    if goal is not None:
        reset_options["goal"] = goal
    _draw_cases(path, agent, task, cases=[case], reset_options=reset_options)


def _slowest_first(episodes: Episodes) -> np.ndarray:
    """Return the episodes' indices by their time to the first success, the longest first.

    Environments that do not report success keep the order of their episodes.
    """
    if episodes.success is None:
        return np.arange(len(episodes.seeds))
    reached = episodes.success.any(axis=1)
    first = np.where(reached, episodes.success.argmax(axis=1), episodes.length + 1)
    return np.argsort(-first, kind="stable")


def _goal_point(agent: Agent, goal: np.ndarray | None) -> np.ndarray | None:
    end = agent.planner.horizon * agent.planner.model.layout.stride
    return goal_point(goal, agent.layout.goal_dims, agent_plot_dims(agent), end=end)


def _candidates(agent: Agent) -> tuple[np.ndarray, int]:
    """Return the candidates of the active plan as figure coordinates, and the best one's index."""
    assert agent.plan is not None
    stride = agent.planner.model.layout.stride
    candidates = plot_points(agent.plan.candidates[0], agent_plot_dims(agent), stride)
    return candidates, int(agent.plan.best[0])


def _repeat_first_plan(agent: Agent, episodes: Episodes, e: int, denoising: bool = False) -> Any:
    """Make the first plan of episode `e` again; return its goal."""
    goal = None if episodes.goals is None else episodes.goals[e]
    agent.reset(seed=[int(episodes.seeds[e])])
    agent.plan_from(episodes.states[e, 0], goal, denoising=denoising)
    return goal


def _plan_case(agent: Agent, episodes: Episodes, e: int) -> PlanCase:
    goal = _repeat_first_plan(agent, episodes, e)
    candidates, best = _candidates(agent)
    return PlanCase(
        candidates,
        best,
        driven=plot_points(episodes.states[e, : episodes.length[e] + 1], agent_plot_dims(agent)),
        goal=_goal_point(agent, goal),
        title=_title(episodes, e),
        seed=int(episodes.seeds[e]),
    )


def _title(episodes: Episodes, e: int) -> str:
    name = f"seed {episodes.seeds[e]}"
    if episodes.success is None:
        return f"{name}: return {episodes.reward[e].sum():.1f}"
    if not episodes.success[e].any():
        return f"{name}: goal not reached"
    return f"{name}: goal reached after {episodes.success[e].argmax()} steps"


def _draw_cases(
    path: Path,
    agent: Agent,
    task: Task,
    cases: list[PlanCase],
    reset_options: dict[str, Any] | None = None,
) -> None:
    """Draw plans in their environment, or without a background if the task has none.

    The reset options move an environment that draws itself to the start and goal of the plan.
    """
    with contextlib.ExitStack() as stack:
        draw = None
        if task.env:
            env = stack.enter_context(contextlib.closing(make_env(task.env, task.env_kwargs)))
            draw = draw_function(env)
            if draw and reset_options:
                _reset(env, reset_options)
        unit, names = _axes(agent, draw)
        draw_plans(path, cases, draw, unit=unit, names=names)


def _axes(agent: Agent, draw: Callable[..., None] | None) -> tuple[str, tuple[str, str]]:
    """Return the unit and the names of the axes; an environment that draws itself is in meters."""
    if draw:
        return "m", ("x", "y")
    return "", axis_names(agent_plot_dims(agent))


def _reset(env: Any, options: dict[str, Any]) -> None:
    try:
        env.reset(seed=0, options=options)
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"the environment rejects {options}: {one_line(error)}") from error


def _draw_denoising(path: Path, agent: Agent, task: Task, episodes: Episodes, e: int) -> None:
    goal = _repeat_first_plan(agent, episodes, e, denoising=True)
    plan = agent.plan
    assert plan is not None and plan.denoising is not None
    planner = as_diffusion_planner(agent.planner)
    with contextlib.closing(make_env(task.env, task.env_kwargs)) as env:
        env.reset(seed=int(episodes.seeds[e]))
        draw = draw_function(env)
        unit, names = _axes(agent, draw)
        animate_denoising(
            path,
            plot_points(plan.denoising[0], agent_plot_dims(agent), planner.model.layout.stride),
            planner.levels(planner.config.sampling.make_matrix(planner.horizon)),
            best=int(plan.best[0]),
            draw=draw,
            goal=_goal_point(agent, goal),
            unit=unit,
            names=names,
        )


def _record_video(
    path: Path, agent: Agent, task: Task, make: Callable[..., Any], episodes: Episodes, e: int
) -> bool:
    """Play one episode again and record it; return False if the environment does not render."""
    protocol: EvaluationProtocol = PROTOCOLS.make(task.protocol)
    number = assign_tasks(protocol, len(episodes.seeds))[e]
    try:
        with off_screen(), print_warnings():
            seed = int(episodes.seeds[e])
            frames = _frames(agent, make, seed, protocol=protocol, task=number, record=task)
    # Without a display, driver or package, renderers raise many kinds of exceptions.
    except Exception as error:
        console.print(f"note: no {path.name}, as {task.env} does not render: {one_line(error)}")
        return False
    write_video(path, frames, VIDEO_FPS)
    return True


def _frames(
    agent: Agent,
    make: Callable[..., Any],
    seed: int,
    protocol: EvaluationProtocol,
    task: int | None,
    record: Task,
) -> list[Any]:
    with contextlib.closing(make(render_mode="rgb_array")) as env:
        if "rgb_array" not in env.metadata.get("render_modes", []):
            raise UserError("it has no render mode rgb_array")
        if not record.positions:
            follow_robot(env)
        fps = env.metadata.get("render_fps") or VIDEO_FPS
        every = max(round(fps / VIDEO_FPS), 1)

        def make_renderer() -> Callable[[np.ndarray], Any]:
            return lambda state: env.render()

        frames = video_frames(
            agent,
            env,
            seed,
            make_renderer=make_renderer,
            every=every,
            stay=VIDEO_FPS * every,  # One second at the goal.
            protocol=protocol,
            task=task,
        )
        return list(itertools.islice(frames, MAX_FRAMES))
