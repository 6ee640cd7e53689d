"""Shards hold what `load_trajectories` returns, bit by bit, whatever happened while writing."""

import contextlib
import dataclasses
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest

from dfplan.data.minari_io import load_trajectories
from dfplan.data.shards import finish
from dfplan.data.shards import write as write_module
from dfplan.data.shards.layout import MANIFEST, Choices
from dfplan.data.shards.plan import PLAN
from dfplan.data.shards.read import ShardedTrajectories
from dfplan.data.shards.write import write_shards
from dfplan.data.training_arrays import fit_normalizers
from dfplan.types import UserError
from dfplan.util.files import write_json
from dfplan.util.locks import LockedError, exclusive

from .conftest import KINDS, STEPS, make_dataset

ROWS = sum(STEPS) + len(STEPS)


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def same(a, b):
    np.testing.assert_array_equal(a, b)
    assert np.asarray(a).dtype == np.asarray(b).dtype


@pytest.mark.parametrize("shards", [1, 4, ROWS])
@pytest.mark.parametrize(
    ("kind", "choices"),
    [
        ("float32", Choices()),
        ("float32", Choices(goal_dims=(0, 1))),
        ("float32", Choices(goal_dims=(0,), goal_from=(2,))),
        ("offset", Choices(goal_dims=(0, 1))),
        ("goal in the observation", Choices()),
        ("goal appended", Choices()),
        ("goal appended", Choices(goal_dims=())),
    ],
    ids=str,
)
def test_shards_equal_the_dataset_in_memory(home, kind, choices, shards):
    name = make_dataset("my/walks-v0", kind)
    memory = load_trajectories(name, **dataclasses.asdict(choices))
    manifest = write_shards(name, home / "out", shards=shards, choices=choices)
    data = ShardedTrajectories(home / "out", name)
    loaded = data.load()
    for field in ("state", "action", "start", "length", "goal_intervals"):
        same(getattr(loaded, field), getattr(memory, field))
    assert (data.layout, data.fingerprint) == (memory.layout, memory.fingerprint)
    assert loaded.last_row.tolist() == memory.last_row.tolist()
    assert len(manifest.rows) == shards and sum(manifest.rows) == ROWS == len(data.state)
    for normalizer, expected in zip(fit_normalizers(data), fit_normalizers(memory), strict=True):
        same(normalizer.mean, expected.mean)
        same(normalizer.std, expected.std)
    for name in ("state_columns", "action_columns"):
        columns = getattr(data, name)
        expected = getattr(memory, name)
        np.testing.assert_allclose(columns.spread.change, expected.spread.change, rtol=1e-9)
        same(columns.low, expected.low)
        same(columns.high, expected.high)
    grid = data.goal_grid()
    expected_grid = memory.goal_grid()
    assert (grid is None) == (expected_grid is None)
    for part, expected in zip(grid or (), expected_grid or (), strict=True):
        same(part, expected)


def test_the_kinds_of_datasets_have_different_layouts(home):
    layouts = [load_trajectories(make_dataset(f"kind-v{i}", k)).layout for i, k in enumerate(KINDS)]
    assert len({*layouts}) == len(KINDS)
    assert any(layout.origin for layout in layouts) and layouts[3].append_achieved


class Killed(BaseException):
    pass


@pytest.mark.parametrize("stage", ["survey", "write_shard", "checksum", "finish"])
def test_an_interrupted_call_continues_to_the_same_bytes(home, monkeypatch, stage):
    name = make_dataset("my/walks-v0", "offset")
    write_shards(name, home / "whole", shards=4)
    calls = []
    holder = finish if stage == "checksum" else write_module
    original = getattr(holder, stage)

    def interrupted(*args):
        calls.append(args)
        if len(calls) == (1 if stage == "finish" else 3):
            raise Killed
        return original(*args)

    monkeypatch.setattr(holder, stage, interrupted)
    with pytest.raises(Killed):
        write_shards(name, home / "out", shards=4)
    monkeypatch.setattr(holder, stage, original)
    assert not (home / "out" / MANIFEST).exists()
    if (home / "out").exists():  # what a killed process leaves
        (home / "out" / ".shard-00001.0123abcd.dfplan-part").mkdir()
    before = {p: p.stat().st_mtime_ns for p in home.glob("out/shard-*/*.npy")}
    write_shards(name, home / "out", shards=4)
    assert contents(home / "out") == contents(home / "whole")
    assert before == {p: p.stat().st_mtime_ns for p in before}  # what was complete is kept
    assert bool(before) == (stage in ("write_shard", "checksum", "finish"))


