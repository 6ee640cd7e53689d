"""A run's directory holds everything that its planner needs; mismatches are explained."""

import dataclasses
import json
from types import SimpleNamespace

import gymnasium as gym
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.data.trajectories import from_episodes
from dfplan.representation.layout import Layout
from dfplan.representation.normalizer import Normalizer
from dfplan.runs.fit import fit_run, get_dynamics
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
    config = tiny_config.override(
        {"data.rest_dims": [2], "planner.sampling.custom_matrix": [3, 2, 1]}
    )
    return fit_run(TASK, config, tiny_data, command="dfplan train walk --out x")


@pytest.fixture
def saved(run, tmp_path):
    run.save(tmp_path / "new" / "run")
    return tmp_path / "new" / "run"


def assert_same(a: PyTree, b: PyTree):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(x, y)
        assert x.dtype == y.dtype


def test_round_trip(run, saved):
    loaded = Run.load(saved)
    arrays = ("states", "actions", "support", "dynamics")
    for field in dataclasses.fields(Run):
        if field.name not in arrays:
            assert getattr(loaded, field.name) == getattr(run, field.name), field.name
    assert_same(loaded.states, run.states)
    assert_same(loaded.actions, run.actions)
    assert_same(loaded.support, run.support)
    assert_same(vars(loaded.dynamics), vars(run.dynamics))
    assert loaded.layout.goal_dims == (0, 1)
    assert loaded.config.planner.sampling.custom_matrix == (3, 2, 1)
    assert loaded.model == run.model and loaded.make_planner() == run.make_planner()
    assert loaded.command == "dfplan train walk --out x"
    assert loaded.versions["jax"] == jax.__version__
    assert [p.name for p in saved.iterdir()] == ["config.json"]


def test_every_float_of_a_normalizer_survives():
    bits = np.random.default_rng(0).integers(0, 2**32, 4000, np.uint32).view(np.float32)
    floats = bits[np.isfinite(bits)]
    normalizer = Normalizer(jnp.asarray(floats), jnp.asarray(floats[::-1].copy()))
    loaded = Normalizer.from_dict(json.loads(json.dumps(normalizer.to_dict())))
    assert np.asarray(loaded.mean).tobytes() == np.asarray(normalizer.mean).tobytes()
    assert np.asarray(loaded.std).tobytes() == np.asarray(normalizer.std).tobytes()


