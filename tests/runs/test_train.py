"""From a task to a run on disk, and resuming; a refused training leaves nothing on disk."""

import dataclasses
import sys
from types import SimpleNamespace

import gymnasium as gym
import jax
import numpy as np
import pytest

from dfplan.runs import begin as begin_module
from dfplan.runs import train as train_module
from dfplan.runs.data import load_data
from dfplan.runs.run import Run, checkpoints, load_weights
from dfplan.runs.train import resume, train
from dfplan.tasks.make_env import UnknownEnvError
from dfplan.tasks.registry import Task
from dfplan.training.checkpoint import CheckpointStore
from dfplan.training.step import TrainSpec, init_state
from dfplan.types import UserError

TASK = Task("", "tiny-v0")
GOAL = (0, 1)


class Episode(SimpleNamespace):
    def __len__(self):
        return len(self.actions)


@dataclasses.dataclass
class Dataset:
    """The part of a Minari dataset that dfplan reads."""

    episodes: list
    observation_space: gym.Space
    action_space: gym.Space = dataclasses.field(
        default_factory=lambda: gym.spaces.Box(-np.inf, np.inf, (2,))
    )

    @property
    def total_episodes(self):
        return len(self.episodes)

    @property
    def total_steps(self):
        return sum(map(len, self.episodes))

    def iterate_episodes(self, **kwargs):
        return iter(self.episodes)


def box(n):
    return gym.spaces.Box(-np.inf, np.inf, (n,))


@pytest.fixture
def dataset(tiny_data, monkeypatch):
    """The tiny data as a dataset that a test can read repeatedly, and change."""
    states = tiny_data.state.reshape(12, 21, 3)
    actions = tiny_data.action.reshape(12, 21, 2)
    episodes = [
        Episode(id=i, observations=s.copy(), actions=a[:-1].copy())
        for i, (s, a) in enumerate(zip(states, actions, strict=True))
    ]
    data = Dataset(episodes, box(3))

    def open_dataset(dataset_id):
        if dataset_id != "tiny-v0":
            raise UserError(f"no dataset {dataset_id!r} here")
        return data

    for module in ("dfplan.data.minari_io", "dfplan.runs.run", "dfplan.runs.source"):
        monkeypatch.setattr(f"{module}.open_dataset", open_dataset)
    return data


