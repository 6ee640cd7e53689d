"""One run on UMaze, trained in a few seconds, as the comparison's only run."""

from pathlib import Path

import pytest

from dfplan.cli import main
from experiments.common.commands import option_list
from experiments.maze2d.study import Study

SETTINGS = {
    "training.steps": 20,
    "training.log_every": 5,
    "training.batch_size": 4,
    "net.width": 16,
    "net.layers": 1,
    "net.heads": 2,
    "planner.warm_start.level": 0.0,  # one program to compile for all plans
}


@pytest.fixture(scope="session")
def runs(tmp_path_factory) -> Path:
    """Folder of the run umaze-0, with its dataset in datasets/."""
    folder = tmp_path_factory.mktemp("maze2d")
    (folder / "datasets").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINARI_DATASETS_PATH", str(folder / "datasets"))
        assert main(["collect", "pointmaze-umaze", "--steps", "6000"]) == 0
        train = ["train", "pointmaze-umaze", "--out", str(folder / "umaze-0")]
        assert main([*train, *option_list(SETTINGS)]) == 0
    return folder


@pytest.fixture
def study(runs, tmp_path, monkeypatch) -> Study:
    """A study of two episodes on UMaze that writes to a temporary folder."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(runs / "datasets"))
    return Study(("umaze",), (0,), runs=runs).dry_run(tmp_path, episodes=2)
