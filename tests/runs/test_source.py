"""Where a run reads its data from, and what it prints about that."""

import numpy as np
import pytest

from dfplan.config import Config
from dfplan.data.shards.layout import Choices
from dfplan.data.shards.read import ShardedTrajectories
from dfplan.data.shards.write import write_shards
from dfplan.runs import source as source_module
from dfplan.runs.data import load_data
from dfplan.runs.run import Run
from dfplan.runs.source import choose_source, load_memory
from dfplan.runs.train import resume, train
from dfplan.tasks.registry import Task
from dfplan.types import UserError
from tests.data.shards.conftest import make_dataset

GOAL = (0, 1)


@pytest.fixture
def name(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "datasets"))
    return make_dataset("my/walks-v0", steps=[30] * 20)


@pytest.mark.parametrize(("available", "chosen"), [(1e9, "memory"), (1e3, "stream")])
def test_the_source_is_chosen_by_size_and_printed(name, monkeypatch, available, chosen):
    monkeypatch.setattr(source_module, "available_bytes", lambda: available)
    lines = []
    assert choose_source(Config(), name, lines.append).data.source == chosen
    (line,) = lines
    assert line.startswith(f"data.source {chosen}: 0.00 GB")


def test_the_size_is_that_of_the_arrays(name, tmp_path):
    write_shards(name, tmp_path / "out", shards=2)
    rows = 20 * 31
    assert source_module.data_bytes(name) == 4 * rows * (3 + 2)
    assert source_module.data_bytes(str(tmp_path / "out")) == 4 * rows * (3 + 2)
    assert source_module.available_bytes() > 1e7


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"data.stitch": True}, "data.stitch"),
        ({"data.goal": "reward"}, "data.goal reward"),
        ({"planner.low_level_controller": "policy"}, "planner.low_level_controller policy"),
    ],
)
def test_settings_that_need_memory(name, monkeypatch, settings, words, tmp_path):
    monkeypatch.setattr(source_module, "available_bytes", lambda: 1e3)
    config = Config().override(settings)
    assert choose_source(config, name, print).data.source == "memory"
    with pytest.raises(UserError) as error:
        train(Task("", name), config.override({"data.source": "stream"}), tmp_path / "run")
    assert f"{words} needs" in str(error.value) and "data.source memory" in str(error.value)
    assert not (tmp_path / "run").exists()


def test_shards_have_no_rewards(name, tmp_path):
    write_shards(name, tmp_path / "out", shards=2)
    with pytest.raises(UserError, match="no rewards"):
        load_memory(str(tmp_path / "out"), Choices(), rewards=True)


def test_a_run_from_shards_equals_one_from_the_dataset(name, tmp_path, tiny_config, monkeypatch):
    """Not only are their batches equal: so is all that a run fits to its dataset."""
    pytest.importorskip("grain")
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    shards = tmp_path / "out"
    write_shards(name, shards, shards=3, choices=Choices(goal_dims=GOAL))
    stream = tiny_config.override({"data.source": "stream"})
    runs = [
        train(Task("", name), tiny_config, tmp_path / "memory", goal_dims=GOAL, stop_step=0),
        train(Task("", name), stream, tmp_path / "stream", goal_dims=GOAL, stop_step=0),
        train(Task("", str(shards)), stream, tmp_path / "from shards", stop_step=0),
        train(Task("", str(shards)), tiny_config, tmp_path / "loaded", stop_step=0),
    ]
    records = []
    for run, source in zip(runs, ["memory", "stream", "stream", "memory"], strict=True):
        assert run.config.data.source == source  # "auto" is resolved, and a resumed run keeps it
        record = run._to_record()
        del record["config"]["data"]["source"], record["task"], record["dataset"]["id"]
        records.append(record)
    assert all(record == records[0] for record in records)
    monkeypatch.chdir(tmp_path / "datasets")
    resume(tmp_path / "from shards", stop_step=0)
    damaged = ShardedTrajectories(shards).manifest.fingerprint[:-1]
    manifest = shards / "manifest.json"
    manifest.write_text(manifest.read_text().replace(damaged, "0" * len(damaged)))
    with pytest.raises(UserError, match="is not the one"):
        resume(tmp_path / "from shards", stop_step=0)
    loaded = load_data(Run.load(tmp_path / "loaded"), name)
    np.testing.assert_array_equal(loaded.state, ShardedTrajectories(shards).load().state)
