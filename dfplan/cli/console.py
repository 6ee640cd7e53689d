"""The console of all commands, which prints text from files without markup and control codes."""

from typing import Any

from rich.console import Console
from rich.text import Text

from dfplan.util.printable import printable


class PlainConsole(Console):
    """Rich console without markup, which escapes characters that control the terminal."""

    def __init__(self):
        # Paths and JSON may contain what Rich would interpret as markup.
        super().__init__(highlight=False, soft_wrap=True, markup=False, emoji=False)

    def render_str(self, text: str, **kwargs: Any) -> Text:
        """Render printed text and the cells of tables."""
        return super().render_str(printable(text), **kwargs)
