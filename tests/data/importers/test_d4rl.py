"""D4RL's HDF5: episode boundaries, and whether the last transition of an episode is kept."""

import h5py
import numpy as np
import pytest

from dfplan.data.importers.columns import Columns
from dfplan.data.importers.write import ImportOptions
from dfplan.data.minari_io import load_trajectories

from .conftest import ID, LENGTHS, check_dropped, coded, ends


def test_episodes_end_at_terminals_and_timeouts(hdf5, imported):
    terminals = ends()
    timeouts = ends()
    terminals[[6, 11]] = False
    timeouts[3] = False
    path = hdf5(terminals=terminals, timeouts=timeouts)
    _, episodes, notes = imported("d4rl", path)
    check_dropped(episodes)
    assert any("last action of an episode" in note for note in notes)


def test_next_observations_keep_the_last_transition(hdf5, imported):
    after = coded(3) + 1
    timeouts = ends()
    terminals = ends()
    terminals[[6, 11]] = False
    path = hdf5(terminals=terminals, timeouts=timeouts, next_observations=after)
    _, episodes, notes = imported("d4rl", path)
    stops = np.cumsum(LENGTHS)
    for episode, stop, n in zip(episodes, stops, LENGTHS, strict=True):
        rows = slice(stop - n, stop)
        np.testing.assert_array_equal(episode.observations[:-1], coded(3)[rows])
        np.testing.assert_array_equal(episode.observations[-1], after[stop - 1])
        np.testing.assert_array_equal(episode.actions, coded(2, 0.05)[rows])
        np.testing.assert_array_equal(episode.rewards, coded(1, 0.5)[rows, 0])
    assert [e.terminations.tolist()[-1] for e in episodes] == [True, False, False]
    assert [e.truncations.tolist()[-1] for e in episodes] == [False, True, True]
    assert not any("last action" in note for note in notes)


def test_unmarked_end_is_detected_from_the_next_observation(hdf5, imported):
    path = hdf5(terminals=np.zeros(12, bool), next_observations=coded(3) + 1)
    assert [len(e) for e in imported("d4rl", path)[1]] == list(LENGTHS)


def test_rows_after_the_last_end_form_an_episode(hdf5, imported):
    terminals = ends()
    terminals[-1] = False
    check_dropped(imported("d4rl", hdf5(terminals=terminals))[1])


def test_goals_make_a_dict_that_dfplan_reads(hdf5, imported):
    goals = np.repeat([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], LENGTHS, axis=0)
    path = hdf5(**{"infos/goal": goals, "infos/qpos": coded(2)})
    _, episodes, notes = imported("d4rl", path)
    check_dropped(episodes)
    for episode, goal, n in zip(episodes, (1.0, 3.0, 5.0), LENGTHS, strict=True):
        observations = episode.observations
        np.testing.assert_array_equal(
            observations["achieved_goal"], observations["observation"][:, :2]
        )
        np.testing.assert_array_equal(observations["desired_goal"], [[goal, goal + 1]] * n)
    assert load_trajectories(ID).layout.goal_dims == (0, 1)
    assert "columns left out: infos/qpos" in notes
    assert "achieved goal: dimensions 0, 1 of the observation" in notes


def test_goals_of_other_dimensions_and_after_the_last_action(hdf5, imported):
    goals = coded(2, 0.7)
    path = hdf5(**{"infos/goal": goals, "next_observations": coded(3) + 1})
    _, episodes, _ = imported("d4rl", path, options=ImportOptions(goal_dims=(2, 0)))
    first = episodes[0].observations
    np.testing.assert_array_equal(first["achieved_goal"], first["observation"][:, [2, 0]])
    np.testing.assert_array_equal(first["desired_goal"], goals[[0, 1, 2, 3, 3]])


def test_goals_can_be_skipped_and_other_columns_chosen(hdf5, imported):
    path = hdf5(**{"infos/goal": coded(2), "infos/qpos": coded(2, 7), "infos/qvel": coded(1, 9)})
    columns = Columns(observations=("infos/qpos", "infos/qvel"), goal="none", rewards="none")
    _, episodes, notes = imported("d4rl", path, columns=columns)
    expected = np.concatenate([coded(2, 7), coded(1, 9)], axis=1)[:4]
    np.testing.assert_array_equal(episodes[0].observations, expected)
    assert not episodes[0].rewards.any()
    assert "the file has no rewards: they are zero" in notes


