"""Minari datasets: round trips, and refusals that name the reason."""

import dataclasses
import warnings

import minari
import numpy as np
import pytest
from gymnasium import spaces
from minari.data_collector import EpisodeBuffer

from dfplan.data.minari_io import load_trajectories, open_dataset
from dfplan.data.trajectories import from_episodes
from dfplan.types import UserError

from .conftest import coded_episodes

ID = "dfplan/test-v0"


def box(*shape):
    return spaces.Box(-np.inf, np.inf, shape, np.float64)


GOAL_SPACE = spaces.Dict({"observation": box(3), "achieved_goal": box(2), "desired_goal": box(2)})


def write(observations, actions, observation_space, dataset_id=ID, action_space=None):
    buffers = [
        EpisodeBuffer(
            id=i,
            observations=o,
            actions=a,
            rewards=np.zeros(len(a)),
            terminations=np.zeros(len(a), bool),
            truncations=np.zeros(len(a), bool),
        )
        for i, (o, a) in enumerate(zip(observations, actions, strict=True))
    ]
    shape = actions[0].shape[1:] if actions else (2,)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return minari.create_dataset_from_buffers(
            dataset_id,
            buffer=buffers,
            observation_space=observation_space,
            action_space=action_space or spaces.Box(-1, 1, shape),
        )


def random_episodes(*lengths, action=(2,)):
    rng = np.random.default_rng(0)
    observations = [rng.normal(size=(n + 1, 3)) for n in lengths]
    actions = [rng.uniform(-1, 1, (n, *action)).astype(np.float32) for n in lengths]
    return observations, actions


