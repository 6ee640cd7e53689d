"""Markdown: tables, figures in them, and texts between markers."""

from collections.abc import Collection, Mapping, Sequence

from dfplan.types import UserError

EMPTY = "–"


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], text: Collection[int] = (0,)
) -> str:
    """A Markdown table; all columns but those in `text` hold figures."""
    rule = ["---" if i in text else "---:" for i in range(len(header))]
    lines = [header, rule, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(value: Mapping[str, float] | None, digits: int = 1) -> str:
    """Mean and interval; a dash where there is none."""
    if value is None:
        return EMPTY
    mean, low, high = (f"{value[k]:.{digits}f}" for k in ("mean", "ci_low", "ci_high"))
    return mean if low == high == mean else f"{mean} ({low} to {high})"


def number(value: float | None, digits: int = 1) -> str:
    """A number; a dash where there is none."""
    return EMPTY if value is None else f"{value:,.{digits}f}"


def fill(text: str, name: str, body: str) -> str:
    """The text with `body` between the markers of that name.

    Raises:
        UserError: when it does not have each marker once, the first one first.
    """
    first, last = (f"<!-- {name}: {end} -->" for end in ("begin", "end"))
    parts = text.split(first)
    if len(parts) != 2 or parts[1].count(last) != 1:
        raise UserError(f"the text needs the lines {first!r} and {last!r}, each once")
    return f"{parts[0]}{first}\n\n{body}\n\n{last}{parts[1].split(last)[1]}"
