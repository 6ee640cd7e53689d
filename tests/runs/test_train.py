"""From a task to a run on disk, and on with it; nothing is left where nothing can be trained."""

import dataclasses
import sys
from types import SimpleNamespace

import gymnasium as gym
import jax
import numpy as np
import pytest

from dfplan.runs import train as trainer
from dfplan.data import minari_io
from dfplan.nets.config import KINDS
from dfplan.runs.run import Run, checkpoints, load_weights
from dfplan.tasks.registry import Task
from dfplan.runs.train import resume, train
from dfplan.training.checkpoint import CheckpointStore
from dfplan.training.step import TrainSpec, init_state
from dfplan.types import UserError

TASK = Task("Walk-v0", "tiny-v0")
GOAL = (0, 1)


class Episode(SimpleNamespace):
    def __len__(self):
        return len(self.actions)


@dataclasses.dataclass
class Dataset:
    """As much of a Minari dataset as dfplan reads."""

    episodes: list
    observation_space: gym.Space
    action_space: gym.Space = dataclasses.field(
        default_factory=lambda: gym.spaces.Box(-np.inf, np.inf, (2,))
    )

    def iterate_episodes(self):
        return iter(self.episodes)


def box(n):
    return gym.spaces.Box(-np.inf, np.inf, (n,))


@pytest.fixture
def dataset(tiny_data, monkeypatch):
    """The tiny data as a dataset that can be read as often as a test likes, and changed."""
    states, actions = tiny_data.state.reshape(12, 21, 3), tiny_data.action.reshape(12, 21, 2)
    episodes = [
        Episode(id=i, observations=s.copy(), actions=a[:-1].copy())
        for i, (s, a) in enumerate(zip(states, actions, strict=True))
    ]
    data = Dataset(episodes, box(3))

    def open_dataset(dataset_id):
        if dataset_id != "tiny-v0":
            raise UserError(f"no dataset {dataset_id!r} here")
        return data

    monkeypatch.setattr(minari_io, "open_dataset", open_dataset)
    return data