def refusal(dataset_id=ID, **kwargs) -> str:
    with pytest.raises(UserError) as caught:
        load_trajectories(dataset_id, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("action", [(2,), (2, 3)])
def test_round_trip_with_episodes_of_different_lengths(minari_home, action):
    observations, actions = random_episodes(5, 1, 8, action=action)
    write(observations, actions, box(3))
    data = load_trajectories(ID)
    assert data.dataset_id == ID and data.layout.goal_dims == ()
    assert data.start.tolist() == [0, 6, 8] and data.length.tolist() == [6, 2, 9]
    assert data.state.dtype == data.action.dtype == np.float32
    assert len(data.state) == len(data.action) == 17
    for start, o, a in zip(data.start, observations, actions, strict=True):
        np.testing.assert_array_equal(data.state[start : start + len(o)], o.astype(np.float32))
        flat = a.reshape(len(a), -1)
        np.testing.assert_array_equal(data.action[start : start + len(a)], flat)
        np.testing.assert_array_equal(data.action[start + len(a)], 0)


def goal_episodes(inside: bool):
    observations, actions = random_episodes(4, 6)
    for i, o in enumerate(observations):
        goal = o[:, [2, 0]] if inside else np.cumsum(o[:, :2], axis=0)
        observations[i] = {"observation": o, "achieved_goal": goal, "desired_goal": 0 * goal}
    return observations, actions


def test_an_achieved_goal_inside_the_observation_is_detected(minari_home):
    observations, actions = goal_episodes(inside=True)
    write(observations, actions, GOAL_SPACE)
    data = load_trajectories(ID)
    assert data.layout.goal_dims == (2, 0) and data.layout.state_dim == 3
    assert not data.layout.append_achieved
    np.testing.assert_allclose(data.state[:5], observations[0]["observation"], rtol=1e-6)


def test_an_achieved_goal_outside_the_observation_is_appended(minari_home):
    observations, actions = goal_episodes(inside=False)
    write(observations, actions, GOAL_SPACE)
    data = load_trajectories(ID)
    assert data.layout.goal_dims == (3, 4) and data.state.shape == (12, 5)
    joined = [np.concatenate([o["observation"], o["achieved_goal"]], axis=1) for o in observations]
    np.testing.assert_allclose(data.state, np.concatenate(joined), rtol=1e-6)
    assert load_trajectories(ID, goal_dims=(0, 1)).layout.goal_dims == (0, 1)


@pytest.mark.parametrize("inside", [True, False], ids=["inside", "appended"])
def test_goal_intervals_are_read_from_the_goals_of_each_episode(minari_home, inside):
    observations, actions = goal_episodes(inside)
    first, second = (o["desired_goal"] for o in observations)
    first[1:] = 1  # of 4 steps
    first[4:] = 2
    second[2:] = 1  # of 6 steps
    second[3:, 1] = 5
    second[6:] = 3
    write(observations, actions, GOAL_SPACE)
    data = load_trajectories(ID)
    # From one change to the next within an episode, never across episodes.
    assert data.goal_intervals.tolist() == [3, 1, 3] and data.goal_intervals.dtype == np.int64


def test_data_without_goal_changes_has_no_intervals(minari_home):
    write(*goal_episodes(inside=True), GOAL_SPACE)
    write(*random_episodes(5, 7), box(3), "dfplan/box-v0")
    for name in (ID, "dfplan/box-v0"):
        assert load_trajectories(name).goal_intervals.tolist() == []


def test_one_episode_that_disagrees_makes_the_goal_appended(minari_home):
    observations, actions = goal_episodes(inside=True)
    observations[1]["achieved_goal"] = observations[1]["achieved_goal"] + 1
    write(observations, actions, GOAL_SPACE)
    assert load_trajectories(ID).layout.append_achieved


@pytest.mark.parametrize(
    ("value", "word"), [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf"), (1e300, "inf")]
)
def test_values_that_are_not_finite(minari_home, value, word):
    observations, actions = random_episodes(5, 7)
    observations[1][4, 2] = value
    write(observations, actions, box(3))
    message = refusal()
    for words in (ID, "episode 1", "step 4", f"state dimension 2 is {word};", "(1 in this"):
        assert words in message


def test_actions_that_are_not_finite(minari_home):
    observations, actions = random_episodes(5, 7)
    actions[0][3, 1] = actions[0][4, 0] = np.nan
    write(observations, actions, box(3))
    message = refusal()
    for words in (ID, "episode 0", "step 3", "action dimension 1", "is nan", "(2 in this"):
        assert words in message


@pytest.fixture
def remote(monkeypatch):
    """Replace Minari's remote; returns the ids that are requested from it."""
    requested = []

    def download(dataset_id, *args, **kwargs):
        requested.append(dataset_id)
        if dataset_id != ID:
            raise ValueError("no such dataset\nanywhere")
        write(*random_episodes(3), box(3))

    monkeypatch.setattr("minari.download_dataset", download)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    return requested


def test_a_remote_dataset_is_downloaded_once(minari_home, remote):
    for _ in range(2):
        assert load_trajectories(ID).dataset_id == ID
    assert remote == [ID]


@pytest.mark.parametrize("dataset_id", ["dfplan/tset-v0", "bad id!", "no-version", "", "../x-v0"])
def test_an_unknown_id_lists_the_local_ones(minari_home, remote, dataset_id):
    write(*random_episodes(3), box(3))
    message = refusal(dataset_id)
    assert repr(dataset_id) in message and f"local: {ID};" in message
    assert message.endswith("no such dataset anywhere")
    assert remote == [dataset_id]


def test_without_huggingface_hub_the_error_names_the_extra(minari_home, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    message = refusal("D4RL/pointmaze/umaze-v2")
    assert (
        "local: none;" in message
        and 'pip install "dfplan[remote]"' in message
        and "collect" not in message
    )


def test_a_missing_dataset_of_a_task_names_the_command_that_collects_it(minari_home, remote):
    message = refusal("dfplan/pointmaze-medium-v0")
    collect = message.index("dfplan collect pointmaze-medium;")
    assert collect < message.index("no such dataset anywhere")


def test_a_foreign_folder_among_the_datasets(minari_home):
    (minari_home / "notes" / "data").mkdir(parents=True)
    assert "local: none" in refusal()


def test_a_damaged_dataset(minari_home):
    write(*random_episodes(3), box(3))
    (minari_home / ID / "data" / "main_data.hdf5").write_bytes(b"not HDF5")
    assert ID in refusal()
    (minari_home / ID / "data" / "metadata.json").write_text("{}")
    with pytest.raises(UserError, match=ID):
        open_dataset(ID)


def test_a_dataset_without_steps(minari_home):
    write([], [], box(3))
    assert ID in refusal() and "steps" in refusal()


def test_too_few_observations(minari_home):
    observations, actions = random_episodes(3, 5)
    write([o[:-1] for o in observations], actions, box(3))
    assert "episode 0: 3 observations for 3 steps; needed: 4" in refusal()


def test_arrays_that_contradict_the_spaces(minari_home):
    observations, actions = random_episodes(3, 5)
    write(observations, [np.zeros((3, 2)), np.zeros((5, 4))], box(3))
    assert "episode 1" in refusal()
    write(observations, actions, box(4), dataset_id="dfplan/other-v0")
    assert "episode 0: observation has shape (4, 3)" in refusal("dfplan/other-v0")


def test_an_unsupported_space(minari_home):
    write(*random_episodes(3), spaces.MultiBinary(3))
    assert "MultiBinary(3)" in refusal()


def test_the_fingerprint_changes_with_any_number():
    data = coded_episodes([4, 6])

    def fingerprint(state=data.state, action=data.action, cut=5):
        states = [state[:cut], state[cut:]]
        actions = [action[:cut], action[cut:]]
        return from_episodes(states, actions, data.layout, dataset_id="any-v0").fingerprint

    assert fingerprint() == data.fingerprint
    state = data.state.copy()
    action = data.action.copy()
    state[3, 1] = np.nextafter(state[3, 1], np.float32(9))
    action[0, 0] += 1e-3
    changed = {fingerprint(state=state), fingerprint(action=action), fingerprint(cut=6)}
    assert len(changed | {data.fingerprint}) == 4


def test_the_fingerprint_is_the_same_after_a_round_trip(minari_home):
    observations, actions = random_episodes(5, 3)
    write(observations, actions, box(3))
    data = load_trajectories(ID)
    write(observations, actions, box(3), dataset_id="dfplan/copy-v0")
    copy = load_trajectories("dfplan/copy-v0")
    assert copy.fingerprint == data.fingerprint
    assert dataclasses.replace(copy, dataset_id=ID).layout == data.layout
