"""Plain NumPy files, with and without observations after the last actions."""

import numpy as np
import pytest

from dfplan.data.importers.write import ImportOptions

from .conftest import LENGTHS, check_dropped, coded, ends

WITH_FINAL = tuple(n + 1 for n in LENGTHS)  # observations per episode, final ones included


@pytest.mark.parametrize(
    "boundaries", [{}, {"terminals": None, "episode_lengths": np.array(LENGTHS)}], ids=str
)
def test_same_number_of_observations_and_actions(npz, imported, boundaries):
    check_dropped(imported("numpy", npz(**boundaries))[1])


@pytest.mark.parametrize("boundaries", [{}, {"episode_lengths": np.array(LENGTHS)}], ids=str)
def test_one_more_observation_than_actions_per_episode(npz, imported, boundaries):
    observations = coded(3, lengths=WITH_FINAL)
    terminals = ends()
    terminals[3] = not boundaries
    path = npz(observations=observations, terminals=terminals, **boundaries)
    _, episodes, notes = imported("numpy", path)
    stops = np.cumsum(WITH_FINAL)
    for episode, stop, n in zip(episodes, stops, WITH_FINAL, strict=True):
        np.testing.assert_array_equal(episode.observations, observations[stop - n : stop])
    np.testing.assert_array_equal(np.concatenate([e.actions for e in episodes]), coded(2, 0.05))
    assert [bool(e.terminations[-1]) for e in episodes] == [not boundaries, True, True]
    assert not any("last action" in note for note in notes)


def test_separate_files_and_one_number_per_row(home, imported):
    for name, array in {"observations": np.arange(6), "actions": np.arange(5) / 4}.items():
        np.save(home / f"{name}.npy", array)
    dataset, episodes, notes = imported(
        "numpy",
        home / "observations.npy",
        home / "actions.npy",
        options=ImportOptions(action_bounds=(-1, 1.5)),
    )
    assert dataset.action_space.low.tolist() == [-1] and dataset.action_space.high.tolist() == [1.5]
    np.testing.assert_array_equal(episodes[0].observations[:, 0], np.arange(6))
    np.testing.assert_array_equal(episodes[0].actions[:, 0], np.arange(5) / 4)
    assert any("no rewards" in note for note in notes)


def test_no_value_is_rounded(npz, imported):
    observations = coded(3).astype(np.float64)
    observations[0, 0] = 1 / 3
    actions = np.full((12, 2), 2**24 + 1)
    _, episodes, _ = imported("numpy", npz(observations=observations, actions=actions))
    assert episodes[0].observations[0, 0] == np.float64(1 / 3)
    np.testing.assert_array_equal(episodes[0].actions, np.float64(2**24 + 1))


@pytest.mark.parametrize(
    ("lengths", "total"),
    [
        ([4, 3, 4], "11"),
        ([5, 4, 6], "15"),
        ([12, 0], "12"),
        ([4.5, 7.5], "12"),
    ],
)
def test_lengths_that_do_not_add_up(npz, refusal, lengths, total):
    message = refusal("numpy", npz(episode_lengths=np.array(lengths)))
    assert f"'episode_lengths' add up to {total};" in message
    assert "the 12 rows of 'actions'" in message


def test_lengths_and_a_limit(npz, refusal):
    path = npz(episode_lengths=np.array(LENGTHS))
    assert "--episode-steps" in refusal("numpy", path, limit=5)


def test_two_observations_too_many(npz, refusal):
    message = refusal("numpy", npz(observations=coded(3, lengths=(14,))))
    assert "'actions' has 12 rows; needed: 14, as 'observations'" in message


def test_other_files(home, refusal):
    (home / "x.csv").touch()
    message = refusal("numpy", home / "x.csv")
    assert "x.csv; needed: .npz files" in message and ".npy files" in message
    (home / "actions.npy").write_bytes(b"no")
    assert "has no column 'observations'; it has: actions" in refusal("numpy", home / "actions.npy")


@pytest.mark.parametrize(
    ("bounds", "says"),
    [
        ((-1.0, 1.0), "action 0 of row 1 is 1.05, out of --action-bounds -1 1; all lie in 0.05 to"),
        ((1.0, -1.0), "--action-bounds 1 -1 "),
        ((-np.inf, 1.0), "--action-bounds -inf 1 "),
    ],
)
def test_actions_out_of_bounds(npz, refusal, bounds, says):
    assert says in refusal("numpy", npz(), options=ImportOptions(action_bounds=bounds))


def test_bounds_of_actions_that_are_left_out(npz, imported):
    actions = coded(2, 0.05)
    actions[ends()] = 999
    dataset, episodes, _ = imported(
        "numpy", npz(actions=actions), options=ImportOptions(action_bounds=(0, 300))
    )
    check_dropped(episodes)
    assert dataset.action_space.high.tolist() == [300, 300]


def test_goal_dimensions_without_goals(npz, refusal):
    message = refusal("numpy", npz(), options=ImportOptions(goal_dims=(0,)))
    assert "--goal-dims" in message and message.endswith("--goal")


def test_unknown_format(npz, refusal):
    message = refusal("npz", npz())
    assert "'npz'" in message and "valid: d4rl, ogbench, lerobot, numpy, " in message


def test_no_files(refusal):
    assert "file" in refusal("numpy")
