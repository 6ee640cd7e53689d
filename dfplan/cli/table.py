"""Tables of all commands."""

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table

UNLIMITED = 1_000_000
"""Width in characters that no table reaches."""


class PlainTable(Table):
    """Rich table that never shortens a name or number; it may be wider than the terminal.

    Args:
        names: Names of the columns. All but the first are aligned to the right.
    """

    def __init__(self, *names: str):
        # The narrowest readable spacing, for terminals of 80 columns.
        super().__init__(box=box.SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
        for i, name in enumerate(names):
            self.add_column(name, justify="right" if i else "left", no_wrap=True)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render the table at its full width."""
        return super().__rich_console__(console, options.update(max_width=UNLIMITED))
