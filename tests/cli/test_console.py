"""The console prints names from files as they are, without markup or terminal controls."""

import io

import pytest
from rich.table import Table

from dfplan.cli import main
from dfplan.cli.console import PlainConsole
from dfplan.types import UserError

NAME = "[red]\x1b[31mname\x1b]8;;http://evil\x07[/red]:smile:"
SHOWN = r"[red]\x1b[31mname\x1b]8;;http://evil\x07[/red]:smile:"


@pytest.mark.parametrize("terminal", [False, True])
def test_text_and_tables(terminal, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    console = PlainConsole()
    console.file = io.StringIO()
    console._force_terminal = terminal
    table = Table("name", box=None, show_header=False)
    table.add_row(NAME)
    console.print(NAME)
    console.print(table)
    lines = [line.strip() for line in console.file.getvalue().splitlines() if line.strip()]
    assert lines == [SHOWN, SHOWN]


def test_errors(monkeypatch, capsys):
    def fail(argv):
        raise UserError(f"no dataset {NAME}\nand a second line")

    monkeypatch.setattr("dfplan.cli.tasks.main", fail)
    assert main(["tasks"]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("dfplan: error: no dataset [red]") and printed.endswith("line\n")
    assert printed[:-1].isprintable()
