"""The reference lists all modules, commands and settings."""

import dataclasses
import re

import pytest

from dfplan.cli import COMMANDS
from dfplan.config import Config, flatten
from dfplan.runs.presets import PRESETS
from dfplan.tasks.registry import all_tasks


def test_every_public_module_is_listed_once():
    import api_pages

    pages = api_pages.pages()
    listed = [name for text in pages.values() for name in re.findall(r"^::: (\S+)$", text, re.M)]
    assert len(listed) == len(set(listed))
    assert {"dfplan.agent", "dfplan.cli", "dfplan.diffusion.matrix"} <= set(listed)
    assert "dfplan_envs.pointmaze.pursuit" in listed
    assert "::: dfplan.nets.cache" in pages["api/dfplan.nets.md"]


def test_every_command_shows_its_help():
    import command_pages

    (page,) = command_pages.pages().values()
    for name in COMMANDS:
        assert f"## dfplan {name}\n\n```text\nusage: dfplan {name} " in page
    assert "--planner.candidates INT" in page
    assert "\x1b" not in page
    blocks = "".join(re.findall(r"^```text\n(.*?)^```", page, re.M | re.S))
    assert max(map(len, blocks.splitlines())) <= 100


def test_help_that_fails_is_an_error():
    import command_pages

    with pytest.raises(RuntimeError, match="dfplan nothing"):
        command_pages.help_of(["nothing"])


def test_every_setting_has_default_and_meaning():
    import settings_pages

    page = settings_pages.pages()["settings.md"]
    rows = re.findall(r"^\| `([\w.]+)` \| `(.+?)` \| (.+) \|$", page, re.M)
    defaults = flatten(Config().to_dict())
    assert [name for name, _, _ in rows] == list(defaults)
    for name, default, meaning in rows:
        value = defaults[name]
        assert default == (f'"{value}"' if isinstance(value, str) else str(value))
        assert len(meaning) > 5


def test_a_setting_without_a_docstring_is_an_error():
    import settings_pages

    @dataclasses.dataclass(frozen=True)
    class Undocumented:
        """A config whose docstring omits its field."""

        value: int = 1

    with pytest.raises(KeyError, match="value"):
        settings_pages._section("section", Undocumented())


def test_presets_and_tasks_are_listed():
    import settings_pages

    page = settings_pages.pages()["presets.md"]
    for name in PRESETS:
        assert f"## {name}\n" in page
    for name in all_tasks():
        assert re.search(rf"^\*\*.*\b{name}\b.*\*\*$", page, re.M)
    assert '| `training.optimizer.name` | `"adamw"` |' in page
