"""Tables print every name and number in full, also when the output is piped."""

import io

import numpy as np
import pytest

from dfplan.cli.console import PlainConsole
from dfplan.cli.dataset import COLUMNS, _dimensions
from dfplan.cli.table import PlainTable
from dfplan.data.profile.profile import Dimension, Profile


def printed(table, monkeypatch, terminal=False) -> list[str]:
    """Return the lines of text that a table prints at 80 columns."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    console = PlainConsole()
    console.file = io.StringIO()
    console._force_terminal = terminal
    console.print(table)
    return [line for line in console.file.getvalue().splitlines() if line.strip(" ─")]


@pytest.mark.parametrize("terminal", [False, True])
def test_nothing_is_shortened(terminal, monkeypatch):
    names = [f"a long name of a column {i}" for i in range(6)]
    table = PlainTable(*names)
    table.add_row(*(f"{i}.{'123456789' * 3}" for i in range(6)))
    header, row = printed(table, monkeypatch, terminal)
    assert all(name in header for name in names)
    assert row.split() == [f"{i}.{'123456789' * 3}" for i in range(6)]


def dimension(i, **values):
    numbers = {"low": -0.99123, "mean": -0.0012346, "std": 0.57735, "high": 0.99812}
    return Dimension(f"observation {i}", **numbers, **{"missing": 0.0, "at_ends": 0.0, **values})


@pytest.mark.parametrize(
    ("values", "columns"),
    [({"at_ends": 0.004}, 6), ({"missing": 0.5, "at_ends": 0.01, "outlier_steps": 1234}, 8)],
)
def test_the_dimensions_of_a_dataset_fit_a_terminal(values, columns, monkeypatch):
    state = (dimension(0), dimension(18, **values))
    profile = Profile("my/robot-v0", spaces={}, length=np.ones(1), state=state)
    header, first, last = printed(_dimensions(profile), monkeypatch)
    assert max(map(len, (header, first, last))) <= 80
    assert [name for name in COLUMNS if name in header] == list(COLUMNS[:columns])
    assert last.split()[:6] == ["observation", "18", "-0.9912", "-0.001235", "0.5774", "0.9981"]
