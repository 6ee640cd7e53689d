"""A film of two cubes that are stacked, with the plan's gripper and cubes ahead."""

from typing import Any

from dfplan.agent import Agent
from dfplan.cli.common import console
from dfplan.plots.mujoco_frames import MujocoRenderer
from dfplan.plots.video_frames import video_frames
from dfplan.plots.write_video import write_video
from dfplan.tasks.load import load_function
from dfplan.tasks.make_env import make_env
from dfplan.tasks.protocols import PROTOCOLS
from experiments.common.task_study import TaskStudy

TASK = "cube-double-play"
NUMBER = 5
"""The environment's fifth task, a stack."""
SIZE = 320
"""Pixels of a side."""
EVERY = 2
"""Control steps from one frame to the next."""
STAY = 20
"""Control steps that are shown after the goal is reached."""
FPS = 10.0


def film(study: TaskStudy) -> None:
    """Record an episode of the task with the planner that ships.

    Without a display, MuJoCo needs the environment variable MUJOCO_GL=egl.
    """
    task = study.task(TASK)
    path = study.pages / "figures" / f"{TASK}.gif"
    env: Any = make_env(task.env, {"width": SIZE, "height": SIZE}, render_mode="rgb_array")
    env.reset(seed=0)
    env.render()
    agent = Agent.load(task.name)
    frames = video_frames(
        agent,
        env,
        study.evaluation.start,
        make_renderer=lambda: MujocoRenderer(agent, env, (), load_function(task.markers)),
        every=EVERY,
        stay=STAY,
        protocol=PROTOCOLS.make(task.protocol),
        task=NUMBER,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, list(frames), FPS, size=SIZE)
    env.close()
    console.print(f"wrote {path}")