def test_limit_splits_rows_without_boundaries(hdf5, imported, home):
    path = hdf5(terminals=np.zeros(12, bool))
    _, episodes, _ = imported("d4rl", path, limit=5)
    assert [len(e.observations) for e in episodes] == [5, 5, 2]
    assert episodes[1].observations[0, 0] == coded(3)[5, 0]


def test_a_single_episode_is_noted(hdf5, imported):
    _, episodes, notes = imported("d4rl", hdf5(terminals=np.zeros(12, bool)))
    assert len(episodes) == 1
    assert any("--episode-steps" in note for note in notes)


def test_several_files_are_joined_in_their_order(hdf5, imported):
    second = hdf5("b.hdf5", observations=coded(3, 1000))
    _, episodes, _ = imported("d4rl", hdf5("a.hdf5"), second)
    check_dropped(episodes[:3])
    np.testing.assert_array_equal(episodes[3].observations, coded(3, 1000)[:4])


def test_episodes_of_one_row_have_no_step(hdf5, imported):
    terminals = ends()
    terminals[2] = True  # leaves row 3 alone
    _, episodes, notes = imported("d4rl", hdf5(terminals=terminals))
    assert [len(e) for e in episodes] == [2, 2, 4]
    assert any(note.startswith("episodes with a single row") for note in notes)
    assert any(note.endswith("left out: 1") for note in notes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"actions": None}, "no column 'actions'; it has: observations, rewards, terminals"),
        ({"terminals": None}, "no column 'terminals'; it has: actions, observations, rewards"),
        ({"actions": coded(2)[:-1]}, "'actions' has 11 rows; needed: 12, as 'observations'"),
        ({"rewards": np.zeros(13)}, "'rewards' has 13 rows; needed: 12, as 'observations'"),
        ({"rewards": np.zeros((12, 2))}, "'rewards' has 2 numbers per row; needed: 1"),
        ({"timeouts": np.zeros(3)}, "'timeouts' has 3 rows; needed: 12"),
        ({"next_observations": coded(3)[1:]}, "'next_observations' has 11 rows; needed: 12"),
        ({"infos/goal": coded(4)}, "do not fit"),
        ({"observations": np.zeros((12, 8, 8, 3))}, "shape (12, 8, 8, 3); needed: (rows,)"),
        ({"observations": np.zeros((0, 3))}, "shape (0, 3)"),
        ({"actions": [b"left"] * 12}, "'actions' holds object; needed: numbers"),
        ({"terminals": np.ones(12, bool)}, "'terminals' is true in 12 of 12 rows"),
    ],
    ids=str,
)
def test_unsuitable_columns_are_refused(hdf5, refusal, changes, says):
    path = hdf5(**changes)
    message = refusal("d4rl", path)
    assert says in message and str(path) in message


def test_values_that_are_not_finite_are_located(hdf5, refusal):
    locations = {3: "episode 0, step 3", 4: "episode 1, step 0", 5: "episode 1, step 1"}
    for row, location in locations.items():
        observations = coded(3)
        observations[row, 1] = np.nan
        observations[9, 0] = np.inf
        message = refusal("d4rl", hdf5(observations=observations))
        assert f"observations, row {row} ({location}), dimension 1 is nan;" in message
        assert message.endswith("(2 are not)")


def test_final_observations_are_checked_too(hdf5, refusal):
    after = coded(3) + 1
    after[6, 2] = np.nan
    message = refusal("d4rl", hdf5(next_observations=after, timeouts=ends()))
    assert "after the last action of episode 1, dimension 2, is nan" in message


def test_an_action_that_is_left_out_may_have_any_value(hdf5, imported, home):
    actions = coded(2, 0.05)
    actions[ends()] = np.nan
    _, episodes, _ = imported(
        "d4rl", hdf5(actions=actions), options=ImportOptions(action_bounds=(-300, 300))
    )
    check_dropped(episodes)


def test_not_hdf5(home, refusal):
    (home / "x.hdf5").write_text("no")
    assert "cannot be read as HDF5" in refusal("d4rl", home / "x.hdf5")
    assert f"{home / 'y.hdf5'} does not exist" in refusal("d4rl", home / "y.hdf5")


def test_metadata_is_not_a_column(hdf5, refusal):
    path = hdf5(actions=None)
    with h5py.File(path, "a") as file:
        file["metadata/policy/bias"] = np.zeros(3)
    assert "metadata/" not in refusal("d4rl", path)
