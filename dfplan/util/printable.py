"""Text to print: without characters that control a terminal, and with nouns in the right number."""

import unicodedata

CONTROL = ("Cc", "Cf", "Zl", "Zp", "Cs")
"""Unicode categories that are escaped: control and format characters, separators, surrogates."""


def printable(text: str, keep: str = "\n\t") -> str:
    r"""Return text with characters that control a terminal or reorder text written as escapes.

    Args:
        text: Text.
        keep: Control characters to leave as they are.

    Returns:
        The text, in which an escape character reads `\x1b`, for instance.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c if c in keep or unicodedata.category(c) not in CONTROL else _escaped(c) for c in text
    )


def counted(count: int, noun: str) -> str:
    """Return a number and its noun, such as "1 episode" or "1,000 episodes"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
