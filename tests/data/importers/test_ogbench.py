"""OGBench's NPZ: the last row of a trajectory is its final observation."""

import numpy as np

from dfplan.data.importers.columns import Columns

from .conftest import check_dropped, coded


def test_trajectories_are_cut_at_terminals_and_never_terminate(npz, imported):
    _, episodes, notes = imported("ogbench", npz(terminals=np.array([0, 0, 0, 1.0] * 3)))
    assert [len(e) for e in episodes] == [3, 3, 3]
    assert not any(e.terminations.any() for e in episodes)
    assert any("last action of an episode" in note for note in notes)
    check_dropped(episodes[:1], (4,))


def test_positions_and_velocities_make_observations(npz, imported):
    path = npz(qpos=coded(2, 7), qvel=coded(2, 9), rewards=None)
    dataset, episodes, notes = imported(
        "ogbench", path, columns=Columns(observations=("qpos", "qvel"))
    )
    expected = np.concatenate([coded(2, 7), coded(2, 9)], axis=1)
    np.testing.assert_array_equal(episodes[1].observations, expected[4:7])
    assert dataset.observation_space.shape == (4,)
    assert "columns left out: observations" in notes


def test_a_validation_file_is_imported_if_named(npz, imported, home):
    train = npz("x-v0.npz")
    val = npz("x-v0-val.npz", observations=coded(3, 1000))
    _, episodes, notes = imported("ogbench", train, val)
    assert len(episodes) == 6 and episodes[3].observations[0, 0] == 1000
    assert not any("x-v0-val.npz" in note for note in notes)


def test_a_validation_file_that_is_left_out_is_noted(npz, imported):
    npz("x-v0-val.npz")
    _, episodes, notes = imported("ogbench", npz("x-v0.npz"))
    assert len(episodes) == 3
    assert any("x-v0-val.npz" in note for note in notes)


def test_files_of_different_width(npz, refusal):
    other = npz("b.npz", observations=coded(4))
    message = refusal("ogbench", npz("a.npz"), other)
    assert f"{other}: observation has 4 numbers; needed: 3, as " in message


def test_terminals_are_required(npz, refusal):
    assert "no column 'terminals'; it has: observations, actions" in refusal(
        "ogbench", npz(terminals=None)
    )


def test_damaged_and_pickled_files(npz, home, refusal):
    path = npz()
    path.write_bytes(path.read_bytes()[:200])
    assert "cannot be read as NPZ" in refusal("ogbench", path)
    np.save(home / "one.npy", coded(2))
    assert "cannot be read as NPZ" in refusal("ogbench", home / "one.npy")
    pickled = npz("p.npz", actions=np.array([None] * 12))
    assert "'actions'" in refusal("ogbench", pickled)