def contents(directory):
    return {p.relative_to(directory): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


@pytest.mark.parametrize("kind", KINDS)
def test_train_and_resume(dataset, tiny_config, tmp_path, kind):
    net = dataclasses.replace(tiny_config.net, kind=kind)
    tiny_config = dataclasses.replace(tiny_config, net=net)
    seen = []
    options = {"goal_dims": GOAL, "report": lambda step, metrics: seen.append(step)}
    run = train(TASK, tiny_config, tmp_path / "a", stop_step=4, command="dfplan train", **options)
    assert seen == [2, 3, 4] and run.command == "dfplan train"
    back = resume(tmp_path / "a", stop_step=7, report=options["report"])
    assert seen == [2, 3, 4, 6, 7] and back.config == run.config
    train(TASK, tiny_config, tmp_path / "b", stop_step=7, goal_dims=GOAL)
    resumed, straight = (load_weights(run, tmp_path / d).params for d in "ab")
    jax.tree.map(np.testing.assert_array_equal, resumed, straight)


class Walk(gym.Env):
    observation_space, action_space = box(3), box(2)


def test_an_environment_object_is_kept_as_what_made_it(dataset, tiny_config, tmp_path):
    def env_of(env, name):
        run = train(Task(env, "tiny-v0"), tiny_config, tmp_path / name, stop_step=0, goal_dims=GOAL)
        saved = Run.load(tmp_path / name).task
        assert saved == run.task
        return saved.env, saved.env_kwargs

    gym.register("Walk-v0", entry_point=lambda speed=1, hook=None: Walk())
    try:
        assert env_of(gym.make("Walk-v0", speed=2), "made") == ("Walk-v0", {"speed": 2})
        assert env_of(lambda: gym.make("Walk-v0"), "function") == ("Walk-v0", {})
        # What JSON cannot hold cannot be made again from a file.
        assert env_of(gym.make("Walk-v0", hook=print), "hook") == ("", {})
        assert env_of(Walk(), "bare") == ("", {})
    finally:
        del gym.registry["Walk-v0"]


def test_an_environment_object_that_is_not_the_data_s(dataset, tiny_config, tmp_path):
    env = Walk()
    env.observation_space = box(4)
    with pytest.raises(UserError, match=r"has 4 states, 2 goals.*trained with 3 states"):
        train(Task(env, "tiny-v0"), tiny_config, tmp_path / "run", stop_step=0, goal_dims=GOAL)
    assert not (tmp_path / "run").exists()


def test_where_the_goal_comes_from_is_kept(dataset, tiny_config, tmp_path):
    run = train(TASK, tiny_config, tmp_path / "a", stop_step=0, goal_dims=(0,), goal_from=(2,))
    assert run.layout.goal(np.arange(3.0)).tolist() == [2]
    assert not run.load_data("tiny-v0").state[:, 2].any()  # hidden, as in training
    assert resume(tmp_path / "a", stop_step=1).layout == run.layout == Run.load(tmp_path / "a").layout
    run = train(TASK, tiny_config, tmp_path / "b", stop_step=0, goal_dims=(0,), goal_value=(0.5,))
    assert run.layout.goal(np.arange(3.0)).tolist() == [0.5]
    assert resume(tmp_path / "b", stop_step=1).layout == run.layout == Run.load(tmp_path / "b").layout


def test_run_that_exists_is_not_touched(dataset, tiny_config, tmp_path, monkeypatch):
    train(TASK, tiny_config, tmp_path, stop_step=0, goal_dims=GOAL)
    before = contents(tmp_path)
    monkeypatch.setattr(trainer, "load_trajectories", lambda *a, **k: pytest.fail("data was read"))
    with pytest.raises(UserError, match="already holds a run; resume it with --resume") as error:
        train(TASK, tiny_config, tmp_path, goal_dims=GOAL)
    assert str(tmp_path) in str(error.value)
    assert contents(tmp_path) == before


def test_checkpoints_of_a_lost_run_are_not_taken_for_this_one(dataset, tiny_config, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(UserError, match=r"checkpoints without a config\.json; name another"):
        train(TASK, tiny_config, tmp_path, goal_dims=GOAL)
    assert not (tmp_path / "config.json").exists()


DISTIL = {"training.objective.two_stream": True, "training.objective.loss": "consistency"}


def untrained(config, out):
    """A run with fresh weights, and these."""
    run = train(TASK, config, out, stop_step=0, goal_dims=GOAL)
    weights = run.model.init(3)
    CheckpointStore(checkpoints(out)).save_weights(0, weights)
    return run, weights


def test_a_run_is_distilled(dataset, tiny_config, tmp_path, same_bits):
    """From the weights and in the units of the one before, which stays the teacher."""
    before, taught = untrained(tiny_config, tmp_path / "a")
    for episode in dataset.episodes:
        episode.observations *= 3
    config = tiny_config.override(DISTIL)
    run = train(TASK, config, tmp_path / "b", stop_step=0, init_from=tmp_path / "a")
    assert run.layout == before.layout  # the goal's places are known without being named
    same_bits((run.states, run.actions), (before.states, before.actions))
    same_bits(load_weights(run, tmp_path / "b").params, taught)
    resume(tmp_path / "b", stop_step=3)
    spec = TrainSpec(run.model, config.data, config.training)
    state = CheckpointStore(checkpoints(tmp_path / "b")).load_state(
        jax.eval_shape(lambda: init_state(spec))
    )
    same_bits(state.teacher, taught)
    assert not np.array_equal(*(jax.tree.leaves(p)[0] for p in (state.params, taught)))


def test_what_a_run_cannot_begin_with(dataset, tiny_config, tmp_path):
    untrained(tiny_config, tmp_path / "a")
    train(TASK, tiny_config, tmp_path / "empty", stop_step=0, goal_dims=GOAL)
    wider, steeper = {"net.width": 32}, {"diffusion.shift": 1.0}
    for settings, begin, says in (
        (DISTIL, None, "learns from a run .*name it with --init-from"),
        (wider, "a", "net.width 32 needs other weights than .*valid here: 16"),
        (steeper, "a", "diffusion.shift 1.0 needs other weights than .*valid here: 0.0"),
        ({}, "nowhere", "nowhere is neither a run"),
        ({}, "empty", "holds no checkpoint"),
    ):
        config, out = tiny_config.override(settings), tmp_path / "b"
        with pytest.raises(UserError, match=says):
            train(TASK, config, out, init_from=begin and tmp_path / begin, goal_dims=GOAL)
        assert not out.exists()
    dataset.observation_space = box(4)
    for episode in dataset.episodes:
        episode.observations = np.pad(episode.observations, ((0, 0), (0, 1)))
    with pytest.raises(UserError, match=r"has 4 states.*trained with 3 states"):
        train(TASK, tiny_config, tmp_path / "b", init_from=tmp_path / "a")
    assert not (tmp_path / "b").exists()


AHEAD = {"net.attention": "bidirectional"}
TWO = {"training.objective.two_stream": True, "planner.sampling.matrix": "pyramid"}


def make_nan(dataset):
    dataset.episodes[3].observations[5, 1] = np.nan


def make_empty(dataset):
    dataset.episodes.clear()


@pytest.mark.parametrize(
    ("spoil", "settings", "task", "message"),
    [
        (make_nan, {}, TASK, "episode 3, step 5: state dimension 1 is nan"),
        (make_empty, {}, TASK, "has no steps"),
        (None, {}, Task("Walk-v0", "none-v0"), "'none-v0'"),
        (None, {"data.stride": 21}, TASK, "data.stride 21 is longer than every episode"),
        (None, {"data.rest_dims": [3]}, TASK, "data.rest_dims 3 is not in the state"),
        (None, {"planner.low_level_controller": "diffused"}, TASK, "needs a model trained with data.actions"),
        (None, AHEAD, TASK, "'autoregressive' keeps .*'bidirectional' leaves nothing to keep"),
        (None, AHEAD | TWO, TASK, "two_stream learns .*'bidirectional' sees what comes after"),
        (None, {}, Task("W-v0", "tiny-v0", env_kwargs={"f": print}), "cannot be kept as JSON"),
    ],
    ids=["nan", "empty", "missing", "stride", "rest", "planner", "ahead", "streams", "kwargs"],
)
def test_nothing_is_left_where_nothing_can_be_trained(
    dataset, tiny_config, tmp_path, spoil, settings, task, message
):
    if spoil:
        spoil(dataset)
    out = tmp_path / "run"
    with pytest.raises(UserError, match=message) as error:
        train(task, tiny_config.override(settings), out, goal_dims=GOAL)
    assert "\n" not in str(error.value)
    assert not out.exists()


def test_out_that_is_a_file(dataset, tiny_config, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="cannot write"):
        train(TASK, tiny_config, tmp_path / "file", goal_dims=GOAL)
    assert (tmp_path / "file").read_text() == "mine"


def test_resume_with_a_changed_dataset(dataset, tiny_config, tmp_path):
    train(TASK, tiny_config, tmp_path, stop_step=0, goal_dims=GOAL)
    before = contents(tmp_path)
    dataset.episodes[0].actions[0, 0] += 1
    with pytest.raises(UserError, match=r"is not the one .*: fingerprint \w{12}, then \w{12}"):
        resume(tmp_path)
    for episode in dataset.episodes:
        episode.observations = np.pad(episode.observations, ((0, 0), (0, 1)))
    dataset.observation_space = box(4)
    with pytest.raises(UserError, match=r"has 4 states.*trained with 3 states"):
        resume(tmp_path)
    assert contents(tmp_path) == before


def test_resume_of_no_run(tmp_path):
    with pytest.raises(UserError, match="is no run"):
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
    with pytest.raises(UserError, match=r"training.wandb needs wandb"):
        train(TASK, config, tmp_path / "run", goal_dims=GOAL)
    assert not list(tmp_path.iterdir())
