"""The code in the README and the documentation runs as it is shown."""

import re
import shutil

import pytest

from dfplan.cli import COMMANDS, main
from dfplan.control.low_level import LOW_LEVEL_CONTROLLERS
from dfplan.data.importers.formats import IMPORTERS
from dfplan.diffusion.matrix import MATRICES
from dfplan.diffusion.schedules import SCHEDULES
from dfplan.diffusion.solvers import SOLVERS
from dfplan.nets.network import NETWORKS
from dfplan.planner.registry import PLANNERS, RANKERS
from dfplan.runs.run import Run
from dfplan.tasks.protocols import PROTOCOLS

from .conftest import TINY
from .pages import LANGUAGES, PAGES, ROOT, Shell, blocks, run_page

REGISTRIES = (
    IMPORTERS,
    LOW_LEVEL_CONTROLLERS,
    MATRICES,
    NETWORKS,
    PLANNERS,
    PROTOCOLS,
    RANKERS,
    SCHEDULES,
    SOLVERS,
)
README = ROOT / "README.md"
TUTORIAL = ROOT / "docs" / "tutorial.md"  # run by test_tutorial.py
DATASETS = ROOT / "docs" / "datasets.md"  # run by test_datasets_page.py, which makes its files
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9.-]*[a-z0-9]")
OTHER_PROGRAM = re.compile(
    r"(python (-m (?!dfplan)|scripts/)|docker|pip install|#SBATCH|srun --).*"
    r"|Without `--minutes`|`--ntasks-\S+|`ray start [^`]*`"
)
NUMBER = re.compile(r"\d+\.\d+")


@pytest.fixture
def shell(run, home, place, monkeypatch) -> Shell:
    """Return a shell in a folder with a dataset and a run that all pretrained tasks share."""
    data = "dfplan/pointmaze-umaze-v0"
    shutil.copytree(home / "datasets" / data, place / "datasets" / data)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(place / "datasets"))
    monkeypatch.setattr("dfplan.runs.resolve.checkpoint_folder", lambda task: run)
    for registry in REGISTRIES:  # What a page registers ends with it.
        monkeypatch.setattr(registry, "_objects", {n: registry.get(n) for n in registry.names()})
    (place / "runs" / "demo").mkdir(parents=True)
    (place / "runs" / "demo" / "train").symlink_to(run)
    # With the shared run's settings, its compiled programs are reused.
    tokens = Run.load(run).config.data.tokens
    return Shell(monkeypatch, [*TINY, "--data.tokens", str(tokens)])


def has_code(page) -> bool:
    return any(b.language in ("python", "sh") and not b.not_run for b in blocks(page))


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page not in (TUTORIAL, DATASETS) and has_code(page)],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_a_page_runs(page, shell):
    run_page(page, shell)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_has_a_language(page):
    for block in blocks(page):
        assert block.language in LANGUAGES, f"{page}:{block.line}"


def test_every_flag_exists(capfd, run):
    subject = {"train": ["pointmaze-umaze"]}
    subject |= {command: [str(run)] for command in ("eval", "plan", "render", "export")}
    capfd.readouterr()
    for command in COMMANDS:
        assert main([command, *subject.get(command, []), "--help"]) == 0
    for command in ("show", "shard"):
        assert main(["dataset", command, "--help"]) == 0
    flags = {*FLAG.findall(capfd.readouterr().out), "--help"}
    for page in PAGES:
        text = OTHER_PROGRAM.sub("", page.read_text())
        assert set(FLAG.findall(text)) <= flags, page


def test_the_readme_fits_on_a_few_screens():
    lines = README.read_text().splitlines()
    assert len(lines) <= 120
    assert "```sh" in lines[:40]


def test_the_results_in_the_readme_are_those_of_the_table():
    _, _, results = README.read_text().partition("[start:results]")
    numbers = NUMBER.findall(results.partition("[end:results]")[0])
    table = ROOT / "experiments" / "maze2d" / "table.md"
    assert len(numbers) >= 30
    assert set(numbers) <= set(NUMBER.findall(table.read_text()))
