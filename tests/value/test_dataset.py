"""Reward conditioning, from a dataset to actions: the agent does what is rewarded."""

import dataclasses
from types import SimpleNamespace

import gymnasium as gym
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.agent import Agent
from dfplan.cli.predict import forecast_settings
from dfplan.data import minari_io
from dfplan.data.trajectories import from_episodes
from dfplan.data.windows import sample_batch
from dfplan.export import load
from dfplan.export.write import export
from dfplan.planner.plan import Weights
from dfplan.representation.layout import Layout
from dfplan.runs.data import prepare_arrays
from dfplan.runs.fit import fit_run
from dfplan.runs.run import Run
from dfplan.runs.train import train
from dfplan.tasks.registry import Task
from dfplan.training.step import TrainSpec, init_state, train_until
from dfplan.types import UserError

EPISODES = 100
STEPS = 20
SETTINGS = {
    "data.goal": "reward",
    "data.stride": 2,
    "net.layers": 1,
    "training.steps": 300,
    "training.batch_size": 32,
    "training.ema": 0.98,
    "value.width": 16,
    "value.steps": 300,
    "value.discount": 0.9,
    "value.members": 2,
    "data.tokens": 4,
    "planner.candidates": 4,
    "planner.replan_every": 2,
}


@pytest.fixture(scope="module")
def data():
    """Points that drift at a constant velocity per episode, which is also the reward."""
    rng = np.random.default_rng(0)
    drift = np.repeat(rng.uniform(-1, 1, (EPISODES, 1)), STEPS, axis=1)
    position = np.cumsum(np.concatenate([rng.normal(size=(EPISODES, 1)), drift], axis=1), axis=1)
    state = position[..., None].astype(np.float32)
    drift = np.pad(drift, ((0, 0), (0, 1))).astype(np.float32)
    layout = Layout(1, 1, action_low=(-1.0,), action_high=(1.0,))
    return from_episodes(
        list(state),
        list(drift[..., None]),
        layout,
        "drift-v0",
        rewards=list(drift),
        terminated=np.zeros(EPISODES, bool),
    )


@pytest.fixture(scope="module")
def job(tiny_config, data):
    """A trained run on this dataset, and its weights."""
    run = fit_run(Task("Drift-v0", "drift-v0"), tiny_config.override(SETTINGS), data)
    spec = TrainSpec(run.model, run.config.data, run.config.training)
    steps = jnp.int32(run.config.training.steps)
    state, _ = train_until(spec, prepare_arrays(run, data), init_state(spec), steps)
    weights = Weights(
        params=state.ema,
        states=run.states,
        actions=run.actions,
        support=run.support,
        critic=run.critic,
    )
    return run, weights


def distance_moved(run, weights, **planner):
    """Return the mean distance that the agent moves points from zero in six steps."""
    agent = Agent.from_run(run.with_planner(planner), weights)
    position = np.zeros((6, 1), np.float32)
    state = None
    for _ in range(6):
        action, state = agent.predict(position, state, np.full(6, state is None))
        position = position + action
    return float(position.mean())


def test_the_requested_return_is_achieved(job):
    high, low = (
        distance_moved(*job, candidates=1, **{"goal.return_quantile": q}) for q in (0.95, 0.05)
    )
    assert high > 1 and low < -1


def test_the_candidate_with_the_highest_return_is_chosen(job):
    run, weights = job
    settings = {"goal.conditioning": "none", "candidates": 16}
    distance = distance_moved(run, weights, **settings)
    names = ("base", "scale", "reward_base", "reward_scale")
    negated = {name: -getattr(run.critic, name) for name in names}
    weights = weights._replace(critic=dataclasses.replace(run.critic, **negated))
    assert distance > distance_moved(run, weights, **settings) + 1.5


def test_the_goal_token_of_a_window_holds_its_return_quantile(job, data):
    run, _ = job
    training_arrays = prepare_arrays(run, data)
    batch = sample_batch(jax.random.key(0), training_arrays, run.model.layout, run.config.data, 256)
    goal = batch.tokens[:, 0, 0]
    start = batch.state[:, 0]
    displacement = batch.tokens[:, 2, 0] - start
    assert np.corrcoef(goal, displacement)[0, 1] > 0.4
    assert abs(np.corrcoef(goal, start)[0, 1]) < 0.3
    assert goal.min() >= -(3**0.5) and goal.max() <= 3**0.5


