"""What the README and the documentation's pages show works as it stands there."""

import re
import shutil

import pytest

from dfplan.cli import COMMANDS, main
from dfplan.runs.run import Run

from .conftest import TINY
from .pages import LANGUAGES, PAGES, ROOT, Shell, blocks, run_page

README, TUTORIAL = ROOT / "README.md", ROOT / "docs" / "tutorial.md"
DATASETS = ROOT / "docs" / "datasets.md"  # test_datasets_page.py has the files that it names
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9.-]*[a-z0-9]")
NUMBER = re.compile(r"\d+\.\d+")


@pytest.fixture
def shell(run, home, place, monkeypatch) -> Shell:
    """In a folder with one dataset and one trained run, which every trained task has too."""
    data = "dfplan/pointmaze-umaze-v0"
    shutil.copytree(home / "datasets" / data, place / "datasets" / data)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(place / "datasets"))
    monkeypatch.setattr("dfplan.runs.resolve.checkpoint_folder", lambda task: run)
    (place / "runs" / "demo").mkdir(parents=True)
    (place / "runs" / "demo" / "train").symlink_to(run)
    # Trained as the shared run is, so that little is compiled anew.
    tokens = Run.load(run).config.data.tokens
    same = ["--data.tokens", str(tokens), "--planner.warm-start.level", "0"]
    return Shell(monkeypatch, [*TINY, *same])


def runs(page) -> bool:
    return any(b.language in ("python", "sh") and not b.not_run for b in blocks(page))


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page not in (TUTORIAL, DATASETS) and runs(page)],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_a_page_runs(page, shell):
    run_page(page, shell)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_says_what_it_is(page):
    for block in blocks(page):
        assert block.language in LANGUAGES, f"{page}:{block.line}"


def test_every_flag_exists(capfd, run):
    named = {"train": ["pointmaze-umaze"]}
    named |= {command: [str(run)] for command in ("eval", "plan", "render", "export")}
    capfd.readouterr()
    for command in COMMANDS:
        assert main([command, *named.get(command, []), "--help"]) == 0
    assert main(["dataset", "show", "--help"]) == 0
    known = {*FLAG.findall(capfd.readouterr().out), "--help"}
    for page in PAGES:
        assert set(FLAG.findall(page.read_text())) <= known, page


def test_every_picture_of_the_readme_is_there():
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", README.read_text())
    assert pictures
    for picture in pictures:
        assert (ROOT / picture).is_file()


def test_the_readmes_results_are_the_tables():
    _, _, results = README.read_text().partition("[start:results]")
    found = NUMBER.findall(results.partition("[end:results]")[0])
    table = ROOT / "experiments" / "maze2d" / "table.md"
    assert len(found) > 30
    assert set(found) <= set(NUMBER.findall(table.read_text()))
