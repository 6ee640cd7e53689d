"""Films of the arm at work, with the plan's gripper and objects ahead."""

from typing import Any, NamedTuple

from dfplan.agent import Agent
from dfplan.cli.common import console
from dfplan.plots.mujoco_frames import MujocoRenderer
from dfplan.plots.video_frames import video_frames
from dfplan.plots.write_video import write_video
from dfplan.tasks.load import load_function
from dfplan.tasks.make_env import make_env
from dfplan.tasks.protocols import PROTOCOLS
from experiments.common.task_study import TaskStudy


class Film(NamedTuple):
    """What is filmed of an environment.

    Attributes:
        number: Number of the task in the environment.
        every: Control steps from one frame to the next.
    """

    number: int
    every: int = 2


FILMS = {
    "cube-single-play": Film(1),
    "cube-double-play": Film(5),  # a stack
    "scene-play": Film(5, every=4),  # the longest task
    "puzzle-3x3-play": Film(4),
}
SIZE = 320
"""Pixels of a side."""
STAY = 20
"""Control steps that are shown after the goal is reached."""
FPS = 10.0


def film(study: TaskStudy) -> None:
    """Record an episode of each environment, with the pretrained planner or else the first run.

    Without a display, MuJoCo needs the environment variable MUJOCO_GL=egl.
    """
    for name in study.names:
        if name in FILMS:
            _film(study, name)


def _film(study: TaskStudy, name: str) -> None:
    task = study.task(name)
    env: Any = make_env(task.env, {"width": SIZE, "height": SIZE}, render_mode="rgb_array")
    env.reset(seed=0)
    env.render()
    agent = Agent.load(task.name if task.checkpoint else study.run(name, study.seeds[0]))
    frames = video_frames(
        agent,
        env,
        study.evaluation.start,
        make_renderer=lambda: MujocoRenderer(agent, env, (), load_function(task.markers)),
        every=FILMS[name].every,
        stay=STAY,
        protocol=PROTOCOLS.make(task.protocol),
        task=FILMS[name].number,
    )
    path = study.pages / "figures" / f"{name}.gif"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, list(frames), FPS, size=SIZE)
    env.close()
    console.print(f"wrote {path}")
