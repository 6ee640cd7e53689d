"""Task records of OGBench's manipulation suite; see `dfplan_envs.tasks`."""

import dataclasses
import itertools
from typing import Any

ARM = 19
"""Length of the part of the state that describes the arm: joint positions and velocities, effector
position, cosine and sine of its yaw, opening of the gripper and its contact force."""
EFFECTOR = tuple(range(12, 18))
"""Effector position, cosine and sine of its yaw, and opening of the gripper."""
POSITION_SCALE = 10.0
"""States hold positions in tenths of a meter."""
DRAWER_SCALE = 18.0
"""States hold 18 times the drawer's position in meters."""
WINDOW_SCALE = 15.0
"""States hold 15 times the window's position in meters."""
CUBE = 9
"""Length of a cube's part of the state: position, quaternion, cosine and sine of its yaw."""
BUTTON = 4
"""Length of a button's part of the state: off, on, depth and velocity."""
KINDS = {
    "play": "a scripted policy that follows noisy plans to random targets",
    "noisy": "a scripted policy with noise of random strength on its actions",
}


@dataclasses.dataclass(frozen=True)
class Objects:
    """What an environment's arm manipulates.

    Attributes:
        cubes: Number of cubes.
        buttons: Number of buttons.
        has_drawer: Whether there are a drawer and a window, too.
        description: What is to be done.
        steps: Control steps of OGBench's dataset.
    """

    cubes: int
    buttons: int
    has_drawer: bool
    description: str
    steps: int = 1_000_000

    @property
    def goal_dims(self) -> list[int]:
        """State dimensions that decide success: positions, and whether buttons are on."""
        buttons = ARM + CUBE * self.cubes
        drawer = buttons + BUTTON * self.buttons
        dims = [ARM + CUBE * cube + axis for cube in range(self.cubes) for axis in range(3)]
        dims += [buttons + BUTTON * button + 1 for button in range(self.buttons)]
        return dims + [drawer, drawer + 2] * self.has_drawer

    @property
    def plan_dims(self) -> list[int]:
        """State dimensions of plans: the effector, the cubes' poses, and the rest of the goal."""
        yaws = [ARM + CUBE * cube + axis for cube in range(self.cubes) for axis in (7, 8)]
        return sorted({*EFFECTOR, *yaws, *self.goal_dims})

    @property
    def goal_scale(self) -> list[float]:
        """Factors that turn OGBench's tolerance of each goal dimension into a cube's, 4 cm."""
        cubes = [1.0] * 3 * self.cubes + [1.0] * self.buttons
        return (
            cubes + [POSITION_SCALE / DRAWER_SCALE, POSITION_SCALE / WINDOW_SCALE] * self.has_drawer
        )

    @property
    def groups(self) -> list[list[list[int]]]:
        """State dimensions of each object; cubes are alike, and each button is its own group."""
        buttons = ARM + CUBE * self.cubes
        drawer = buttons + BUTTON * self.buttons
        cubes = [list(range(ARM + CUBE * k, ARM + CUBE * (k + 1))) for k in range(self.cubes)]
        groups = [cubes] * bool(cubes)
        for k in range(self.buttons):
            groups.append([list(range(buttons + BUTTON * k, buttons + BUTTON * (k + 1)))])
        if self.has_drawer:
            groups += [[[drawer, drawer + 1]], [[drawer + 2, drawer + 3]]]
        return groups

    @property
    def preset(self) -> dict[str, Any]:
        """Settings that depend on the objects."""
        groups = itertools.chain.from_iterable(self.groups)
        return {
            "data.plan_dims": self.plan_dims,
            # A window holds a press, or a pick and place with the way to it.
            "data.tokens": 26 if self.cubes else 16,
            "data.move_lead": 6 if self.cubes else 0,
            # Each object of the scene is moved in another way. Too few steps give plans that reach
            # for the drawer's handle several centimeters beside it.
            "training.steps": 6_000 if self.has_drawer else 1_500 if self.cubes else 2_000,
            # The arm moves in the same way, wherever the objects are.
            "policy.relative_dims": list(itertools.chain.from_iterable(groups)),
        }


SCENES = {
    "cube-single": Objects(1, 0, False, "move a cube to a place"),
    "cube-double": Objects(2, 0, False, "move two cubes to their places, or stack them"),
    "cube-triple": Objects(
        3, 0, False, "move three cubes to their places, or stack them", 3_000_000
    ),
    "scene": Objects(1, 2, True, "a cube, a drawer and a window that two buttons lock"),
    "puzzle-3x3": Objects(0, 9, False, "Lights Out with 3 by 3 buttons"),
    "puzzle-4x4": Objects(0, 16, False, "Lights Out with 4 by 4 buttons"),
}
PRESET: dict[str, Any] = {
    # A plan moves one object; goals may take several moves.
    "planner.kind": "subgoals",
    "planner.ranker": "arrival:hold=false",
    "planner.history.tokens": 2,
    "data.single_moves": True,
    # Grasps and presses take 4 control steps or more. With longer tokens, plans go from above a
    # button to above it and miss that it is pressed.
    "data.stride": 4,
    "data.goal_decay": 0.0,
    "planner.goal.tolerance": 0.02 * POSITION_SCALE,  # meters; half of OGBench's
    "planner.low_level_controller": "policy",
    "planner.candidates": 8,
    "planner.replan_every": 8,
    # Plans differ in height and route; a warm start keeps to the chosen one.
    "planner.warm_start.level": 0.8,
    # The policy reaches the plan's effector pose on time. Behavior cloning, as all of the data are
    # equally fast.
    "policy.target_dims": list(EFFECTOR),
    "policy.timed": True,
    "policy.sharpness": 0.0,
    "policy.steps": 6_000,
}


MARKERS_MODULE = "dfplan_envs.ogbench.manipulation.markers"
MARKERS = ("", "one_cube", "two_cubes", "three_cubes")
"""Functions that draw a plan, by the number of cubes."""
PRETRAINED = ("ogbench-cube-single-play", "ogbench-cube-double-play", "ogbench-scene-play")
"""Tasks with a pretrained planner."""


def _record(scene: str, kind: str) -> dict[str, Any]:
    task = f"ogbench-{scene}-{kind}"
    objects = SCENES[scene]
    return {
        "description": f"OGBench's {scene}: {objects.description} (needs ogbench); "
        f"data: {KINDS[kind]}",
        "env": f"ogbench.manipspace:{scene}-v0",
        "env_kwargs": {},
        "dataset": f"ogbench/{scene}-{kind}-v0",
        "collector": f"dfplan_envs.ogbench.manipulation.collect:collect_{kind}",
        "collect_steps": objects.steps,
        "policy": "",
        "tracker": "",
        "checkpoint": f"dfplan_envs:checkpoints/{task}" if task in PRETRAINED else "",
        "goal_dims": objects.goal_dims,
        "goal_scale": objects.goal_scale,
        "objects": objects.groups,
        "positions": [],
        "markers": f"{MARKERS_MODULE}:{MARKERS[objects.cubes]}" if objects.cubes else "",
        "score": None,
        "protocol": "ogbench",
        "preset": {**PRESET, **objects.preset},
    }


MANIPULATION_TASKS: dict[str, dict[str, Any]] = {
    f"ogbench-{scene}-{kind}": _record(scene, kind) for scene in SCENES for kind in KINDS
}