def contents(directory):
    return {p.relative_to(directory): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


@pytest.mark.parametrize("kind", ["transformer", "gru"])
def test_train_and_resume(dataset, tiny_config, tmp_path, kind):
    net = dataclasses.replace(tiny_config.net, kind=kind)
    config = dataclasses.replace(tiny_config, net=net)
    steps = []

    def report(step, metrics):
        steps.append(step)

    run = train(
        TASK,
        config,
        tmp_path / "a",
        goal_dims=GOAL,
        stop_step=4,
        report=report,
        command="dfplan train",
    )
    assert steps == [2, 3, 4] and run.command == "dfplan train"
    (tmp_path / ".a.dfplan-lock").touch()  # as left by a process killed before its first step
    (tmp_path / ".a.0123abcd.dfplan-part").mkdir()
    resumed_run = resume(tmp_path / "a", stop_step=7, report=report)
    assert steps == [2, 3, 4, 6, 7] and resumed_run.config == run.config
    assert not list(tmp_path.glob(".*"))
    train(TASK, config, tmp_path / "b", stop_step=7, goal_dims=GOAL)
    resumed = load_weights(run, tmp_path / "a").params
    uninterrupted = load_weights(run, tmp_path / "b").params
    jax.tree.map(np.testing.assert_array_equal, resumed, uninterrupted)


def test_episodes_are_split_at_chance_in_training_and_afterwards(
    dataset, tiny_config, tmp_path, monkeypatch
):
    dataset.episodes[0].observations[11:] += 100.0  # a single jump proves nothing, so it is random
    config = tiny_config.override({"data.split_at_chance": True})
    arrays = []
    monkeypatch.setattr(train_module, "fit", lambda spec, array, *_, **__: arrays.append(array))
    run = train(TASK, config, tmp_path / "run", goal_dims=GOAL)
    resume(tmp_path / "run")
    for last in (np.asarray(array.row_index.last) for array in arrays):
        assert last[:22].tolist() == [10] * 11 + [20] * 10 + [41]
    assert load_data(run).length[:3].tolist() == [11, 10, 21] and len(arrays) == 2


def test_a_policy_is_learned_before_the_first_step(dataset, tiny_config, tmp_path, monkeypatch):
    settings = {"policy.width": 4, "policy.steps": 2, "policy.batch_size": 8}
    settings["planner.low_level_controller"] = "policy"
    config = tiny_config.override(settings)
    monkeypatch.setattr(begin_module, "check_trainable", lambda *_: None)
    saved = []
    monkeypatch.setattr(train_module, "fit", lambda *_, **__: saved.append(Run.load(out).policy))
    out = tmp_path / "run"
    done = []
    run = train(TASK, config, out, goal_dims=GOAL, fit_progress=lambda *call: done.append(call))
    assert (
        done == [("low-level policy", 1, 2), ("low-level policy", 2, 2)]
        and run.policy is not None
        and saved[0] is not None
    )
    assert run.policy.inputs.target_dims == GOAL


class Walk(gym.Env):
    observation_space = box(3)
    action_space = box(2)


def test_an_environment_object_is_kept_as_its_id_and_arguments(dataset, tiny_config, tmp_path):
    def saved_env(env, name):
        run = train(Task(env, "tiny-v0"), tiny_config, tmp_path / name, stop_step=0, goal_dims=GOAL)
        saved = Run.load(tmp_path / name).task
        assert saved == run.task
        return saved.env, saved.env_kwargs

    gym.register("Walk-v0", entry_point=lambda speed=1, hook=None: Walk())
    try:
        assert saved_env(gym.make("Walk-v0", speed=2), "made") == ("Walk-v0", {"speed": 2})
        assert saved_env(lambda: gym.make("Walk-v0"), "function") == ("Walk-v0", {})
        # Arguments that JSON cannot hold cannot be kept.
        assert saved_env(gym.make("Walk-v0", hook=print), "hook") == ("", {})
        assert saved_env(Walk(), "bare") == ("", {})
    finally:
        del gym.registry["Walk-v0"]


def test_an_environment_object_that_does_not_fit_the_data(dataset, tiny_config, tmp_path):
    env = Walk()
    env.observation_space = box(4)
    with pytest.raises(UserError, match=r"has 4 states.*trained with 3 states"):
        train(Task(env, "tiny-v0"), tiny_config, tmp_path / "run", stop_step=0, goal_dims=GOAL)
    assert not (tmp_path / "run").exists()


def test_a_registered_environment_that_does_not_fit_the_data(dataset, tiny_config, tmp_path):
    with pytest.raises(UserError, match=r"Pendulum-v1 has 3 states and 1 act.*3 states and 2 act"):
        train(Task("Pendulum-v1", "tiny-v0"), tiny_config, tmp_path / "run", stop_step=0)
    assert not (tmp_path / "run").exists()


def test_an_unknown_environment_is_not_trained_for(dataset, tiny_config, tmp_path):
    with pytest.raises(UnknownEnvError, match=r"'Pendulam-v1'.*Pendulum-v1"):
        train(Task("Pendulam-v1", "tiny-v0"), tiny_config, tmp_path / "run", stop_step=0)
    assert not (tmp_path / "run").exists()


def test_a_dataset_that_lacks_a_goal_dimension_of_the_run(dataset, tiny_config, tmp_path):
    goal = {"goal_dims": (0,), "goal_from": (2,)}
    run = train(TASK, tiny_config, tmp_path / "a", stop_step=0, **goal)
    for episode in dataset.episodes:
        episode.observations = episode.observations[:, :2]
    dataset.observation_space = box(2)
    message = r"'tiny-v0' has 2 states.*trained with 3 states"
    with pytest.raises(UserError, match=message):
        load_data(run, "tiny-v0")
    with pytest.raises(UserError, match=message):
        train(TASK, tiny_config, tmp_path / "b", init_from=tmp_path / "a")


def test_the_source_of_the_goal_is_kept(dataset, tiny_config, tmp_path):
    run = train(TASK, tiny_config, tmp_path / "a", stop_step=0, goal_dims=(0,), goal_from=(2,))
    assert run.layout.goal(np.arange(3.0)).tolist() == [2]
    assert not load_data(run, "tiny-v0").state[:, 2].any()  # hidden, as in training
    assert (
        resume(tmp_path / "a", stop_step=1).layout == run.layout == Run.load(tmp_path / "a").layout
    )
    run = train(TASK, tiny_config, tmp_path / "b", stop_step=0, goal_dims=(0,), goal_value=(0.5,))
    assert run.layout.goal(np.arange(3.0)).tolist() == [0.5]
    assert (
        resume(tmp_path / "b", stop_step=1).layout == run.layout == Run.load(tmp_path / "b").layout
    )


def test_an_existing_run_is_not_touched(dataset, tiny_config, tmp_path, monkeypatch):
    train(TASK, tiny_config, tmp_path, stop_step=0, goal_dims=GOAL)
    before = contents(tmp_path)

    def fail(*args, **kwargs):
        pytest.fail("data was read")

    monkeypatch.setattr(begin_module, "load_source", fail)
    with pytest.raises(UserError, match=r"run.*--resume") as error:
        train(TASK, tiny_config, tmp_path, goal_dims=GOAL)
    assert str(tmp_path) in str(error.value)
    assert contents(tmp_path) == before


def test_checkpoints_of_a_lost_run_are_not_used(dataset, tiny_config, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(UserError, match="not empty"):
        train(TASK, tiny_config, tmp_path, goal_dims=GOAL)
    assert not (tmp_path / "config.json").exists()


DISTILLATION = {"training.objective.two_stream": True, "training.objective.loss": "consistency"}


def untrained(config, out):
    """A run with initial weights, and the weights."""
    run = train(TASK, config, out, stop_step=0, goal_dims=GOAL)
    weights = run.model.init(3)
    CheckpointStore(checkpoints(out)).save_weights(0, weights)
    return run, weights


def test_a_run_is_distilled(dataset, tiny_config, tmp_path, same_bits):
    """Initialized from the teacher's weights, with the teacher's normalizers."""
    teacher, teacher_weights = untrained(tiny_config, tmp_path / "a")
    for episode in dataset.episodes:
        episode.observations *= 3
    config = tiny_config.override(DISTILLATION)
    run = train(TASK, config, tmp_path / "b", stop_step=0, init_from=tmp_path / "a")
    assert run.layout == teacher.layout  # goal dimensions are the teacher's
    same_bits((run.states, run.actions), (teacher.states, teacher.actions))
    same_bits(load_weights(run, tmp_path / "b").params, teacher_weights)
    resume(tmp_path / "b", stop_step=3)
    spec = TrainSpec(run.model, config.data, config.training)
    state = CheckpointStore(checkpoints(tmp_path / "b")).load_state(
        jax.eval_shape(lambda: init_state(spec))
    )
    same_bits(state.teacher, teacher_weights)
    assert not np.array_equal(jax.tree.leaves(state.params)[0], jax.tree.leaves(teacher_weights)[0])


def test_runs_that_cannot_initialize_another(dataset, tiny_config, tmp_path):
    untrained(tiny_config, tmp_path / "a")
    train(TASK, tiny_config, tmp_path / "empty", stop_step=0, goal_dims=GOAL)
    wider = {"net.width": 32}
    shifted = {"diffusion.schedule": "cosine:shift=1"}
    for settings, init_from, message in (
        (DISTILLATION, None, "'consistency' .*--init-from"),
        (wider, "a", "net.width 32 .*valid here: 16"),
        (shifted, "a", "diffusion.schedule .?cosine:shift=1.? .*valid here: .?cosine"),
        ({}, "nowhere", "nowhere .*config.json"),
        ({}, "empty", "empty.* no checkpoint"),
    ):
        config = tiny_config.override(settings)
        source = init_from and tmp_path / init_from
        with pytest.raises(UserError, match=message):
            train(TASK, config, tmp_path / "b", init_from=source, goal_dims=GOAL)
        assert not (tmp_path / "b").exists()
    dataset.observation_space = box(4)
    for episode in dataset.episodes:
        episode.observations = np.pad(episode.observations, ((0, 0), (0, 1)))
    with pytest.raises(UserError, match=r"has 4 states.*trained with 3 states"):
        train(TASK, tiny_config, tmp_path / "b", init_from=tmp_path / "a")
    assert not (tmp_path / "b").exists()


BIDIRECTIONAL = {"net.kind": "bidirectional"}
TWO_STREAM = {"training.objective.two_stream": True, "planner.sampling.matrix": "pyramid"}


def make_nan(dataset):
    dataset.episodes[3].observations[5, 1] = np.nan


def make_empty(dataset):
    dataset.episodes.clear()


@pytest.mark.parametrize(
    ("spoil", "settings", "task", "message"),
    [
        (make_nan, {}, TASK, "episode 3, step 5: .*1 is nan"),
        (make_empty, {}, TASK, "has no steps"),
        (None, {}, Task("", "none-v0"), "'none-v0'"),
        (None, {"data.stride": 21}, TASK, "data.stride 21 .*valid: 1 to 20"),
        (None, {"data.rest_dims": [3]}, TASK, "data.rest_dims 3 "),
        (None, {"planner.low_level_controller": "diffused"}, TASK, "'diffused'.* data.actions"),
        (None, BIDIRECTIONAL, TASK, "'autoregressive' .*'bidirectional'"),
        (None, BIDIRECTIONAL | TWO_STREAM, TASK, "two_stream .*'bidirectional'"),
        (None, {}, Task("", "tiny-v0", env_kwargs={"f": print}), "JSON.*env_kwargs"),
    ],
    ids=["nan", "empty", "missing", "stride", "rest", "planner", "ahead", "streams", "kwargs"],
)
def test_a_refused_training_leaves_nothing_on_disk(
    dataset, tiny_config, tmp_path, spoil, settings, task, message
):
    if spoil:
        spoil(dataset)
    out = tmp_path / "run"
    with pytest.raises(UserError, match=message) as error:
        train(task, tiny_config.override(settings), out, goal_dims=GOAL)
    assert "\n" not in str(error.value)
    assert not out.exists()


def test_out_is_a_file(dataset, tiny_config, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match=r"file .*not empty"):
        train(TASK, tiny_config, tmp_path / "file", goal_dims=GOAL)
    assert (tmp_path / "file").read_text() == "mine"


def test_resume_with_a_changed_dataset(dataset, tiny_config, tmp_path):
    train(TASK, tiny_config, tmp_path, stop_step=0, goal_dims=GOAL)
    before = contents(tmp_path)
    dataset.episodes[0].actions[0, 0] += 1
    with pytest.raises(UserError, match=r"'tiny-v0' .*fingerprint \w+ \w{12}, .* \w{12}$"):
        resume(tmp_path)
    for episode in dataset.episodes:
        episode.observations = np.pad(episode.observations, ((0, 0), (0, 1)))
    dataset.observation_space = box(4)
    with pytest.raises(UserError, match=r"has 4 states.*trained with 3 states"):
        resume(tmp_path)
    assert contents(tmp_path) == before


def test_resume_without_a_run(tmp_path):
    with pytest.raises(UserError, match=r"config\.json"):
        resume(tmp_path)


@pytest.mark.parametrize("within", [True, False], ids=["within", "appended"])
def test_runs_on_goal_dicts_resume(dataset, tiny_config, tmp_path, within):
    for episode in dataset.episodes:
        state = episode.observations
        goal = state[:, [2, 0]] if within else state[:, :2] ** 2
        episode.observations = {
            "observation": state,
            "achieved_goal": goal,
            "desired_goal": np.zeros_like(goal),
        }
    spaces = {"observation": box(3), "achieved_goal": box(2), "desired_goal": box(2)}
    dataset.observation_space = gym.spaces.Dict(spaces)
    run = train(TASK, tiny_config, tmp_path, stop_step=0)
    assert run.layout.goal_dims == ((2, 0) if within else (3, 4))
    assert run.layout.append_achieved != within
    assert resume(tmp_path, stop_step=0).layout == run.layout == Run.load(tmp_path).layout


def test_missing_wandb_is_noticed_before_anything_is_written(
    dataset, tiny_config, monkeypatch, tmp_path
):
    monkeypatch.setitem(sys.modules, "wandb", None)
    config = tiny_config.override({"training.wandb": "mazes"})
    with pytest.raises(UserError, match=r"training.wandb .*wandb"):
        train(TASK, config, tmp_path / "run", goal_dims=GOAL)
    assert not list(tmp_path.iterdir())
