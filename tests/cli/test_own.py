"""A user's own environments and data, which are not registered with dfplan."""

import json

import pytest

from dfplan.runs.run import Run

from .conftest import TINY
from .test_job import METRICS

SMALLER = ["--net.layers", "1", "--data.tokens", "4", "--planner.candidates", "1"]
STEPS = ["--steps", 200]  # in every dataset, so that runs share the program that trains them
MAP = '{"maze_map": ["#####", "#O O#", "#####"]}'


def read(path):
    return json.loads(path.read_text())


@pytest.fixture
def no_display(monkeypatch):
    def frames(*args, **kwargs):
        raise ImportError("no\nOpenGL here")

    monkeypatch.setattr("dfplan.cli.figures._frames", frames)


def test_environment_with_box_observations_and_no_goal(dfplan, place, no_display):
    names = ["--env", "Pendulum-v1", "--dataset", "my/pend-v0"]
    assert dfplan("collect", *names, *STEPS).code == 0
    assert dfplan("train", *names, "--out", "run", *TINY, *SMALLER).code == 0
    done = dfplan("eval", "run", "--episodes", 2, "--out", "out")
    assert (done.code, done.err) == (0, "")
    (note,) = (line for line in done.out.splitlines() if line.startswith("note: "))
    assert "episode.gif" in note and "Pendulum-v1" in note and "no OpenGL here" in note
    assert {p.name for p in (place / "out").iterdir()} == {
        "result.json",
        "plans.png",
        "denoising.gif",
    }
    result = read(place / "out" / "result.json")
    assert result["task"] == "Pendulum-v1"
    assert result["metrics"]["raw_return"]["mean"] < 0
    assert [result["metrics"][name] for name in METRICS[1:]] == [None] * 5
    assert dfplan("plan", "run", "--start", 1, 0, 0, "--png", "p.png").code == 0
    failed = dfplan("plan", "run", "--start", 1, 0, 0, "--goal", 1, 0)
    assert (failed.code, failed.err.count("\n")) == (2, 1)


def test_eval_notes_an_environment_without_goals(dfplan, place):
    names = ["--env", "Pendulum-v1", "--dataset", "my/pend-v2"]
    assert dfplan("collect", *names, *STEPS).code == 0
    train = ["train", *names, "--out", "run", "--goal-dims", 0, 1, *TINY, *SMALLER]
    assert dfplan(*train).code == 0
    done = dfplan("eval", "run", "--episodes", 1)
    assert done.code == 0
    assert "note: observations of Pendulum-v1" in done.out and "--goal-from" in done.out


POLICY = """
class Policy:
    def __init__(self, env, seed=0):
        self.space = env.action_space
        self.space.seed(seed)

    def act(self, observation):
        return self.space.sample() / 2

def swing(observation):
    return observation[2:]

def broken(observation):
    return observation.gone
"""


def test_three_commands_from_an_environment_to_an_agent(dfplan, place):
    (place / "own_policy_1.py").write_text(POLICY)
    names = ["--env", "Pendulum-v1", "--dataset", "my/swing-v0"]
    collect = ["collect", *names, *STEPS, "--policy"]
    failed = dfplan(*collect, "own_policy_1:broken")
    assert failed.code == 2 and failed.err.count("\n") == 1
    for part in ("'broken'", "AttributeError", "own_policy_1.py:14"):
        assert part in failed.err
    for bad in ("own_policy_1:none", "no_such_module_1:swing", "own_policy_1"):
        failed = dfplan(*collect, bad)
        assert (failed.code, failed.err.count("\n")) == (2, 1)
        assert repr(bad) in failed.err and "module:function" in failed.err
    failed = dfplan(*collect, "random")
    assert failed.code == 2
    assert "'random'" in failed.err and "leave it out for random actions" in failed.err
    assert dfplan(*collect, "own_policy_1:Policy").code == 0
    assert dfplan(*collect, "own_policy_1:Policy").code == 2  # The id is taken.
    train = ["train", *names, "--out", "run", "--goal-dims", 0, 1]
    assert dfplan(*train, "--goal-value", 1, 0, *TINY, *SMALLER).code == 0
    done = dfplan("eval", "run", "--episodes", 1, "--json", "e.json")
    assert done.code == 0 and "note" not in done.out
    assert read(place / "e.json")["metrics"]["raw_return"]["mean"] < 0
    failed = dfplan(*train, "--goal-value", 1, 1, "--resume")
    assert failed.code == 2 and "goal_value" in failed.err


def test_a_goal_that_is_part_of_the_observation(dfplan, place):
    names = ["--env", "Reacher-v5", "--dataset", "my/reach-v0"]
    assert dfplan("collect", *names, *STEPS).code == 0
    train = ["train", *names, "--out", "run", "--goal-dims", 8, 9, "--goal-from", 4, 5]
    assert dfplan(*train, *TINY, *SMALLER).code == 0
    done = dfplan("eval", "run", "--episodes", 1)
    assert done.code == 0 and "note: observations" not in done.out


