"""Statistics added up part by part are those of all data at once."""

import json

import numpy as np
import pytest

from dfplan.representation.columns import Columns, ColumnSums
from dfplan.representation.normalizer import Normalizer

RNG = np.random.default_rng(0)
WALK = np.cumsum(RNG.normal(size=(3000, 2)), axis=0)
DATA = {
    "walk": WALK,
    "offset": WALK + 1e4,
    "constant": np.full((3000, 2), 0.1),
    "rounding": 5.0 + 1e-7 * RNG.integers(-1, 2, (3000, 2)),
    "small": 1e-6 * WALK,
}
STARTS = np.isin(np.arange(3000), [0, 1, 700, 2999])


def add_up(data, cuts):
    """Return the sums of parts that begin at these rows, each with the row before it."""
    total = None
    for first, last in zip([0, *cuts], [*cuts, len(data)], strict=True):
        before = min(first, 1)
        rows = slice(first - before, last)
        part = ColumnSums.measure(data[rows], STARTS[rows], before=before)
        total = part if total is None else total.merge(part)
    return total


@pytest.mark.parametrize("cuts", [[], [1], [699, 700, 2999], list(range(50, 3000, 50))], ids=len)
@pytest.mark.parametrize("name", DATA)
def test_sums_of_parts(name, cuts):
    data = DATA[name].astype(np.float32)
    whole = Columns.measure(data, STARTS)
    sums = ColumnSums.from_dict(json.loads(json.dumps(add_up(data, cuts).to_dict())))
    columns = sums.columns()
    assert sums.count == 3000 and sums.changes == 3000 - STARTS.sum()
    np.testing.assert_array_equal(columns.low, whole.low)
    np.testing.assert_array_equal(columns.high, whole.high)
    np.testing.assert_allclose(columns.spread.change, whole.spread.change, rtol=1e-12)
    # To the last digit of float32.
    assert Normalizer.of(columns).to_dict() == Normalizer.of(whole).to_dict()
