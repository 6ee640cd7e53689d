"""One tiny job, collected and trained once, that the command-line tests share."""

import dataclasses
from pathlib import Path

import pytest

from dfplan.cli import main

SETTINGS = {
    "training.steps": 20,
    "training.log-every": 5,
    "training.batch-size": 4,
    "net.width": 16,
    "net.layers": 2,
    "net.heads": 2,
}
TINY = [part for name, value in SETTINGS.items() for part in (f"--{name}", str(value))]


@dataclasses.dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def home(tmp_path_factory) -> Path:
    """Holds the datasets that the tests share, in datasets/, and their runs."""
    path = tmp_path_factory.mktemp("cli")
    (path / "datasets").mkdir()
    return path


@pytest.fixture(autouse=True)
def place(home, tmp_path, monkeypatch) -> Path:
    """Each test runs in a folder of its own, with the shared datasets."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(home / "datasets"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def run(home) -> Path:
    """A run on PointMaze-UMaze, all of whose plans are from scratch: one program to compile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINARI_DATASETS_PATH", str(home / "datasets"))
        assert main(["collect", "pointmaze-umaze", "--steps", "6000"]) == 0
        train = [
            "train",
            "pointmaze-umaze",
            "--planner.warm-start.level",
            "0",
            "--out",
            str(home / "run"),
        ]
        assert main([*train, *TINY]) == 0
    return home / "run"


@pytest.fixture
def dfplan(capfd):
    """Calls the command line in this process."""

    def call(*args) -> Outcome:
        capfd.readouterr()
        code = main([str(arg) for arg in args])
        return Outcome(code, *capfd.readouterr())

    return call