@pytest.mark.parametrize("env", ["CartPole-v1", "MountainCar-v0", "FrozenLake-v1"])
def test_discrete_actions_are_rejected_at_once(dfplan, place, env):
    failed = dfplan("collect", "--env", env, "--dataset", "my/discrete-v0")
    assert (failed.code, failed.err.count("\n")) == (2, 1)
    assert "Discrete(" in failed.err and "Box" in failed.err


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ("Pendulam-v1", ["'Pendulam-v1'", "Pendulum-v1", "--env none"]),
        ("no_such_module_1:Tank-v0", ["'no_such_module_1:Tank-v0'", "--env none"]),
        ("Reacher-v5", ["Reacher-v5 has 10 states", "trained with 3 states"]),
    ],
    ids=["unknown", "module", "sizes"],
)
def test_training_refuses_an_unsuitable_environment(dfplan, place, env, words):
    names = ["--dataset", f"my/{env.rpartition(':')[2].lower()}"]
    assert dfplan("collect", "--env", "Pendulum-v1", *names, "--steps", 210).code == 0
    done = dfplan("train", "--env", env, *names, "--out", "run", *TINY)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert all(word in done.err for word in words)
    assert not (place / "run").exists()


def test_an_environment_without_a_time_limit_needs_one(dfplan, place, run):
    import gymnasium as gym

    from dfplan_envs.registration import POINTMAZE

    gym.register("Endless-v0", entry_point=POINTMAZE, kwargs={"maze_map": "UMaze"})
    try:
        failed = dfplan("eval", run, "--env", "Endless-v0")
        assert (failed.code, failed.err.count("\n")) == (2, 1)
        assert "--max-steps" in failed.err
        args = ["eval", run, "--env", "Endless-v0", "--episodes", 3, "--json", "e.json"]
        assert dfplan(*args, "--max-steps", 12).code == 0
        assert read(place / "e.json")["metrics"]["first_reach"]["mean"] <= 12
    finally:
        del gym.registry["Endless-v0"]


def test_a_custom_map(dfplan, run, place):
    names = ["pointmaze", "--dataset", "my/map-v0", "--env-kwargs", MAP]
    # The same number of steps and tokens as in the shared run, so that nothing is recompiled.
    same = ["--data.tokens", Run.load(run).config.data.tokens]
    assert dfplan("collect", *names, "--steps", 6000).code == 0
    assert dfplan("train", *names, "--out", "run", *TINY, *same).code == 0
    resumed = dfplan("train", *names, "--out", "run", "--resume")
    assert "already at step 20" in resumed.out
    other = MAP.replace("O O", "OOO")
    failed = dfplan("train", *names[:-1], other, "--out", "run", "--resume")
    assert failed.code == 2
    assert "env_kwargs" in failed.err
    assert dfplan("eval", "run", "--episodes", 3, "--json", "e.json").code == 0
    result = read(place / "e.json")
    assert result["task"] == "pointmaze"
    assert result["metrics"]["normalized_score"] is None  # D4RL has no constants for this map.
    assert 0 <= result["metrics"]["reach_rate"]["mean"] <= 1
    # The figure shows this map: 2 m to the right of the start is free space, 3 m is a wall.
    args = ["plan", "run", "--start", -1, 0, "--png", "p.png", "--goal"]
    assert dfplan(*args, 1, 0).code == 0
    assert "wall" in dfplan(*args, 2, 0).err


def test_environments_of_the_installed_packages_need_no_import(dfplan):
    names = ["--env", "dfplan/PointMaze_UMaze_D4RL-v0", "--dataset", "my/random-v0"]
    assert dfplan("collect", *names, "--steps", 20).code == 0


def test_a_reward_as_goal(dfplan, place):
    names = ["--env", "Pendulum-v1", "--dataset", "my/pend-v3"]
    assert dfplan("collect", *names, *STEPS).code == 0
    train = ["train", *names, "--data.goal", "reward", "--value.steps", 20, *TINY, *SMALLER]
    failed = dfplan(*train, "--goal-dims", 0, "--out", "none")
    assert (failed.code, failed.err.count("\n")) == (2, 1)
    assert "goal-dims" in failed.err and not (place / "none").exists()
    assert dfplan(*train, "--out", "run").code == 0
    assert dfplan("train", "--out", "run", "--resume").code == 0
    done = dfplan("eval", "run", "--episodes", 1, "--planner.goal.return-quantile", 0.8)
    assert done.code == 0 and "note" not in done.out
    assert "returns explained" in dfplan("info", "run").out
    done = dfplan("plan", "run", "--start", 1, 0, 0, "--json", "p.json")
    plan = read(place / "p.json")
    assert f"return {plan['expected_return']:.4g}" in done.out
    assert plan["expected_return"] < 0
