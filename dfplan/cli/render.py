"""`dfplan render`."""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.cli.common import (
    File,
    Flag,
    Integer,
    Integers,
    RunDir,
    Text,
    check_at_least,
    check_outputs,
    check_seed,
    choose_env,
    console,
    write_json,
)
from dfplan.cli.rendering import off_screen, print_warnings
from dfplan.cli.runs import open_agent, parse_with_run
from dfplan.evaluation.time_limit import limit_steps, time_limit
from dfplan.planner.config import PlannerConfig
from dfplan.plots.body_ghosts import BodyGhosts, has_body_states
from dfplan.plots.matplotlib_frames import MatplotlibRenderer
from dfplan.plots.mujoco_frames import MujocoRenderer, follow_robot, mujoco_viewer
from dfplan.plots.scene import agent_plot_dims, draw_function
from dfplan.plots.video_frames import Renderer, video_frames
from dfplan.plots.write_video import check_video, write_video
from dfplan.tasks.author_warnings import hide_author_warnings
from dfplan.tasks.load import load_function
from dfplan.tasks.make_env import UnknownEnvError, make_env
from dfplan.tasks.protocols import PROTOCOLS, EvaluationProtocol
from dfplan.tasks.registry import Task
from dfplan.types import UserError, one_line

FPS = 25
SECONDS_AT_GOAL = 1.0
DRAWN_BY_MATPLOTLIB = "drawn with matplotlib"


@dataclasses.dataclass(frozen=True)
class Args:
    """Record episodes as video, with the active plan, its candidates and the path driven.

    MuJoCo environments are rendered by MuJoCo, with the plan drawn into the scene: as a line where
    positions in the world are known, else as the planned body, if an observation holds the
    positions and velocities of all joints. Without a display, MuJoCo uses EGL unless MUJOCO_GL is
    set. If it cannot render, matplotlib draws.

    Attributes:
        run: Run directory, or a task name for its pretrained planner (see `dfplan tasks`); must
            precede the options.
        seed: Seed of the first episode; it increases by 1 for each further episode.
        episodes: Number of episodes, recorded one after the other.
        out: Output file, .gif or .mp4 (which needs the extra `video`).
        size: Longest side of the video in pixels; larger frames are scaled down.
        positions: State dimensions of x, y and optionally z in the world; the task's by default.
        task: Another task to record, with the same states and actions.
        env: Another Gymnasium id to record, with the same states and actions.
        env_kwargs: Arguments of gymnasium.make as a JSON object.
        max_steps: Maximum episode length, for environments without a time limit of their own.
        trust_code: Import all code that the run names (environment, tracker, policy), also from
            the current directory; by default only what installed packages declare.
        json: Also write the file, the number of frames and the renderer to this file.
    """

    run: RunDir
    seed: int = 1000
    episodes: int = 1
    out: Path = Path("episode.gif")
    size: int = 480
    positions: Integers = ()
    task: Text = None
    env: Text = None
    env_kwargs: Text = None
    max_steps: Integer = None
    trust_code: Flag = False
    json: File = None
    planner: PlannerConfig = PlannerConfig()


@off_screen()
def main(argv: Sequence[str]) -> int:
    """Record a run."""
    args, resolved = parse_with_run(Args, "render", argv)
    check_at_least(1, episodes=args.episodes, max_steps=args.max_steps)
    check_at_least(16, size=args.size)
    check_seed(args.seed)
    check_video(args.out)
    check_outputs(args.out, args.json)
    run = resolved.run
    task = choose_env(run.task, args.task, args.env, env_kwargs=args.env_kwargs)
    task = dataclasses.replace(task, positions=args.positions or task.positions)
    _check_positions(task.positions, run.layout.state_dim)
    task = limit_steps(task, args.max_steps)
    with contextlib.closing(make_env(task.env, task.env_kwargs)) as env:
        run.check_env(env)
        time_limit(env, "--max-steps")
    agent = open_agent(resolved)
    seeds = range(args.seed, args.seed + args.episodes)
    frames, fps, drawn = record_episodes(agent, task, seeds, size=args.size)
    write_video(args.out, frames, fps, size=args.size)
    console.print(f"wrote {args.out}: {len(frames)} frames, {drawn}")
    write_json(args.json, {"video": str(args.out), "frames": len(frames), "drawn": drawn})
    return 0


