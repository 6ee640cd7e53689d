"""ETH's and UCY's text files, in the usual form and as obsmat.txt."""

import pytest

from dfplan.data.importers.columns import Columns
from dfplan.data.importers.formats import read_files
from dfplan.types import UserError

SGAN = (
    "780.0\t1.0\t8.46\t3.59\n790.0\t1.0\t9.57\t3.79\n790.0\t2.0\t1.0\t2.0\n810.0\t1.0\t11.2\t4.1\n"
)
OBSMAT = "  7.8e+02 1 8.46 0 3.59 1.67 0 0.18\n  7.86e+02 1 9.57 0 3.79 1.67 0 0.18\n"


@pytest.fixture
def read(tmp_path):
    def call(text, **columns):
        path = tmp_path / "biwi_eth.txt"
        path.write_text(text)
        return read_files("eth_ucy", [path], Columns(**columns))

    return call


@pytest.mark.parametrize("text", [SGAN, SGAN.replace("\t", "  ")], ids=["tabs", "spaces"])
def test_frames_are_ten_apart(read, text):
    rows = read(text)
    assert rows.length.tolist() == [2]
    assert rows.observation.tolist() == [[8.46, 3.59], [9.57, 3.79]]
    assert any("rows left out" in note and note.endswith(": 2") for note in rows.notes)


def test_obsmat_has_positions_on_the_ground_and_velocities(read):
    assert read(OBSMAT).observation.tolist() == [[8.46, 3.59], [9.57, 3.79]]
    assert read(OBSMAT, observations=("vx", "vy")).observation[0].tolist() == [1.67, 0.18]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 1 2\n", ["3 columns"]),
        ("1 1 2 x\n", ["x"]),
        ("1 1.5 2 3\n", ["row 0", "id is 1.5"]),
        ("0 1 2 3\n10 1 2 3\n25 1 2 3\n", ["from time 10 to 25", "10"]),
    ],
)
def test_unsuitable_files_are_refused(read, text, words):
    with pytest.raises(UserError) as error:
        read(text)
    for word in ("biwi_eth.txt", *words):
        assert word in str(error.value)
