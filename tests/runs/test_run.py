"""A run's directory holds all that its planner needs, and says what does not fit it."""

import dataclasses
import json
from types import SimpleNamespace

import gymnasium as gym
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.representation.layout import Layout
from dfplan.data.minari_io import from_episodes
from dfplan.representation.normalizer import Normalizer
from dfplan.runs.run import Run, checkpoints, load_weights
from dfplan.tasks.registry import Task
from dfplan.training.checkpoint import CheckpointStore
from dfplan.training.step import TrainSpec, init_state
from dfplan.types import PyTree, UserError

TASK = Task(
    "package:Walk-v0",
    "tiny-v0",
    "walk",
    env_kwargs={"maze_map": [[1, "g"]], "deep": {"a": None}},
    score={"min": 0.1, "max": 3.0},
    preset={"data.rest_dims": [2]},
)


@pytest.fixture
def run(tiny_data, tiny_config):
    config = tiny_config.override({"data.rest_dims": [2], "planner.sampling.custom_matrix": [3, 2, 1]})
    return Run.create(TASK, config, tiny_data, "dfplan train walk --out x")


@pytest.fixture
def saved(run, tmp_path):
    run.save(tmp_path / "new" / "run")
    return tmp_path / "new" / "run"


def same(a: PyTree, b: PyTree):
    for mine, other in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(mine, other)
        assert mine.dtype == other.dtype


def test_round_trip(run, saved):
    back = Run.load(saved)
    for field in dataclasses.fields(Run):
        if field.name not in ("states", "actions", "support", "dynamics"):
            assert getattr(back, field.name) == getattr(run, field.name), field.name
    same(back.states, run.states)
    same(back.actions, run.actions)
    same(back.support, run.support)
    same(vars(back.dynamics), vars(run.dynamics))
    assert back.layout.goal_dims == (0, 1) and back.config.planner.sampling.custom_matrix == (3, 2, 1)
    assert back.model == run.model and back.planner == run.planner
    assert back.command == "dfplan train walk --out x" and back.versions["jax"] == jax.__version__
    assert [p.name for p in saved.iterdir()] == ["config.json"]


def test_every_float_of_a_normalizer_survives(run, tmp_path):
    bits = np.random.default_rng(0).integers(0, 2**32, 4000, np.uint32).view(np.float32)
    odd = bits[np.isfinite(bits)]
    normalizer = Normalizer(jnp.asarray(odd), jnp.asarray(odd[::-1].copy()))
    dataclasses.replace(run, states=normalizer).save(tmp_path)
    back = Run.load(tmp_path).states
    assert np.asarray(back.mean).tobytes() == np.asarray(normalizer.mean).tobytes()
    assert np.asarray(back.std).tobytes() == np.asarray(normalizer.std).tobytes()