def _check_positions(positions: tuple[int, ...], state_dim: int) -> None:
    if not positions:
        return
    distinct = len(set(positions)) == len(positions)
    if len(positions) not in (2, 3) or not distinct or not set(positions) <= set(range(state_dim)):
        raise UserError(
            f"--positions {' '.join(map(str, positions))}: valid are two or three different "
            f"state dimensions, 0 to {state_dim - 1}"
        )


def record_episodes(
    agent: Agent, task: Task, seeds: Sequence[int], size: int, seconds: float = math.inf
) -> tuple[list[np.ndarray], float, str]:
    """Record one episode per seed.

    Args:
        agent: Agent that acts.
        task: Task to record, whose `positions` and `markers` determine how plans are drawn.
        seeds: Seeds of the episodes.
        size: Longest side of frames that matplotlib draws, in pixels.
        seconds: Maximum length of the video of an episode.

    Returns:
        Frames, frames per second, and a phrase that names the renderer.
    """
    with print_warnings(), contextlib.ExitStack() as stack:
        env, renders = _open_env(task)
        stack.enter_context(contextlib.closing(env))
        make_renderer, drawn = _choose_renderer(agent, env, task, size=size, renders=renders)
        rate = env.metadata.get("render_fps") or FPS
        every = max(round(rate / FPS), 1)
        stay = max(round(SECONDS_AT_GOAL * rate), 1)
        frames: list[np.ndarray] = []
        protocol: EvaluationProtocol = PROTOCOLS.make(task.protocol)
        for i, seed in enumerate(seeds):
            frames += video_frames(
                agent,
                env,
                int(seed),
                make_renderer=make_renderer,
                every=every,
                stay=stay,
                max_steps=seconds * rate,
                protocol=protocol,
                task=i % protocol.task_count + 1 if protocol.task_count else None,
            )
    return frames, rate / every, drawn


def _open_env(task: Task) -> tuple[Any, bool]:
    """Return the environment, reset once, and whether it renders frames."""
    env = None
    try:
        env = make_env(task.env, task.env_kwargs, render_mode="rgb_array")
        with hide_author_warnings():
            env.reset(seed=0)
        if isinstance(env.render(), np.ndarray):
            return env, True
        reason = "it returns no frames"
    except UnknownEnvError:
        raise
    # Without a display, driver or mode, renderers raise many kinds of exceptions.
    except Exception as error:
        reason = one_line(error)
    console.print(f"note: {task.env} does not render: {reason}")
    if env is not None:
        # An environment that failed to render may also fail to close.
        with contextlib.suppress(Exception):
            env.close()
    env = make_env(task.env, task.env_kwargs)
    env.reset(seed=0)
    return env, False


def _choose_renderer(
    agent: Agent, env: Any, task: Task, *, size: int, renders: bool
) -> tuple[Callable[[], Renderer], str]:
    """Return a function that makes the renderer of an episode, and a phrase that names it."""
    positions = task.positions
    # The drawn dimensions of an environment that draws itself are world coordinates.
    if not positions and draw_function(env):
        positions = agent_plot_dims(agent)

    def mujoco() -> Renderer:
        markers = load_function(task.markers) if task.markers else None
        return MujocoRenderer(agent, env, positions, markers)

    def bodies() -> Renderer:
        follow_robot(env)
        ghosts = BodyGhosts(env, agent.planner.model.layout.stride)
        return MujocoRenderer(agent, env, positions=(), markers=ghosts)

    def matplotlib() -> Renderer:
        return MatplotlibRenderer(agent, env, size, caption=DRAWN_BY_MATPLOTLIB)

    def environment() -> Renderer:
        return lambda state: env.render()

    if mujoco_viewer(env) and (len(positions) > 1 or task.markers):
        return mujoco, "rendered by MuJoCo"
    if mujoco_viewer(env) and has_body_states(env):
        return bodies, "rendered by MuJoCo, with the planned body"
    # An environment's own render mode does not tell whether it can render on this machine.
    if not renders or (draw_function(env) and not mujoco_viewer(env)):
        return matplotlib, DRAWN_BY_MATPLOTLIB
    console.print(
        f"note: frames of {task.env} show no plan: that needs MuJoCo, and the state dimensions "
        "that are positions in the world, --positions X Y or X Y Z"
    )
    follow_robot(env)
    return environment, "rendered by the environment"
