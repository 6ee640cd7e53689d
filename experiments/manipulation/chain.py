"""Where episodes are lost: in the plan, in the low-level controller, or in the grasp.

Each link is measured alone, for a task with one cube:

- plans: the first plans of episodes. Does the cube arrive, and does it move in the gripper alone?
- low level: the controller follows the states of the scripted policy, recorded from the same start,
  instead of a plan. Does the cube arrive where the scripted policy took it?
- grasps: the episodes themselves. In how many was the cube ever lifted, and in how many of these
  did it come to its goal?
"""

import functools
from typing import Any

import numpy as np

from dfplan.control.low_level import LowLevelController, make_low_level_controller
from dfplan.evaluation.episodes import Episodes
from dfplan.runs.run import load_weights
from dfplan.tasks.registry import Task
from dfplan_envs.ogbench.manipulation.oracles import make_oracles
from dfplan_envs.ogbench.manipulation.scene import Scene
from experiments.common.protocol_episodes import play, starts
from experiments.common.records import measure_once
from experiments.common.task_study import TaskStudy
from experiments.common.trained import Trained
from experiments.manipulation.evaluate import NUM_ENVS

# ruff: noqa: NPY002  (OGBench's scripted policies draw from NumPy's global generator)

EFFECTOR = [12, 13, 14]
CUBE = [19, 20, 21]
UNIT = 0.1
"""Meters per unit of a position in the state."""
MOVED = 0.01 / UNIT
"""A cube that moves less between two tokens, 1 cm, counts as at rest."""
HELD = 0.04 / UNIT
"""Largest distance of a held cube from the effector."""
LIFTED = 0.05 / UNIT
"""Height of a lifted cube's center; at rest it is at 2 cm."""
REACHED = 0.04 / UNIT
"""OGBench's tolerance."""
REFERENCES = 50
SEED = 90_000
TUNING = range(1000, 1050)
"""Seeds of the episodes and plans."""
STEPS_TO_SPARE = 10
"""Control steps after a reference's end in which the cube may still arrive."""


def measure_chain(study: TaskStudy) -> None:
    """Measure every link for all runs of tasks with one cube."""
    for name, seed in study.cases():
        if name.startswith("cube-single"):
            task = study.task(name)
            trained = study.load(name, seed)
            measure_once(
                study.result(name, seed, "chain"),
                trained.request(task, TUNING),
                functools.partial(links, trained, task),
            )


def links(trained: Trained, task: Task) -> dict[str, Any]:
    """Return the measurements of each link."""
    return {
        "plans": plans(trained, task, TUNING),
        "low_level": low_level(trained, task),
        "grasps": grasps(play(trained.agent(), task, TUNING, num_envs=NUM_ENVS)),
    }


def plans(trained: Trained, task: Task, seeds: range) -> dict[str, float]:
    """Return how many first plans arrive, and how many of their cubes' moves are in the gripper."""
    agent = trained.agent()
    tolerance = trained.run.config.planner.goal.tolerance
    arrives = []
    arrival = []
    held = []
    for observation, goal in zip(*starts(agent, task, seeds), strict=True):
        agent.plan_from(agent.layout.state(observation), goal)
        assert agent.plan is not None
        states = np.asarray(agent.plan.states)[0]
        cube = states[:, CUBE]
        reached = np.linalg.norm(cube - goal, axis=-1) <= tolerance
        last = int(np.argmax(reached)) if reached.any() else len(states) - 1
        arrives.append(reached.any())
        arrival.append(float(np.asarray(agent.plan.arrival)[0]))
        moves = np.linalg.norm(np.diff(cube, axis=0), axis=-1) > MOVED
        near = np.linalg.norm(cube - states[:, EFFECTOR], axis=-1) <= HELD
        held.extend((near[:-1] & near[1:])[:last][moves[:last]])
    return {
        "arrive": float(np.mean(arrives)),
        "steps_to_arrival": float(np.median(arrival)),
        "moves_in_gripper": float(np.mean(held)),
    }


def low_level(trained: Trained, task: Task) -> dict[str, float]:
    """Return how often the controller repeats what the scripted policy did, given its states."""
    run = trained.run
    weights = load_weights(run, trained.directory)
    controller = make_low_level_controller(run.make_planner(), weights, tracker=None, xp=np)
    seeds = range(SEED, SEED + REFERENCES)
    return repeat_references(controller, Scene(task.env, {}), run.config.data.stride, seeds)


def repeat_references(
    controller: LowLevelController, scene: Scene, stride: int, seeds: range
) -> dict[str, float]:
    """Return how often a controller takes the cube where the scripted policy took it.

    Args:
        controller: Controller, which is given the scripted policy's states as its plan.
        scene: Environment.
        stride: Control steps per token of a plan.
        seeds: Seeds of the episodes.
    """
    arrives = []
    errors = []
    for seed in seeds:
        reference = record_reference(scene, seed)
        plan = reference[::stride][None].astype(np.float32)
        observation, _ = scene.reset(seed)
        nearest = np.inf
        for step in range(len(reference) + STEPS_TO_SPARE):
            state = observation[None].astype(np.float32)
            action = controller(plan, None, np.array([step]), state, None)
            observation, _ = scene.step(np.clip(np.asarray(action)[0], -1, 1))
            offset = np.linalg.norm(observation[CUBE] - reference[-1, CUBE])
            nearest = min(nearest, float(offset))
            if step + 1 < len(reference):
                error = observation[EFFECTOR] - reference[step + 1, EFFECTOR]
                errors.append(np.linalg.norm(error) * UNIT)
        arrives.append(nearest <= REACHED)
    return {"arrive": float(np.mean(arrives)), "effector_error_m": float(np.mean(errors))}


def record_reference(scene: Scene, seed: int) -> np.ndarray:
    """Return the states `[T, S]` of a scripted pick and place."""
    np.random.seed(seed)
    oracle = make_oracles(scene.env, "play")["cube"]
    observation, info = scene.reset(seed)
    oracle.reset(observation, info)
    states = [observation]
    while not oracle.done:
        action = np.clip(oracle.select_action(observation, info), -1, 1)
        observation, info = scene.step(action.astype(np.float32))
        states.append(observation)
    return np.stack(states)


def grasps(episodes: Episodes) -> dict[str, float]:
    """Return in how many episodes the cube was lifted, and in how many it then came to the goal."""
    assert episodes.success is not None and episodes.goals is not None
    steps = np.arange(episodes.states.shape[1])[None]
    cube = episodes.states[:, :, CUBE]
    lifted = (cube[..., 2] > LIFTED) & (steps <= episodes.length[:, None])
    is_lifted = lifted.any(axis=1)
    success = episodes.success[np.arange(len(episodes.length)), episodes.length]
    first = np.argmax(lifted, axis=1)[is_lifted]
    return {
        "success": float(success.mean()),
        "lifted": float(is_lifted.mean()),
        "success_of_lifted": float(success[is_lifted].mean()) if is_lifted.any() else 0.0,
        "steps_to_lift": float(np.median(first)) if is_lifted.any() else 0.0,
        "steps_of_successes": float(np.median(episodes.length[success])) if success.any() else 0.0,
    }
