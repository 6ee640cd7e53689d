"""Errors in the arguments of a command: one line with what is valid, or similar options."""

import difflib
import re
from collections.abc import Collection, Sequence

from dfplan.types import UserError, listed

MAX_SUGGESTIONS = 6
BORDER = "│╭╮╰╯|+ "
RULE = re.compile(r"[─-]")


def check_no_empty_values(argv: Sequence[str]) -> None:
    """Refuse empty arguments, such as those of an unset shell variable in `--task "$TASK"`.

    Settings of a run, such as `--training.wandb`, may be empty.

    Raises:
        UserError: If an argument or the value of an option is empty.
    """
    previous = ""
    for arg in argv:
        option, equals, value = arg.partition("=")
        if arg and not (equals and not value and option.startswith("--")):
            previous = arg
            continue
        name = option or previous
        if not name.startswith("--"):
            raise UserError("an argument is empty; leave it out, or give a value")
        if "." not in name:
            raise UserError(f"{name} is empty; leave it out, or give a value")
        previous = ""


def unknown_options(argv: Sequence[str], valid: Collection[str]) -> str:
    """Return a message about the options that do not exist, with similar ones; "" without any.

    Args:
        argv: Arguments.
        valid: Names of all options, such as "--training.steps".
    """
    names = (arg.partition("=")[0].replace("_", "-") for arg in argv if arg.startswith("--"))
    unknown = dict.fromkeys(name for name in names if name not in valid and len(name) > 2)
    return "; ".join(_describe(name, valid) for name in unknown)


def _describe(name: str, valid: Collection[str]) -> str:
    similar = similar_options(name, valid)
    return f"unknown option {name}" + (f"; did you mean {listed(similar)}?" if similar else "")


def similar_options(name: str, valid: Collection[str]) -> list[str]:
    """Return the options that a wrong name may stand for, the most likely first.

    These are options whose name is similar, and settings of any section whose last part is the same
    or similar.
    """
    last = _last_part(name)
    same = [option for option in valid if _last_part(option) == last]
    parts = {_last_part(option) for option in valid}
    close_parts = difflib.get_close_matches(last, parts, cutoff=0.75)
    close = [option for part in close_parts for option in valid if _last_part(option) == part]
    whole = difflib.get_close_matches(name, valid, cutoff=0.75)
    # Settings in fewer sections are more likely to be meant.
    same.sort(key=lambda option: (option.count("."), -_similarity(name, option)))
    return list(dict.fromkeys([*whole, *same, *close]))[:MAX_SUGGESTIONS]


def _last_part(option: str) -> str:
    return option.removeprefix("--").rpartition(".")[2]


def _similarity(a: str, b: str) -> float:
    return difflib.SequenceMatcher(None, a, b).ratio()


def first_section(message: str) -> str:
    """Return the text of the first section of an error of tyro.

    It is drawn as a box of sections between rules; where the output cannot show box characters, as
    plain text below a title.
    """
    sections: list[list[str]] = [[]]
    for line in message.splitlines():
        text = line.strip(BORDER)
        if text and RULE.match(text[0]) and (text[:2] in ("──", "--", "─ ")):
            sections.append([])
        elif text:
            sections[-1].append(text)
    has_box = message.lstrip().startswith("╭")
    contents = [" ".join(section) for section in sections[0 if has_box else 1 :] if section]
    return contents[0] if contents else " ".join(message.split())