def test_an_exported_planner_ranks_by_return_too(job, tmp_path):
    run = job[0].with_planner({"goal.conditioning": "none"})
    weights = job[1]
    export(run, weights, tmp_path / "out", batches=(2,), platforms=("cpu",))
    agent = Agent.from_run(run, weights, seed=5)
    states = np.array([[0.5], [-1.0]], np.float32)
    agent.act(states)
    plan = load(tmp_path / "out").plan(states, seed=5)
    np.testing.assert_allclose(plan.states, agent.plan.states, atol=1e-5)
    np.testing.assert_allclose(plan.cost, agent.plan.cost, atol=1e-4)


def test_a_run_saves_its_critic(job, data, tmp_path):
    run, _ = job
    run.save(tmp_path / "run")
    loaded = Run.load(tmp_path / "run")
    plan = jnp.ones((1, 2, 1))
    assert loaded.critic is not None and run.critic is not None
    assert loaded.critic.expected_return(plan) == run.critic.expected_return(plan)
    np.testing.assert_array_equal(
        prepare_arrays(loaded, data).return_quantile, prepare_arrays(run, data).return_quantile
    )
    (tmp_path / "run" / "value.npz").unlink()
    with pytest.raises(UserError, match=r"value\.npz.*No such file"):
        Run.load(tmp_path / "run")


class Episode(dict):
    """The part of a Minari episode that dfplan reads."""

    __getattr__ = dict.__getitem__

    def __len__(self):
        return len(self["actions"])


@pytest.fixture
def dataset(monkeypatch):
    """Return a function that makes a dataset of rewards; all episodes but the first terminate."""
    box = gym.spaces.Box(-np.inf, np.inf, (1,))

    def make(*rewards):
        class Dataset:
            observation_space = box
            action_space = box

            def iterate_episodes(self, **kwargs):
                for i, reward in enumerate(rewards):
                    n = len(reward)
                    terminations = np.arange(n) + 1 == (n if i else 0)
                    yield Episode(
                        id=i,
                        observations=np.zeros((n + 1, 1)),
                        actions=np.zeros((n, 1)),
                        rewards=np.array(reward),
                        terminations=terminations,
                    )

        monkeypatch.setattr(minari_io, "open_dataset", lambda dataset_id: Dataset())

    return make


def test_rewards_are_read_on_request(dataset):
    dataset([1.0, 2.0], [3.0])
    data = minari_io.load_trajectories("some-v0", rewards=True)
    np.testing.assert_array_equal(data.reward, [1, 2, 0, 3, 0])
    np.testing.assert_array_equal(data.terminated, [False, True])
    without_rewards = minari_io.load_trajectories("some-v0")
    assert without_rewards.reward is None and without_rewards.fingerprint != data.fingerprint
    dataset([1.0, 2.0], [4.0])
    other = minari_io.load_trajectories("some-v0", rewards=True)
    assert other.fingerprint != data.fingerprint
    assert minari_io.load_trajectories("some-v0").fingerprint == without_rewards.fingerprint


def test_a_forecast_is_not_conditioned_on_reward(job):
    planner = forecast_settings(job[0])
    assert planner.goal.conditioning == "none" and planner.candidates > 4


def test_a_tracker_for_other_states_is_refused(monkeypatch, tiny_config, tmp_path):
    shape = (("achieved_goal", (1,)), ("desired_goal", (1,)), ("observation", (1,)))
    data = SimpleNamespace(layout=Layout(3, 1, observation_shape=shape))
    monkeypatch.setattr("dfplan.runs.begin.load_source", lambda *args, **kwargs: data)
    config = tiny_config.override(
        {"data.goal": "reward", "planner.low_level_controller": "tracker"}
    )
    with pytest.raises(UserError, match=r"valid here: --planner\.low-level-controller inverse"):
        train(Task("", "some-v0"), config, tmp_path / "run")


@pytest.mark.parametrize(
    ("rewards", "goal", "message"),
    [
        (([0.0, 0.0], [0.0]), {}, "'some-v0': every reward is 0"),
        (([0.0, np.nan], [1.0]), {}, "episode 0, step 1: reward dimension 0 is nan"),
        (([0.0, 1.0], [2.0]), {"goal_dims": (0,)}, "leave out goal-dims"),
    ],
)
def test_unusable_rewards_are_refused(dataset, tiny_config, tmp_path, rewards, goal, message):
    dataset(*rewards)
    config = tiny_config.override({"data.goal": "reward"})
    with pytest.raises(UserError, match=message) as error:
        train(Task("", "some-v0"), config, tmp_path / "run", **goal)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()
