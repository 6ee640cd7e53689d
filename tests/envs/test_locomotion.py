"""Locomotion data: the actors' actions, the parts of each dataset, and the recorded episodes."""

import gymnasium as gym
import numpy as np
import pytest

from dfplan_envs.locomotion.actor import (
    Actor,
    Snapshot,
    load_snapshots,
    stack_snapshots,
    unstack_snapshots,
)
from dfplan_envs.locomotion.collect import ROBOTS, collect, make_runs
from dfplan_envs.locomotion.simulate import STREAMS, Stage, simulate
from dfplan_envs.locomotion.tasks import REPLAY_STEPS, SCORES

STATES, HIDDEN, ACTIONS = 11, 16, 3
SHIPPED = list(ROBOTS.values())


def make_actor(seed, states=STATES, actions=ACTIONS):
    rng = np.random.default_rng(seed)

    def layer(inputs, outputs):
        kernel = rng.normal(0, inputs**-0.5, (inputs, outputs))
        return kernel.astype(np.float32), rng.normal(size=outputs).astype(np.float32)

    hidden = (layer(states, HIDDEN), layer(HIDDEN, HIDDEN))
    return Actor(hidden, mean=layer(HIDDEN, actions), log_std=layer(HIDDEN, actions))


def play(stages, seed=0):
    return list(
        simulate(
            "Hopper-v5",
            stages,
            seed=np.random.SeedSequence(seed),
            env_kwargs={},
            progress=lambda steps: None,
        )
    )


def test_actions_are_a_squashed_gaussian():
    actor = make_actor(0)
    observations = np.random.default_rng(1).normal(size=(5, STATES))
    noise = np.random.default_rng(2).normal(size=(5, ACTIONS))
    x = observations
    for kernel, bias in actor.hidden:
        x = np.maximum(x @ kernel.astype(np.float64) + bias, 0)
    mean = x @ actor.mean[0].astype(np.float64) + actor.mean[1]
    log_std = np.clip(x @ actor.log_std[0].astype(np.float64) + actor.log_std[1], -20, 2)
    expected = np.tanh(mean + np.exp(log_std) * noise)
    np.testing.assert_allclose(actor.act(observations, noise), expected, atol=1e-5)
    np.testing.assert_allclose(actor.act(observations), np.tanh(mean), atol=1e-5)


def test_an_action_does_not_depend_on_the_batch_to_the_last_bit():
    actor = make_actor(0)
    observations = np.random.default_rng(1).normal(size=(9, STATES))
    alone = np.concatenate([actor.act(row[None]) for row in observations])
    np.testing.assert_array_equal(alone, actor.act(observations))


def test_snapshots_are_read_back_in_half_precision():
    snapshots = [Snapshot(make_actor(k), 10_000 * (k + 1), 5.0 * k) for k in range(3)]
    loaded = unstack_snapshots(stack_snapshots(snapshots))
    observations = np.random.default_rng(1).normal(size=(5, STATES))
    for before, after in zip(snapshots, loaded, strict=True):
        assert after[1:] == before[1:]
        np.testing.assert_allclose(
            after.actor.act(observations), before.actor.act(observations), atol=0.01
        )


@pytest.fixture
def snapshots():
    """A training with its medium policy after 30,000 steps, and its expert."""
    return [Snapshot(make_actor(k), 10_000 * (k + 1), 0.0) for k in range(3)] + [
        Snapshot(make_actor(9), 900_000, 0.0)
    ]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("random", [[(None, 60)]]),
        ("medium", [[(2, 60)]]),
        ("expert", [[(3, 60)]]),
        ("medium-expert", [[(2, 30)], [(3, 30)]]),
        # Random actions until the first snapshot; the medium policy itself has collected nothing.
        ("medium-replay", [[(None, 20), (0, 20), (1, 20)]]),
    ],
)
def test_the_parts_of_a_dataset(snapshots, kind, expected):
    actors = {id(snapshot.actor): k for k, snapshot in enumerate(snapshots)}
    runs = make_runs(kind, snapshots, 60)
    assert [[(s.actor and actors[id(s.actor)], s.steps) for s in run] for run in runs] == expected


