"""Damaged input is read or refused in one line, never anything else.

`python -m scripts.fuzz` runs the same cases by the thousand, and more targets.
"""

import pytest

from scripts.fuzz.__main__ import check
from scripts.fuzz.targets import TARGETS

CASES = {"npz": 100, "hdf5": 100, "csv": 60, "lerobot": 40, "result": 100, "config": 60}


@pytest.mark.parametrize("target", CASES)
def test_damaged_input_is_read_or_refused(target, tmp_path, recwarn):
    if target == "lerobot":
        pytest.importorskip("pyarrow")
    case = TARGETS[target](tmp_path)
    outcomes = {check(case, seed) for seed in range(CASES[target])}
    assert outcomes == {"read", "refused"}