@pytest.mark.parametrize("value", [np.zeros(2), {1, 2}, float("nan")], ids=["array", "set", "nan"])
def test_env_kwargs_that_json_cannot_hold(run, tmp_path, value):
    task = dataclasses.replace(TASK, env_kwargs={"x": value})
    with pytest.raises(UserError, match="env_kwargs may hold numbers"):
        dataclasses.replace(run, task=task).save(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_directory_that_cannot_be_written(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*file"):
        run.save(tmp_path / "file")


def test_no_run(tmp_path):
    with pytest.raises(UserError, match=r"is no run: it has no config\.json") as error:
        Run.load(tmp_path / "none")
    assert str(tmp_path / "none") in str(error.value)


def without(name):
    return lambda record: {k: v for k, v in record.items() if k != name}


DAMAGE = {
    "empty": lambda record: "",
    "half": lambda record: json.dumps(record)[:200],
    "binary": lambda record: b"\xff\xfe\x00",
    "number": lambda record: "3",
    "list": lambda record: "[]",
    "no task": without("task"),
    "no format": without("format"),
    "no normalizer": without("normalizer"),
    "config is a list": lambda record: record | {"config": [1]},
    "normalizer of strings": lambda record: record | {"normalizer": {"states": {"mean": ["a"]}}},
    "unknown task field": lambda record: record | {"task": {"environment": "x"}},
    "unknown setting": lambda record: record | {"config": {"net": {"depth": 3}}},
    "setting of another type": lambda record: record | {"config": {"net": {"width": "3"}}},
    "layout": lambda record: record | {"layout": {"observation_size": 3, "action_dim": 1}},
    "other format": lambda record: record | {"format": 99},
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_config(saved, damage):
    path = saved / "config.json"
    content = damage(json.loads(path.read_text()))
    if isinstance(content, dict):
        content = json.dumps(content)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError) as error:
        Run.load(saved)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_other_format_says_which_is_valid(saved):
    path = saved / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with pytest.raises(UserError, match="format 99; valid here: 1"):
        Run.load(saved)


def test_weights_are_the_average(run, saved):
    store = CheckpointStore(checkpoints(saved))
    state = init_state(TrainSpec(run.model, run.config.data, run.config.training))
    state = state._replace(step=jnp.int32(4), ema=jax.tree.map(lambda e: e + 1, state.ema))
    store.save(state)
    store.close()
    weights = load_weights(Run.load(saved), saved)
    jax.tree.map(np.testing.assert_array_equal, weights.params, state.ema)
    assert jax.tree.structure(weights.params) == jax.tree.structure(state.ema)
    same(weights.states, run.states)
    same(weights.actions, run.actions)


def test_no_weights_yet(run, saved):
    with pytest.raises(UserError, match="holds no checkpoint") as error:
        load_weights(run, saved)
    assert str(saved) in str(error.value)
    assert not checkpoints(saved).exists()


def test_planner_settings(run):
    assert run.planner.horizon == 6 - 1  # tokens of training less the history
    assert run.with_planner({"horizon": 9}).planner.horizon == 9
    with pytest.raises(UserError, match=r"planner.history.tokens 8 leaves .* had 6; valid: 1 to 5"):
        run.with_planner({"history.tokens": 8}).planner  # noqa: B018
    regression = run.config.override({"training.objective.paradigm": "regression"})
    with pytest.raises(UserError, match=r"planner.sampling.steps 3 .*'regression' never trains; valid here: 1"):
        dataclasses.replace(run, config=regression).planner  # noqa: B018
    assert (
        dataclasses.replace(run, config=regression).with_planner({"sampling.steps": 1, "sampling.custom_matrix": []}).planner
    )
    changed = run.with_planner({"candidates": 16})
    assert changed.config.planner.candidates == 16 and run.config.planner.candidates != 16
    with pytest.raises(UserError, match=r"'planner.candidate'.*valid: .*candidates"):
        run.with_planner({"candidate": 1})


def test_windows_of_automatic_length_are_settled_by_the_data(tiny_data, tiny_config, tmp_path):
    config = tiny_config.override({"data.tokens": 0, "data.stride": 2})
    goal_intervals = dataclasses.replace(tiny_data, goal_intervals=np.full(200, 30))
    run = Run.create(TASK, config, goal_intervals)
    assert run.config.data.tokens == 20  # a third more than the 15 tokens of a trip
    assert run.planner.horizon == 19
    assert run.config == config.override({"data.tokens": 20})
    run.save(tmp_path)
    assert Run.load(tmp_path).config.data.tokens == 20
    assert Run.create(TASK, config, tiny_data).config.data.tokens == 32  # it shows no trips
    assert Run.create(TASK, tiny_config, goal_intervals).config == tiny_config


def other_data(data, **changes):
    layout = dataclasses.replace(data.layout, **changes)
    states = [np.zeros((3, layout.state_dim), np.float32)]
    return from_episodes(states, [np.zeros((3, layout.action_dim), np.float32)], layout, "other-v0")


def test_check_dataset(run, tiny_data):
    run.check_dataset(tiny_data)
    with pytest.raises(UserError) as error:
        run.check_dataset(other_data(tiny_data, observation_dim=5))
    assert str(error.value) == (
        "dataset 'other-v0' has 5 states, 2 goals and 2 actions; "
        "this run was trained with 3 states, 2 goals and 2 actions"
    )


@pytest.mark.parametrize(
    "changes", [{"goal_dims": (0, 2)}, {"action_low": (-2.0, -2.0), "action_high": (2.0, 2.0)}]
)
def test_check_dataset_names_a_difference_of_equal_sizes(run, tiny_data, changes):
    with pytest.raises(UserError) as error:
        run.check_dataset(other_data(tiny_data, **changes))
    there, here = str(error.value).split(";")
    for name in changes:
        assert there.split(f"{name}=")[1] != here.split(f"{name}=")[1]


def env(observation, actions=2):
    """An environment, as far as its spaces: a Box's size, or a goal Dict's sizes."""

    def box(n):
        return gym.spaces.Box(-1, 1, (n,))

    space = box(observation) if isinstance(observation, int) else None
    if space is None:
        space = gym.spaces.Dict({k: box(n) for k, n in observation.items()})
    spec = SimpleNamespace(id="Walk-v0")
    return SimpleNamespace(observation_space=space, action_space=box(actions), spec=spec)


def goal_dict(dim, goal=2):
    return {"observation": dim, "achieved_goal": goal, "desired_goal": goal}


@pytest.mark.parametrize(
    ("found", "what"),
    [
        (env(4), "4 states, 2 goals and 2 actions"),
        (env(3, 1), "3 states, 2 goals and 1 actions"),
        (env(goal_dict(3)), "3 states, 2 goals and 2 actions (a goal Dict)"),
    ],
    ids=["states", "actions", "kind"],
)
def test_check_env(run, found, what):
    run.check_env(env(3))
    with pytest.raises(UserError) as error:
        run.check_env(found)
    there, here = str(error.value).split("; ")
    assert there == f"environment Walk-v0 has {what}"
    assert here == "this run was trained with 3 states, 2 goals and 2 actions"


def test_check_env_without_a_spec(run):
    found = env(4)
    found.spec = None
    with pytest.raises(UserError, match="4 states"):
        run.check_env(found)


@pytest.mark.parametrize("append", [False, True], ids=["within", "appended"])
def test_check_env_with_goals(run, append):
    layout = Layout(3, 2, (3, 4) if append else (0, 1), True, append_achieved=append)
    goals = dataclasses.replace(run, layout=layout)
    goals.check_env(env(goal_dict(3)))
    with pytest.raises(UserError, match=f"has {6 if append else 4} states, 2 goals"):
        goals.check_env(env(goal_dict(4)))


def test_a_run_without_a_motion_fits_it_to_its_dataset(run, tiny_data, tmp_path, monkeypatch):
    dataclasses.replace(run, dynamics=None).save(tmp_path)
    old = Run.load(tmp_path)
    assert old.dynamics is None
    monkeypatch.setattr("dfplan.runs.run.load_trajectories", lambda *goal, **rewards: tiny_data)
    same(vars(old.find_dynamics()), vars(run.dynamics))
    monkeypatch.setattr(
        "dfplan.runs.run.load_trajectories", lambda *_, **__: other_data(tiny_data, observation_dim=5)
    )
    with pytest.raises(UserError, match="has 5 states"):
        old.find_dynamics()
    assert run.find_dynamics() is run.dynamics
