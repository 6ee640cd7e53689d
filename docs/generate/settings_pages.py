"""The settings' and presets' pages, from the config dataclasses and their docstrings."""

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

from docstring_parser import Docstring, parse

from dfplan.config import Config
from dfplan.runs.presets import PRESETS
from dfplan.tasks.registry import all_tasks

SETTINGS = """# Settings

Everything that decides a run: `dfplan.config.Config`, a frozen dataclass of dataclasses, kept in
the run's `config.json`. On the command line `data.goal_decay` is `--data.goal-decay`; `eval` and
`plan` take those of `planner` alone, as the others belong to the weights. The defaults are those of
the dataclasses; a [preset](presets.md) and a task have theirs go on top. An unknown setting, or a
value out of range, is refused with one line that says what is valid.
"""

PAGE_OF_PRESETS = """# Presets

A run's settings are the [defaults](settings.md), then those of its preset (`--preset`), then those
of its task, then those that you give.
"""


def pages() -> dict[str, str]:
    """Text of each page by its path below reference/."""
    return {"settings.md": _settings(), "presets.md": _presets()}


def _settings() -> str:
    return "\n".join([SETTINGS, *(_section(path, part) for path, part in sections(Config(), ""))])


def sections(config: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Each config dataclass that holds settings, and the dotted path to it."""
    if prefix:
        yield prefix, config
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from sections(value, f"{prefix}.{field.name}".lstrip("."))


def _section(path: str, config: Any) -> str:
    text = parse(type(config).__doc__ or "")
    meaning = _meanings(text)
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if not dataclasses.is_dataclass(value):
            rows.append(f"| `{path}.{field.name}` | {_code(value)} | {meaning[field.name]} |")
    where = f"`{type(config).__module__}.{type(config).__name__}`"
    return f"## {path}\n\n{text.short_description} ({where})\n\n" + "\n".join(rows) + "\n"


def _meanings(text: Docstring) -> dict[str, str]:
    """What each attribute is for; "a, b: ..." is said of both."""
    meanings = {}
    for item in text.params:
        sentence = re.sub(r"\s+", " ", item.description or "").replace("|", r"\|")
        meanings |= dict.fromkeys(item.arg_name.split(", "), sentence)
    return meanings


def _presets() -> str:
    parts = [PAGE_OF_PRESETS]
    parts += [f"## {name}\n\n{_table(values)}" for name, values in PRESETS.items()]
    parts.append("## Tasks\n")
    parts += [f"**{names}**\n\n{_table(dict(values))}" for names, values in _by_settings()]
    return "\n".join(parts)


def _by_settings() -> list[tuple[str, tuple]]:
    """Names of tasks that have the same settings, and these."""
    groups: dict[tuple, list[str]] = {}
    for name, task in all_tasks().items():
        key = tuple((k, tuple(v) if isinstance(v, list) else v) for k, v in task.preset.items())
        groups.setdefault(key, []).append(name)
    return [(", ".join(names), settings) for settings, names in groups.items()]


def _table(values: dict[str, Any]) -> str:
    rows = [f"| `{name}` | {_code(value)} |" for name, value in values.items()]
    return "\n".join(["| setting | value |", "|---|---|", *rows]) + "\n"


def _code(value: Any) -> str:
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"
