"""Trained runs of the experiments: what identifies their weights, and outdated settings."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from dfplan.config import Config
from dfplan.types import UserError
from experiments.common import trained as module
from experiments.common.trained import Trained, check_settings

STEP = 3


@pytest.fixture
def trained(tmp_path, monkeypatch) -> Trained:
    """A run whose checkpoint holds only the list of its contents."""
    monkeypatch.setattr(module, "latest_step", lambda directory: STEP)
    checkpoint = tmp_path / "checkpoints" / str(STEP)
    checkpoint.mkdir(parents=True)
    (checkpoint / "contents.json").write_text("{}")
    run: object = SimpleNamespace(config=Config(), task=SimpleNamespace(tracker=""))
    return Trained(run, tmp_path)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", [f"checkpoints/{STEP}/contents.json", "policy.npz", "value.npz"])
def test_a_result_belongs_to_all_learned_files(trained, name):
    task: object = SimpleNamespace(name="a task")

    def weights() -> str:
        return trained.request(task, range(5))["weights"]

    before = weights()
    assert weights() == before
    (Path(trained.directory) / name).write_text("changed")
    assert weights() != before


def test_runs_of_other_settings_than_the_command_has_now(trained):
    check_settings(trained, {"policy.sharpness": Config().policy.sharpness})
    # Planner settings can be changed after training.
    check_settings(trained, {"planner.candidates": 7})
    with pytest.raises(UserError, match=r"policy\.sharpness 1\.0, which is 0\.0 now"):
        check_settings(trained, {"policy.sharpness": 0.0})
