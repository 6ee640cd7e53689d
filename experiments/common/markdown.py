"""Markdown: tables, their cells, and sections between markers."""

from collections.abc import Collection, Mapping, Sequence

from dfplan.types import UserError

EMPTY = "–"


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], text: Collection[int] = (0,)
) -> str:
    """Return a Markdown table.

    Args:
        header: Column titles.
        rows: Cells of each row.
        text: Indices of the left-aligned columns; the others hold numbers.
    """
    rule = ["---" if i in text else "---:" for i in range(len(header))]
    lines = [header, rule, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(value: Mapping[str, float] | None, digits: int = 1) -> str:
    """Return a mean with its interval as text, or a dash for None."""
    if value is None:
        return EMPTY
    mean, low, high = (f"{value[k]:.{digits}f}" for k in ("mean", "ci_low", "ci_high"))
    return mean if low == high == mean else f"{mean} ({low} to {high})"


def number(value: float | None, digits: int = 1) -> str:
    """Return a number as text, or a dash for None."""
    return EMPTY if value is None else f"{value:,.{digits}f}"


def fill_section(text: str, name: str, body: str) -> str:
    """Return the text with `body` between the begin and end markers of that name.

    Raises:
        UserError: If the text does not have both markers exactly once and in order.
    """
    begin = f"<!-- {name}: begin -->"
    end = f"<!-- {name}: end -->"
    pieces = text.split(begin)
    if len(pieces) != 2 or pieces[1].count(end) != 1:
        raise UserError(f"the text needs the lines {begin!r} and {end!r}, each exactly once")
    return f"{pieces[0]}{begin}\n\n{body}\n\n{end}{pieces[1].split(end)[1]}"