def test_a_second_call_checks_and_repairs(home):
    name = make_dataset("my/walks-v0")
    write_shards(name, home / "out", shards=3)
    before = contents(home / "out")
    damaged = home / "out" / "shard-00001" / "state.npy"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    (home / "out" / "shard-00002" / "record.json").unlink()
    write_shards(name, home / "out", shards=3)
    assert contents(home / "out") == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"shards": 2}, ("shards", "3", "2")),
        ({"choices": Choices(goal_dims=(1,))}, ("choices", "goal_dims", "1")),
        ({"dataset_id": "other-v0"}, ("dataset_id", "my/walks-v0", "other-v0")),
    ],
)
@pytest.mark.parametrize("complete", [True, False])
def test_other_arguments_are_refused(home, arguments, words, complete):
    name = make_dataset("my/walks-v0")
    make_dataset("other-v0")
    manifest = write_shards(name, home / "out", shards=3)
    if not complete:
        plan = {
            f.name: getattr(manifest, f.name)
            for f in dataclasses.fields(write_module.Plan)
            if f.name != "shards"
        }
        write_json(home / "out" / PLAN, {**plan, "shards": 3})
        (home / "out" / MANIFEST).unlink()
    before = contents(home / "out")
    with pytest.raises(UserError) as error:
        write_shards(**{"dataset_id": name, "directory": home / "out", "shards": 3, **arguments})
    assert all(word in str(error.value) for word in words)
    assert contents(home / "out") == before


def test_a_changed_dataset_is_refused(home):
    name = make_dataset("my/walks-v0")
    write_shards(name, home / "out", shards=3)
    file = home / "datasets" / name / "data" / "main_data.hdf5"
    file.touch()
    with pytest.raises(UserError, match="source"):
        write_shards(name, home / "out", shards=3)


@pytest.mark.parametrize("shards", [0, ROWS + 1])
def test_the_number_of_shards_is_bounded(home, shards):
    with pytest.raises(UserError, match=f"1 to {ROWS}, got {shards}"):
        write_shards(make_dataset("my/walks-v0"), home / "out", shards=shards)
    assert not (home / "out").exists()


def test_a_directory_with_other_files_is_left_alone(home):
    name = make_dataset("my/walks-v0")
    (home / "out").mkdir()
    (home / "out" / "thesis.txt").write_text("precious")
    with pytest.raises(UserError, match="holds no shards"):
        write_shards(name, home / "out")
    assert contents(home / "out") == {next(iter(contents(home / "out"))): b"precious"}


def test_one_process_at_a_time(home):
    name = make_dataset("my/walks-v0")
    with exclusive(home / "out"), pytest.raises(LockedError):
        write_shards(name, home / "out", shards=3)


def test_bad_numbers_are_found_before_anything_is_written(home):
    def spoil(index, states):
        if index == 2:
            states[7, 1] = np.nan

    name = make_dataset("my/walks-v0", spoil=spoil)
    with pytest.raises(UserError, match="episode 2, step 7: state dimension 1 is nan"):
        write_shards(name, home / "out", shards=3)
    assert not (home / "out").exists()


@pytest.mark.slow
def test_processes_write_the_same_bytes(home, monkeypatch):
    monkeypatch.setattr(write_module, "MIN_WORKER_ROWS", 1)
    name = make_dataset("my/walks-v0", "goal appended")
    write_shards(name, home / "one", shards=3)
    done = []
    write_shards(name, home / "two", shards=3, workers=2, progress=lambda *step: done.append(step))
    assert contents(home / "one") == contents(home / "two")
    assert max(done)[1] == ROWS


class KilledPool(Executor):
    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        future.set_exception(BrokenProcessPool())
        return future


def test_a_killed_process_is_reported_and_another_call_continues(home, monkeypatch):
    name = make_dataset("my/walks-v0")
    with monkeypatch.context() as patch:
        patch.setattr(write_module, "_pool", lambda workers: contextlib.nullcontext(KilledPool()))
        with pytest.raises(UserError, match="killed"):
            write_shards(name, home / "out", shards=2, workers=2)
    assert write_shards(name, home / "out", shards=2).rows
