"""`dfplan render`."""

import contextlib
import dataclasses
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dfplan.agent import Agent
from dfplan.cli.common import (
    File,
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
from dfplan.cli.pictures import noting_warnings
from dfplan.evaluation.time_limit import limit_steps, time_limit
from dfplan.planner.config import PlannerConfig
from dfplan.plots.film import Picture, film
from dfplan.plots.overlay import OverlayPicture, viewer
from dfplan.plots.plane import PlanePicture
from dfplan.plots.scene import drawer, picture_dims
from dfplan.plots.video import check_video, write_video
from dfplan.runs.run import load_weights
from dfplan.tasks.make_env import UnknownEnvError, make_env
from dfplan.tasks.protocols import PROTOCOLS, EvaluationProtocol
from dfplan.tasks.registry import Task
from dfplan.types import UserError, one_line

FPS = 25
AT_GOAL_SECONDS = 1.0
FALLBACK = "drawn with matplotlib"


@dataclasses.dataclass(frozen=True)
class Args:
    """Film episodes, with the plan that is followed, its candidates and the path driven.

    MuJoCo environments are filmed by MuJoCo, with the plan in the scene; without a display through
    EGL, unless MUJOCO_GL says otherwise. Where that is impossible matplotlib draws instead.

    Attributes:
        run: directory of a run, or name of a task that comes trained (see `dfplan tasks`);
            before all options.
        seed: of the first episode; the next ones count up.
        episodes: how many, one after the other.
        out: the video, .gif or .mp4 (which needs the extra `video`).
        size: its longest side in pixels, if frames are larger.
        positions: places in the state of x, y and maybe z in the world; the task's when left out.
        task: another task to drive in, with the same states and actions.
        env: another Gymnasium id to drive in, likewise.
        env_kwargs: arguments of gymnasium.make as a JSON object.
        max_steps: longest episode, for environments that have no time limit of their own.
        json: also write file, number of frames and what drew them to this file.
    """

    run: RunDir
    seed: int = 1000
    episodes: int = 1
    out: Path = Path("episode.gif")
    size: int = 480
    positions: tuple[int, ...] = ()
    task: Text = None
    env: Text = None
    env_kwargs: Text = None
    max_steps: Integer = None
    json: File = None
    planner: PlannerConfig = PlannerConfig()


def main(argv: Sequence[str]) -> int:
    """Film a run."""
    args, found = parse_with_run(
        Args, "render", argv, lambda name, found: Args(name, planner=found.run.config.planner)
    )
    need_at_least(1, episodes=args.episodes, max_steps=args.max_steps)
    need_at_least(16, size=args.size)
    check_seed(args.seed)
    check_video(args.out)
    check_outputs(args.out, args.json)
    run = found.run.replace_planner(args.planner)
    task = choose_env(run.task, args.task, args.env, args.env_kwargs)
    task = dataclasses.replace(task, positions=args.positions or task.positions)
    _check_positions(task.positions, run.layout.state_dim)
    task = limit_steps(task, args.max_steps)
    with contextlib.closing(make_env(task.env, task.env_kwargs)) as env:
        run.check_env(env)
        time_limit(env, "--max-steps")
    agent = Agent.from_run(run, load_weights(run, found.directory))
    seeds = range(args.seed, args.seed + args.episodes)
    frames, fps, how = shoot(agent, task, seeds, args.size)
    write_video(args.out, frames, fps, args.size)
    console.print(f"wrote {args.out}: {len(frames)} frames, {how}")
    write_json(args.json, {"video": str(args.out), "frames": len(frames), "drawn": how})
    return 0


def _check_positions(positions: tuple[int, ...], dim: int) -> None:
    if positions and (
        len(positions) not in (2, 3)
        or len(set(positions)) < len(positions)
        or not all(0 <= d < dim for d in positions)
    ):
        raise UserError(
            f"--positions {' '.join(map(str, positions))}: valid are two or three different places "
            f"in the state, 0 to {dim - 1}"
        )


def shoot(
    agent: Agent, task: Task, seeds: Sequence[int], size: int, seconds: float = math.inf
) -> tuple[list[np.ndarray], float, str]:
    """Film one episode per seed.

    Args:
        agent: drives.
        task: where; `positions` say where its plans lie.
        seeds: of the episodes.
        size: longest side of what matplotlib draws.
        seconds: longest film of an episode.

    Returns:
        Frames, how many of them are a second, and what drew them, in words.
    """
    with off_screen(), noting_warnings(), contextlib.closing(_open(task)) as env:
        make_picture, how = _choose(agent, env, task, size)
        rate = env.metadata.get("render_fps") or FPS
        every = max(round(rate / FPS), 1)
        stay = max(round(AT_GOAL_SECONDS * rate), 1)
        frames: list[np.ndarray] = []
        protocol: EvaluationProtocol = PROTOCOLS.make(task.protocol)
        for i, seed in enumerate(seeds):
            frames += film(
                agent,
                env,
                int(seed),
                make_picture,
                every=every,
                stay=stay,
                most=seconds * rate,
                protocol=protocol,
                task=i % protocol.task_count + 1 if protocol.task_count else None,
            )
    return frames, rate / every, how


@contextlib.contextmanager
def off_screen() -> Iterator[None]:
    """Without a display, have MuJoCo render through EGL, where MUJOCO_GL does not say how."""
    headless = sys.platform == "linux" and not {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ)
    if not headless or "MUJOCO_GL" in os.environ:
        yield
        return
    os.environ["MUJOCO_GL"] = "egl"
    try:
        yield
    finally:
        del os.environ["MUJOCO_GL"]


def _open(task: Task) -> Any:
    """The environment with frames where it has any, else without."""
    env = None
    try:
        env = make_env(task.env, task.env_kwargs, render_mode="rgb_array")
        env.reset(seed=0)
        if isinstance(env.render(), np.ndarray):
            return env
        reason = "it gives no frames"
    except UnknownEnvError:
        raise
    except Exception as error:  # no display, no driver, no such mode: renderers raise many kinds
        reason = one_line(error)
    console.print(f"note: {task.env} does not render: {reason}")
    if env is not None:
        # What is half open may not close either.
        with contextlib.suppress(Exception):
            env.close()
    env = make_env(task.env, task.env_kwargs)
    env.reset(seed=0)
    return env


def _choose(agent: Agent, env: Any, task: Task, size: int) -> tuple[Callable[[], Picture], str]:
    """What makes the pictures of an episode, and its name."""
    positions = task.positions
    if not positions and drawer(env):  # then a picture's dimensions are coordinates of the world
        positions = picture_dims(agent.layout.goal_dims, agent.layout.state_dim)
    if viewer(env) and len(positions) > 1:
        return lambda: OverlayPicture(agent, env, positions), "rendered by MuJoCo"
    if env.render_mode is None or (drawer(env) and not viewer(env)):
        return lambda: PlanePicture(agent, env, size, FALLBACK), FALLBACK
    console.print(
        f"note: frames of {task.env} show no plan, as the task does not say which places of the "
        "state are positions; for MuJoCo's, --positions X Y or X Y Z says it"
    )
    return lambda: lambda state: env.render(), "the environment's own"
