"""The pages of settings and presets, from the config dataclasses and their docstrings."""

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

from docstring_parser import Docstring, parse

from dfplan.config import Config
from dfplan.runs.presets import PRESETS
from dfplan.tasks.registry import all_tasks

SETTINGS_INTRODUCTION = """# Settings

The settings of a run are `dfplan.config.Config`, a frozen dataclass of dataclasses, stored in the
run's `config.json`. On the command line, `data.goal_decay` is `--data.goal-decay`. Commands that
plan with a run, such as `eval`, take only the settings of `planner`, since the others belong to
the weights. The defaults below are those of the dataclasses; a [preset](presets.md) and a task
override some. An unknown setting, or a value out of range, is refused with an error that names the
valid choices.
"""

PRESETS_INTRODUCTION = """# Presets

The settings of a run are the [defaults](settings.md), overridden by its preset (`--preset`), its
task and your own options, in this order.
"""


def pages() -> dict[str, str]:
    """Return the text of each page by its path below reference/."""
    return {"settings.md": _settings(), "presets.md": _presets()}


def _settings() -> str:
    tables = [_section(path, config) for path, config in sections(Config(), "")]
    return "\n".join([SETTINGS_INTRODUCTION, *tables])


def sections(config: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield each config dataclass that holds settings, with its dotted path."""
    if prefix:
        yield prefix, config
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from sections(value, f"{prefix}.{field.name}".lstrip("."))


def _section(path: str, config: Any) -> str:
    docstring = parse(type(config).__doc__ or "")
    meaning = _meanings(docstring)
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if not dataclasses.is_dataclass(value):
            rows.append(f"| `{path}.{field.name}` | {_code(value)} | {meaning[field.name]} |")
    name = f"`{type(config).__module__}.{type(config).__name__}`"
    title = (docstring.short_description or "").rstrip(".")
    return f"## {path}\n\n{title} ({name}).\n\n" + "\n".join(rows) + "\n"


def _meanings(docstring: Docstring) -> dict[str, str]:
    """Return the description of each attribute on one line, as a cell of a table."""
    return {
        attribute.arg_name: re.sub(r"\s+", " ", attribute.description or "").replace("|", r"\|")
        for attribute in docstring.params
    }


def _presets() -> str:
    sections = [PRESETS_INTRODUCTION]
    sections += [f"## {name}\n\n{_table(values)}" for name, values in PRESETS.items()]
    sections.append("## Tasks\n")
    sections += [f"**{names}**\n\n{_table(dict(values))}" for names, values in _tasks_by_preset()]
    return "\n".join(sections)


def _tasks_by_preset() -> list[tuple[str, tuple]]:
    """Return the names of tasks with equal settings, and these settings."""
    groups: dict[tuple, list[str]] = {}
    for name, task in all_tasks().items():
        key = tuple((k, tuple(v) if isinstance(v, list) else v) for k, v in task.preset.items())
        groups.setdefault(key, []).append(name)
    return [(", ".join(names), settings) for settings, names in groups.items()]


def _table(values: dict[str, Any]) -> str:
    if not values:
        return "The defaults, unchanged.\n"
    rows = [f"| `{name}` | {_code(value)} |" for name, value in values.items()]
    return "\n".join(["| setting | value |", "|---|---|", *rows]) + "\n"


def _code(value: Any) -> str:
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"
