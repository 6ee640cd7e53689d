"""OGBench's manipulation suite: tasks, and data equal to those of its own environments."""

import gymnasium as gym
import numpy as np
import pytest

pytest.importorskip("ogbench")

from dfplan.data.collect import collect_with
from dfplan.tasks.ogbench import OGBenchProtocol
from dfplan.tasks.protocols import wrap_env
from dfplan.tasks.registry import all_tasks, get_task
from dfplan_envs.ogbench.manipulation import collect, parts
from dfplan_envs.ogbench.manipulation.oracles import make_oracles
from dfplan_envs.ogbench.manipulation.procedure import KINDS, simulate
from dfplan_envs.ogbench.manipulation.scene import Scene

SCENE = "ogbench.manipspace:scene-v0"
"""Has a cube, buttons, a drawer and a window."""
CONTACT = 18
"""Dimension of the contact force, which OGBench's `set_state` does not compute again."""


@pytest.fixture(scope="module")
def scene():
    return Scene(SCENE, {})


@pytest.fixture(scope="module")
def reference():
    # The checker resets the environment, which keeps its targets until they are drawn again.
    options = {"mode": "data_collection", "terminate_at_goal": False}
    env = gym.make(SCENE, disable_env_checker=True, **options).unwrapped
    yield env
    env.close()


def test_steps_equal_those_of_the_environment_to_the_last_bit(scene, reference):
    for _ in range(2):
        reference.reset(seed=4)
    observation, _ = scene.reset(4)
    np.testing.assert_array_equal(observation, reference.compute_observation())
    rng = np.random.default_rng(0)
    actions = np.repeat(rng.uniform(-1, 1, (5, 5)), 8, axis=0).astype(np.float32)
    actions[:, 2] = -0.5  # Down, where there are objects to touch.
    moved = np.zeros(len(observation))
    for action in actions:
        expected, _, _, _, expected_info = reference.step(action)
        previous = observation
        observation, info = scene.step(action)
        np.testing.assert_array_equal(observation, expected)
        for name, value in info.items():
            np.testing.assert_array_equal(value, expected_info[name], err_msg=name)
        moved += np.abs(observation - previous)
    assert (moved > 0).mean() > 0.7


@pytest.mark.parametrize("kind", KINDS)
def test_an_episode_depends_on_its_own_seed_alone(scene, kind):
    first = simulate(scene, kind, seed=0, number=1, steps=30)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    other = simulate(scene, kind, seed=0, number=0, steps=60)
    again = simulate(scene, kind, seed=0, number=1, steps=30)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.testing.assert_array_equal(first.observations, again.observations)
    np.testing.assert_array_equal(first.actions, again.actions)
    for name, array in first.states.items():
        np.testing.assert_array_equal(array, again.states[name])
    assert set(first.states) == {"qpos", "qvel", "button_states"}
    assert not np.array_equal(first.observations[0], other.observations[0])


def test_an_environment_has_all_its_policies_before_its_first_reset():
    assert set(make_oracles(Scene(SCENE, {}).env, "play")) == {"cube", "button", "drawer", "window"}


def test_replaying_an_episode_gives_its_observations(scene, reference):
    episode = simulate(scene, "play", seed=1, number=0, steps=25)
    button_states = episode.states["button_states"]
    reference.set_state(
        episode.states["qpos"][0], episode.states["qvel"][0], button_states=button_states[0]
    )
    is_state = np.arange(len(episode.observations[0])) != CONTACT
    np.testing.assert_allclose(
        reference.compute_observation()[is_state],
        episode.observations[0][is_state],
        rtol=0,
        atol=1e-9,
    )
    for action in episode.actions:
        reference.step(action)
    # Contacts amplify the last bits of the solver's warm start, which a state does not hold.
    np.testing.assert_allclose(
        reference.compute_observation()[:6], episode.observations[-1][:6], rtol=0, atol=1e-3
    )