@pytest.mark.parametrize("value", [np.zeros(2), {1, 2}, float("nan")], ids=["array", "set", "nan"])
def test_env_kwargs_that_json_cannot_hold(run, tmp_path, value):
    task = dataclasses.replace(TASK, env_kwargs={"x": value})
    with pytest.raises(UserError, match=r"JSON.*env_kwargs"):
        dataclasses.replace(run, task=task).save(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_directory_that_cannot_be_written(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write .*file"):
        run.save(tmp_path / "file")


def test_a_directory_that_is_not_a_run(tmp_path):
    with pytest.raises(UserError, match=r"config\.json") as error:
        Run.load(tmp_path / "none")
    assert str(tmp_path / "none") in str(error.value)


def without(name):
    return lambda record: {k: v for k, v in record.items() if k != name}


def with_entry(**entries):
    return lambda record: record | entries


DAMAGE = {
    "empty": lambda record: "",
    "half": lambda record: json.dumps(record)[:200],
    "binary": lambda record: b"\xff\xfe\x00",
    "number": lambda record: "3",
    "list": lambda record: "[]",
    "no task": without("task"),
    "no format": without("format"),
    "no normalizer": without("normalizer"),
    "config is a list": with_entry(config=[1]),
    "normalizer of strings": with_entry(normalizer={"states": {"mean": ["a"]}}),
    "unknown task field": with_entry(task={"environment": "x"}),
    "unknown setting": with_entry(config={"net": {"depth": 3}}),
    "setting of another type": with_entry(config={"net": {"width": "3"}}),
    "layout": with_entry(layout={"observation_size": 3, "action_dim": 1}),
    "other format": with_entry(format=99),
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


def test_another_format_names_the_valid_one(saved):
    path = saved / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with pytest.raises(UserError, match=r"99.*valid here: 1"):
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
    assert_same(weights.states, run.states)
    assert_same(weights.actions, run.actions)


def test_no_weights_yet(run, saved):
    with pytest.raises(UserError, match="no checkpoint") as error:
        load_weights(run, saved)
    assert str(saved) in str(error.value)
    assert not checkpoints(saved).exists()


def test_planner_settings(run):
    assert run.make_planner().horizon == 6 - 1  # training's tokens minus the history
    assert run.with_planner({"horizon": 9}).make_planner().horizon == 9
    changed = run.with_planner({"candidates": 16})
    assert changed.config.planner.candidates == 16 and run.config.planner.candidates != 16
    assert run.replace_planner(changed.config.planner).config == changed.config
    with pytest.raises(UserError, match=r"'planner.candidate'.*valid: .*candidates"):
        run.with_planner({"candidate": 1})


def test_planner_settings_that_do_not_fit_the_training(run):
    with pytest.raises(UserError, match=r"planner.history.tokens 8 .*6; valid: 1 to 5"):
        run.with_planner({"history.tokens": 8}).make_planner()
    config = run.config.override({"training.objective.paradigm": "regression"})
    regression = dataclasses.replace(run, config=config)
    with pytest.raises(UserError, match=r"planner.sampling.steps 3 .*'regression'.*valid here: 1"):
        regression.make_planner()
    one_step = regression.with_planner({"sampling.steps": 1, "sampling.custom_matrix": []})
    assert one_step.make_planner().horizon == 5


def test_the_data_sets_the_window_length(tiny_data, tiny_config, tmp_path):
    config = tiny_config.override({"data.tokens": 0, "data.stride": 2})
    data = dataclasses.replace(tiny_data, goal_intervals=np.full(200, 30))
    run = fit_run(TASK, config, data)
    assert run.config.data.tokens == 20  # a third more than the 15 tokens of a goal interval
    assert run.make_planner().horizon == 19
    assert run.config == config.override({"data.tokens": 20})
    run.save(tmp_path)
    assert Run.load(tmp_path).config.data.tokens == 20
    assert fit_run(TASK, config, tiny_data).config.data.tokens == 32  # it has no goal intervals
    assert fit_run(TASK, tiny_config, data).config == tiny_config


def other_data(data, **changes):
    layout = dataclasses.replace(data.layout, **changes)
    states = [np.zeros((3, layout.state_dim), np.float32)]
    return from_episodes(
        states, [np.zeros((3, layout.action_dim), np.float32)], layout, dataset_id="other-v0"
    )


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
    actual, trained = str(error.value).split(";")
    for name in changes:
        assert actual.split(f"{name}=")[1] != trained.split(f"{name}=")[1]


def env(observation, actions=2):
    """The spaces of an environment: observations of a Box's size, or of a goal Dict's sizes."""

    def box(n):
        return gym.spaces.Box(-1, 1, (n,))

    if isinstance(observation, int):
        space = box(observation)
    else:
        space = gym.spaces.Dict({k: box(n) for k, n in observation.items()})
    spec = SimpleNamespace(id="Walk-v0")
    return SimpleNamespace(observation_space=space, action_space=box(actions), spec=spec)


def goal_dict(dim, goal=2):
    return {"observation": dim, "achieved_goal": goal, "desired_goal": goal}


@pytest.mark.parametrize(
    ("other", "sizes"),
    [
        (env(4), "4 states and 2 actions"),
        (env(3, 1), "3 states and 1 actions"),
        (env(1), "1 states and 2 actions"),  # lacks a goal dimension of the run
        (env(goal_dict(3)), "3 states, 2 goals and 2 actions (a goal Dict)"),
    ],
    ids=["states", "actions", "goals", "kind"],
)
def test_check_env(run, other, sizes):
    run.check_env(env(3))
    with pytest.raises(UserError) as error:
        run.check_env(other)
    actual, trained = str(error.value).split("; ")
    assert actual == f"environment Walk-v0 has {sizes}"
    goals = ", 2 goals" if "goals" in sizes else ""
    assert trained == f"this run was trained with 3 states{goals} and 2 actions"


def test_check_env_without_a_spec(run):
    other = env(4)
    other.spec = None
    with pytest.raises(UserError, match="4 states"):
        run.check_env(other)


@pytest.mark.parametrize("append", [False, True], ids=["within", "appended"])
def test_check_env_with_goals(run, append):
    layout = Layout(
        3, 2, (3, 4) if append else (0, 1), dict_observation=True, append_achieved=append
    )
    goal_run = dataclasses.replace(run, layout=layout)
    goal_run.check_env(env(goal_dict(3)))
    with pytest.raises(UserError, match=f"has {6 if append else 4} states"):
        goal_run.check_env(env(goal_dict(4)))


def test_a_run_without_dynamics_fits_them_to_its_dataset(run, tiny_data, tmp_path, monkeypatch):
    dataclasses.replace(run, dynamics=None).save(tmp_path)
    old = Run.load(tmp_path)
    assert old.dynamics is None

    def load(data):
        spaces = env(data.layout.state_dim)
        monkeypatch.setattr("dfplan.runs.run.open_dataset", lambda _: spaces)
        monkeypatch.setattr("dfplan.runs.data.load_memory", lambda *_, **__: data)

    load(tiny_data)
    assert_same(vars(get_dynamics(old)), vars(run.dynamics))
    load(other_data(tiny_data, observation_dim=5))
    with pytest.raises(UserError, match="has 5 states"):
        get_dynamics(old)
    assert get_dynamics(run) is run.dynamics
