"""D4RL's next observations: rounding is allowed, resets are found, contradictions are refused."""

import numpy as np
import pytest

from dfplan.types import UserError

from .conftest import ends

LENGTHS = (30, 20, 25)


def trajectory(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return observations and next observations of episodes that drift in four dimensions."""
    rng = np.random.default_rng(seed)
    observations = []
    nexts = []
    for length in LENGTHS:
        walk = rng.normal(size=4) * 2 + np.cumsum(rng.normal(size=(length + 1, 4)) / 10, axis=0)
        walk[:, 3] = (walk[:, 3] * 40 + np.pi) % (2 * np.pi) - np.pi  # an angle
        observations.append(walk[:-1])
        nexts.append(walk[1:])
    return np.concatenate(observations), np.concatenate(nexts)


@pytest.fixture
def read(hdf5, imported):
    observations, _ = trajectory()
    count = len(observations)
    fields = {"actions": np.zeros((count, 2)), "rewards": np.zeros(count)}

    def call(marked=True, **changes):
        flags = ends(LENGTHS) if marked else np.zeros(count, bool)
        columns = {"observations": observations, "terminals": flags, **fields, **changes}
        _, episodes, notes = imported("d4rl", hdf5(**columns))
        return episodes, " ".join(notes)

    return call


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("marked", [True, False])
def test_next_observations_of_any_precision(read, dtype, marked):
    episodes, notes = read(marked, next_observations=trajectory()[1].astype(dtype))
    assert [len(episode) for episode in episodes] == list(LENGTHS)
    assert ("unmarked ends" in notes) == (not marked) and "left out" not in notes


def normalized(after):
    return (after - after.mean(axis=0)) / after.std(axis=0)


def unwrapped(after):
    return np.where([[False, False, False, True]], after % (2 * np.pi), after)


CHANGES = {
    "normalized": normalized,
    "shifted": lambda after: after + 0.01,
    "one-row-late": lambda after: np.roll(after, 1, axis=0),
    "unwrapped": unwrapped,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_contradictions_are_refused_by_row(read, change):
    after = change(trajectory()[1])
    with pytest.raises(UserError) as caught:
        read(next_observations=after)
    _, truth = trajectory()
    row = int(np.flatnonzero((np.abs(after - truth) > 1e-3).any(axis=1) & ~ends(LENGTHS))[0])
    message = str(caught.value)
    assert f"next_observations, row {row}, dimension" in message and "timeouts" in message


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_with_timeouts_the_flags_decide_and_a_note_says_so(read, change):
    after = change(trajectory()[1])
    episodes, notes = read(False, timeouts=ends(LENGTHS), next_observations=after)
    assert [len(episode) for episode in episodes] == [length - 1 for length in LENGTHS]
    assert "next_observations are ignored" in notes


@pytest.mark.parametrize(
    ("dtype", "convert"),
    [("int", int), ("float", float), ("bytes", lambda flag: str(bool(flag)).encode())],
)
def test_flags_of_any_type(read, dtype, convert):
    flags = np.array([convert(flag) for flag in ends(LENGTHS)])
    assert len(read(terminals=flags)[0]) == 3, dtype


@pytest.mark.parametrize("column", ["terminals", "timeouts"])
@pytest.mark.parametrize("value", [np.nan, 2.0])
def test_a_flag_that_is_none_is_refused_by_row(read, column, value):
    flags = ends(LENGTHS).astype(float)
    flags[17] = value
    with pytest.raises(UserError) as caught:
        read(**{column: flags})
    assert f"'{column}', row 17, is {value}" in str(caught.value)


def test_next_observations_of_another_width_are_refused(read):
    with pytest.raises(UserError, match="3 numbers per row; needed: 4"):
        read(next_observations=trajectory()[1][:, :3])