def test_an_interrupted_collection_continues_with_the_same_data(scene, tmp_path, monkeypatch):
    import minari

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(collect, "EPISODE_STEPS", 8)
    monkeypatch.setattr(collect, "available_cores", lambda: 1)
    monkeypatch.setattr(parts, "Scene", lambda *args: scene)
    simulated = []

    def record(*args, **kwargs):
        simulated.append(args[3])
        return simulate(*args, **kwargs)

    def interrupt(steps):
        if steps == 16:
            raise KeyboardInterrupt

    monkeypatch.setattr(parts, "simulate", record)
    options = {"steps": 20, "seed": 3}
    with pytest.raises(KeyboardInterrupt):
        collect_with(collect.collect_play, SCENE, "my/scene-v0", **options, progress=interrupt)
    assert minari.list_local_datasets() == {}
    reports = []
    collect_with(collect.collect_play, SCENE, "my/scene-v0", **options, progress=reports.append)
    assert simulated == [0, 1, 2] and reports == [8, 16, 20, 20]
    episodes = list(minari.load_dataset("my/scene-v0"))
    for number, episode in enumerate(episodes):
        expected = simulate(scene, "play", 3, number, steps=len(episode.actions))
        np.testing.assert_array_equal(episode.observations, expected.observations)
        np.testing.assert_array_equal(episode.actions, expected.actions)
        np.testing.assert_array_equal(episode.infos["qpos"], expected.states["qpos"])
    assert [len(episode.actions) for episode in episodes] == [8, 8, 4]
    assert not list((tmp_path / "data" / "my").glob(".*.parts"))


def test_goal_dimensions_are_what_decides_success(scene):
    observation, info = scene.reset(5)
    task = get_task("ogbench-scene-play")
    expected = [
        *(info["privileged/block_0_pos"] - [0.425, 0, 0]) * 10,
        info["privileged/button_0_state"],
        info["privileged/button_1_state"],
        info["privileged/drawer_pos"][0] * 18,
        info["privileged/window_pos"][0] * 15,
    ]
    np.testing.assert_allclose(observation[list(task.goal_dims)], expected)
    effector = [*(info["proprio/effector_pos"] - [0.425, 0, 0]) * 10]
    effector += [np.cos(info["proprio/effector_yaw"][0]), np.sin(info["proprio/effector_yaw"][0])]
    effector += [info["proprio/gripper_opening"][0] * 3]
    target_dims = task.preset["policy.target_dims"]
    np.testing.assert_allclose(observation[target_dims], effector)


@pytest.mark.parametrize(
    ("task", "goal_dims", "state_dim"),
    [
        ("cube-single-play", [19, 20, 21], 28),
        ("cube-double-noisy", [19, 20, 21, 28, 29, 30], 37),
        ("cube-triple-play", [19, 20, 21, 28, 29, 30, 37, 38, 39], 46),
        ("scene-noisy", [19, 20, 21, 29, 33, 36, 38], 40),
        ("puzzle-3x3-play", [20, 24, 28, 32, 36, 40, 44, 48, 52], 55),
        ("puzzle-4x4-noisy", list(range(20, 84, 4)), 83),
    ],
)
def test_tasks(task, goal_dims, state_dim):
    record = get_task(f"ogbench-{task}")
    assert list(record.goal_dims) == goal_dims and record.protocol == "ogbench"
    assert set(goal_dims) <= set(record.preset["data.plan_dims"]) <= set(range(state_dim))
    assert record.env.rpartition(":")[2].rpartition("-")[0] == task.rpartition("-")[0]


def test_every_environment_of_the_suite_has_tasks_for_both_kinds_of_data():
    names = {n for n, task in all_tasks().items() if task.env.startswith("ogbench.manipspace:")}
    assert len(names) == 12 and {name.rpartition("-")[2] for name in names} == set(KINDS)


def test_an_evaluation_episode_depends_on_its_seed_alone():
    protocol = OGBenchProtocol()
    env = wrap_env(protocol, gym.make(SCENE))
    action = np.full(5, 0.3, np.float32)

    def play(seed, task):
        observation, info = protocol.reset(env, seed, task)
        steps = [env.step(action)[0] for _ in range(5)]
        return np.stack([observation, protocol.goal_observation(info), *steps])

    first = play(7, task=2)
    other = play(8, task=4)
    np.testing.assert_array_equal(play(7, task=2), first)
    assert not np.array_equal(first[1], other[1])
    env.close()
