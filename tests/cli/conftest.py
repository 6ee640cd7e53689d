"""A tiny dataset and run, made once and shared by the tests of the command line."""

import dataclasses
from pathlib import Path

import pytest

from dfplan.cli import main

SETTINGS = {
    "training.steps": 20,
    "training.log-every": 5,
    "training.batch-size": 4,
    "net.width": 16,
    "net.layers": 1,
    "net.heads": 2,
    "planner.warm-start.level": 0,  # one program to compile for all plans
}
TINY = [text for name, value in SETTINGS.items() for text in (f"--{name}", str(value))]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def home(tmp_path_factory) -> Path:
    """Directory of the shared datasets, in datasets/, and the shared run."""
    path = tmp_path_factory.mktemp("cli")
    (path / "datasets").mkdir()
    return path


@pytest.fixture(autouse=True)
def place(home, tmp_path, monkeypatch) -> Path:
    """Run each test in a directory of its own, with the shared datasets."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(home / "datasets"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def run(home) -> Path:
    """Run on PointMaze-UMaze."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINARI_DATASETS_PATH", str(home / "datasets"))
        assert main(["collect", "pointmaze-umaze", "--steps", "6000"]) == 0
        assert main(["train", "pointmaze-umaze", "--out", str(home / "run"), *TINY]) == 0
    return home / "run"


@pytest.fixture
def dfplan(capfd):
    """A function that calls the command line in this process."""

    def call(*args) -> Outcome:
        capfd.readouterr()
        code = main([str(arg) for arg in args])
        return Outcome(code, *capfd.readouterr())

    return call
