"""One run on UMaze, trained in a moment, as the comparison's only one."""

from pathlib import Path

import pytest

from dfplan.cli import main
from experiments.maze2d.study import Study

SETTINGS = {
    "training.steps": 20,
    "training.log-every": 5,
    "training.batch-size": 4,
    "net.width": 16,
    "net.layers": 2,
    "net.heads": 2,
}
TINY = [part for name, value in SETTINGS.items() for part in (f"--{name}", str(value))]


@pytest.fixture(scope="session")
def runs(tmp_path_factory) -> Path:
    """Holds the run umaze-0, and its dataset in datasets/."""
    folder = tmp_path_factory.mktemp("maze2d")
    (folder / "datasets").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINARI_DATASETS_PATH", str(folder / "datasets"))
        assert main(["collect", "pointmaze-umaze", "--steps", "6000"]) == 0
        train = ["train", "pointmaze-umaze", "--out", str(folder / "umaze-0")]
        assert main([*train, *TINY]) == 0
    return folder


@pytest.fixture
def study(runs, tmp_path, monkeypatch) -> Study:
    """Two episodes on UMaze, written in a folder of the test's own."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(runs / "datasets"))
    return Study(("umaze",), (0,), runs=runs).rehearsal(tmp_path, episodes=2)