@pytest.mark.parametrize("kind", ["medium-expert", "medium-replay"])
def test_parts_add_up_to_an_odd_number_of_steps(snapshots, kind):
    runs = make_runs(kind, snapshots, 101)
    assert sum(stage.steps for run in runs for stage in run) == 101


def test_episodes_are_those_of_the_environment():
    episodes = play([Stage(make_actor(0), 50 * STREAMS + 7)])
    assert sum(len(episode.actions) for episode in episodes) == 50 * STREAMS + 7
    terminated = [episode for episode in episodes if episode.terminations[-1]]
    assert terminated and len(terminated) < len(episodes)
    env = gym.make("Hopper-v5")
    for episode in (terminated[0], episodes[-1]):
        observation, _ = env.reset(seed=episode.seed)
        np.testing.assert_array_equal(episode.observations[0], observation)
        for k, action in enumerate(episode.actions):
            observation, reward, ends, _, _ = env.step(action)
            np.testing.assert_array_equal(episode.observations[k + 1], observation)
            assert (episode.rewards[k], episode.terminations[k]) == (reward, ends)
        assert episode.truncations[-1] == (not ends)
        assert not episode.truncations[:-1].any()


def test_the_same_seed_gives_the_same_data():
    stages = [Stage(make_actor(0), 3 * STREAMS)]
    once, again, other = (play(stages, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(once[0].observations, again[0].observations)
    np.testing.assert_array_equal(once[0].actions, again[0].actions)
    assert not np.array_equal(once[0].actions, other[0].actions)


def test_an_episode_under_way_continues_with_the_next_actor():
    first, second = make_actor(0), make_actor(1)
    episode = play([Stage(first, 3 * STREAMS), Stage(second, 3 * STREAMS)])[0]
    alone = play([Stage(first, 6 * STREAMS)])[0]
    assert len(episode.actions) == 6
    np.testing.assert_array_equal(episode.actions[:3], alone.actions[:3])
    assert not np.isclose(episode.actions[3], alone.actions[3]).all()


def test_fewer_steps_than_streams():
    episodes = play([Stage(None, 3)])
    assert [len(episode.actions) for episode in episodes] == [1, 1, 1]


@pytest.mark.parametrize(
    ("options", "words"),
    [({"env_id": "Ant-v5", "steps": 5}, "Ant-v5.*Hopper-v5"), ({"steps": 0}, "steps.*0")],
)
def test_what_cannot_be_collected_is_named(options, words):
    with pytest.raises(ValueError, match=words):
        collect(**{"env_id": "Hopper-v5", "kind": "medium", **options})


@pytest.mark.parametrize("robot", SHIPPED)
def test_the_shipped_policies(robot):
    snapshots = load_snapshots(robot)
    medium, expert = snapshots[-2:]
    steps = [snapshot.steps for snapshot in snapshots]
    assert steps == sorted(steps)
    assert medium.steps == REPLAY_STEPS[robot]
    assert 0.25 < medium.mean_return / expert.mean_return < 0.55
    assert expert.mean_return == pytest.approx(SCORES[robot]["max"], abs=0.01)


@pytest.mark.parametrize("robot", SHIPPED)
def test_a_dataset_of_the_expert_scores_high(robot):
    env_id = next(env_id for env_id, name in ROBOTS.items() if name == robot)
    recording = collect(env_id, "expert", steps=400 * STREAMS)
    rewards = np.concatenate([episode.rewards for episode in recording["buffer"]])
    # Mean reward per step, as episodes are cut short here.
    assert rewards.mean() * 1000 > 0.7 * SCORES[robot]["max"]
