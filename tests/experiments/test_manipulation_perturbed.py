"""Cubes that are seen badly or moved by hand: what is perturbed, and for whom."""

import dataclasses
import json
from typing import Any

import gymnasium as gym
import mujoco
import numpy as np
import pytest

from dfplan.tasks.perturb import parse_perturbation
from dfplan.tasks.registry import get_task
from experiments.common.hold_last import HoldLast
from experiments.manipulation import perturbed
from experiments.manipulation.moved import CLEARANCE, DISTANCE, FIRST_STEP, ROOM, MovedCube
from experiments.manipulation.perturbed import CONDITIONS
from experiments.manipulation.study import STUDY

TASK = get_task("ogbench-cube-double-play")
DIM = 37
LAST_STEP = 12


def test_only_what_is_seen_of_the_cubes_is_perturbed():
    noise = parse_perturbation(CONDITIONS["noise"].perturbation(TASK, DIM)).value
    assert np.flatnonzero(noise).tolist() == [19, 20, 21, 28, 29, 30] and max(noise) == 0.1
    for name in ("dropout", "occlusion"):
        parsed = parse_perturbation(CONDITIONS[name].perturbation(TASK, DIM))
        assert np.flatnonzero(parsed.value).tolist() == list(range(19, 37)) and parsed.drops
    for name in ("clean", "moved"):
        assert CONDITIONS[name].perturbation(TASK, DIM) == ""


def test_declared_noise_is_that_of_the_sensors():
    noise = parse_perturbation(CONDITIONS["noise"].perturbation(TASK, DIM)).value
    declared = CONDITIONS["noise"].declared(TASK, DIM)
    assert declared is not None and declared["sensing.observation_noise"] == noise


class Run:
    """A run that records its planner settings."""

    def __init__(self, settings=None):
        self.settings = settings
        self.layout: Any = dataclasses.make_dataclass("Layout", ["state_dim"])(DIM)

    def with_planner(self, settings):
        return Run(settings)


@dataclasses.dataclass
class Planner:
    """A trained run without weights."""

    run: Run

    def agent(self):
        return self.run


@pytest.mark.parametrize("name", CONDITIONS)
def test_only_a_planner_that_is_told_sees_missing_numbers(name):
    planner: Any = Planner(Run())
    methods = list(perturbed._methods(planner, TASK, CONDITIONS[name]))
    agents = {method.name: method.agent() for method in methods}
    assert isinstance(agents["dfplan"], HoldLast)
    told = {"noise": "sensing.observation_noise"}.get(name, "sensing.missing")
    if name in ("clean", "moved"):
        assert len(agents) == 1
    else:
        assert told in agents["declared"].settings


class Table(gym.Env):
    """Two cubes on a table and a gripper, with OGBench's names."""

    action_space = gym.spaces.Box(-1, 1, (1,))
    observation_space = gym.spaces.Box(-1, 1, (3,))
    _object_sampling_bounds = np.array([[0.3, -0.3], [0.55, 0.3]])
    _num_cubes = 2

    def __init__(self, places=((0.4, 0.1, 0.02), (0.4, -0.1, 0.02)), gripper=(0.4, 0.0, 0.3)):
        cubes = "".join(
            f"<body name='cube{k}' pos='{x} {y} {z}'><freejoint name='object_joint_{k}'/>"
            "<geom type='box' size='0.02 0.02 0.02'/></body>"
            for k, (x, y, z) in enumerate(places)
        )
        site = f"<site name='pinch' pos='{' '.join(map(str, gripper))}'/>"
        xml = f"<mujoco><worldbody>{cubes}{site}</worldbody></mujoco>"
        self.model = mujoco.MjModel.from_xml_string(xml)
        self.data = mujoco.MjData(self.model)
        self._pinch_site_id = self.model.site("pinch").id

    def reset(self, *, seed=None, options=None):
        mujoco.mj_resetData(self.model, self.data)
        mujoco.mj_forward(self.model, self.data)
        return self.places().ravel(), {}

    def step(self, action):
        return self.places().ravel(), 0.0, False, False, {}

    def places(self):
        return np.array([self.data.joint(f"object_joint_{k}").qpos[:3] for k in range(2)])


def moves(table, seed=0, steps=20):
    """Return the places `[T, 2, 3]` of the cubes in an episode, and the wrapper."""
    env = MovedCube(table, LAST_STEP)
    env.reset(seed=seed)
    places = [table.places()]
    for _ in range(steps):
        env.step(np.zeros(1))
        places.append(table.places())
    return np.array(places), env


@pytest.mark.parametrize("seed", range(5))
def test_one_cube_is_moved_once_to_a_free_place(seed):
    table = Table()
    places, env = moves(table, seed)
    change = np.linalg.norm(np.diff(places, axis=0), axis=-1)
    (step, cube) = np.argwhere(change)[0]
    assert np.count_nonzero(change) == 1 and env.episodes_moved == 1
    assert FIRST_STEP <= step + 1 <= LAST_STEP
    assert DISTANCE[0] <= change[step, cube] <= DISTANCE[1]
    assert places[-1, cube, 2] == 0.02
    assert np.linalg.norm(places[-1, 0] - places[-1, 1]) >= ROOM
    np.testing.assert_array_equal(moves(Table(), seed)[0], places)


def test_every_episode_has_its_move():
    env = MovedCube(Table(), LAST_STEP)
    for seed in range(3):
        env.reset(seed=seed)
        for _ in range(20):
            env.step(np.zeros(1))
    assert env.episodes_moved == 3


@pytest.mark.parametrize(
    ("places", "gripper"),
    [
        (((0.4, 0.1, 0.2), (0.4, -0.1, 0.3)), (0.4, 0.0, 0.5)),
        (((0.4, 0.1, 0.02), (0.4, 0.1, 0.06)), (0.4, 0.0, 0.5)),
        (((0.4, 0.03, 0.02), (0.4, -0.03, 0.02)), (0.4, 0.0, CLEARANCE / 2)),
    ],
    ids=["in the air", "a stack", "at the gripper"],
)
def test_cubes_that_cannot_be_taken_stay(places, gripper):
    visited, env = moves(Table(places, gripper))
    assert env.episodes_moved == 0 and (visited == visited[0]).all()


def test_a_cube_in_motion_is_moved_once_it_rests():
    table = Table()
    env = MovedCube(table, LAST_STEP)
    env.reset(seed=0)
    for cube in range(2):
        table.data.joint(f"object_joint_{cube}").qvel[0] = 0.5
    for _ in range(20):
        env.step(np.zeros(1))
    assert env.episodes_moved == 0
    table.data.joint("object_joint_1").qvel[0] = 0.005  # slow enough
    before = table.places()
    env.step(np.zeros(1))
    assert (table.places() != before).any(axis=1).tolist() == [False, True]
    assert not table.data.joint("object_joint_1").qvel.any()


def test_the_table_shows_what_is_measured(tmp_path):
    study = dataclasses.replace(STUDY, results=tmp_path, names=("cube-double-play",))
    for key, values in {"noise-dfplan": [0.0] * 4, "noise-declared": [1.0, 1.0, 1.0, 1.0]}.items():
        path = study.result(f"cube-double-play-{key}", 0, "perturbed")
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"per_episode": {"success_rate": values}}))
    *_, row = perturbed.render(study).splitlines()
    assert row == f"| cube-double-play | {CONDITIONS['noise'].label} | 0.0 | 100.0 |"
