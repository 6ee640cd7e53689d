"""Output is complete or absent, however the process ends; nothing blocks the next process."""

import contextlib
import errno
import os
import threading
import warnings

import pytest

from dfplan.types import UserError
from dfplan.util import files
from dfplan.util.locks import LockedError, exclusive
from tests.faults import attempt, count_instants, kill_at


def write_file(folder):
    files.write_text(folder / "result.json", "new")


def write_folder(folder):
    with files.atomic_directory(folder / "run") as new:
        (new / "config.json").write_text("new")
        (new / "checkpoints").mkdir()
        (new / "checkpoints" / "0").write_text("new")


WRITERS = {"result.json": write_file, "run": write_folder}


def contents(folder):
    """Texts of all files, by their path."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in paths}


def visible(folder):
    """Texts of the files that are not hidden."""
    return {path: text for path, text in contents(folder).items() if not path.startswith(".")}


def whole(name, folder):
    WRITERS[name](folder)
    return contents(folder)


@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_that_is_killed_at_any_instant(name, tmp_path):
    expected = whole(name, tmp_path / "whole")
    (tmp_path / "counted").mkdir()
    count = count_instants(tmp_path, lambda: WRITERS[name](tmp_path / "counted"))
    assert count >= 5
    for number in range(1, count + 1):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "another").write_text("another's")
        assert kill_at(number, folder, lambda folder=folder: WRITERS[name](folder))
        written = visible(folder)
        assert written in ({"another": "another's"}, {"another": "another's", **expected})
        # The next one is not blocked, and leaves nothing but what it writes.
        with contextlib.suppress(UserError) if len(written) > 1 else contextlib.nullcontext():
            WRITERS[name](folder)
        assert contents(folder) == {"another": "another's", **expected}
        assert {path.name for path in folder.iterdir()} == {"another", name}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("name", WRITERS)
def test_an_operation_that_fails(name, code, tmp_path):
    expected = whole(name, tmp_path / "whole")
    count = count_instants(tmp_path, lambda: WRITERS[name](tmp_path / "counted"))
    failures = 0
    for number in range(1, count + 1):
        folder = tmp_path / str(number) / "deep"
        message = attempt(number, tmp_path, lambda folder=folder: WRITERS[name](folder), code=code)
        if message:
            failures += 1
            assert str(folder / name) in message and os.strerror(code) in message
            assert "\n" not in message
            assert contents(tmp_path / str(number)) in ({}, expected)
        if not (folder / name).exists():
            WRITERS[name](folder)
        assert visible(folder) == expected
    assert failures >= 5  # The others only clean up.


def test_only_one_writes_a_directory(tmp_path):
    with files.atomic_directory(tmp_path / "run") as new:
        with (
            pytest.raises(LockedError, match="run"),
            files.atomic_directory(tmp_path / "run"),
        ):
            pass
        (new / "x").touch()
    with pytest.raises(UserError, match="not empty"), files.atomic_directory(tmp_path / "run"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_many_threads_write_one_file(tmp_path):
    texts = [str(i) * 10_000 for i in range(8)]
    threads = [
        threading.Thread(target=files.write_text, args=(tmp_path / "x", text)) for text in texts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "x").read_text() in texts
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_lock_belongs_to_one_name(tmp_path):
    a = tmp_path / "a"
    with (
        exclusive(a),
        exclusive(tmp_path / "b"),
        pytest.raises(LockedError, match="a"),
        exclusive(a),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_a_failure_removes_parents_that_were_made(tmp_path):
    with pytest.raises(KeyError), files.atomic_directory(tmp_path / "a" / "b" / "c"):
        raise KeyError
    assert not list(tmp_path.iterdir())


def test_names_of_any_length(tmp_path):
    name = "ä" * 120 + ".json"
    files.write_text(tmp_path / name, "x")
    with exclusive(tmp_path / name):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_existing_file_keeps_its_mode_and_its_link(tmp_path):
    file = tmp_path / "file"
    file.write_text("old")
    file.chmod(0o640)
    (tmp_path / "link").symlink_to(file)
    files.write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert file.read_text() == "new" and file.stat().st_mode & 0o777 == 0o640


def test_a_target_of_another_kind(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("old")
    with pytest.raises(UserError, match="folder: Is a directory"):
        files.write_text(tmp_path / "folder", "new")
    with pytest.raises(UserError, match="file exists"), files.atomic_directory(tmp_path / "file"):
        pass
    below = tmp_path / "file" / "below"
    with pytest.raises(UserError, match=str(below)):
        files.write_text(below, "new")
    with pytest.raises(UserError, match=str(below)), files.atomic_directory(below):
        pass
    assert contents(tmp_path) == {"file": "old"}


@pytest.mark.parametrize("url", ["gs://bucket/run", "s3:/bucket/run", "hdfs://x"])
def test_urls_are_refused(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="URL"), files.atomic_directory(url):
        pass
    with pytest.raises(UserError, match="URL"):
        files.write_text(url, "x")
    assert not list(tmp_path.iterdir())


def test_what_a_process_left_under_another_name_is_removed(tmp_path):
    assert kill_at(4, tmp_path, lambda: write_folder(tmp_path))
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".run.")]
    with files.atomic_file(tmp_path / "a") as growing:
        growing.write_text("new")
        files.write_text(tmp_path / "b", "new")  # Not what another one is writing.
    assert contents(tmp_path) == {"a": "new", "b": "new"}


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    """A warning replaces the lock, and nothing is removed as a leftover."""

    def flock(handle, operation):
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr("fcntl.flock", flock)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with files.atomic_directory(tmp_path / "a") as a:
            (a / "x").touch()
            files.write_text(tmp_path / "b", "new")
            assert (a / "x").exists()
    assert caught and all("no locks" in str(warning.message) for warning in caught)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_a_directory_is_removed_whole(tmp_path):
    count = 0
    for number in range(1, 40):
        write_folder(tmp_path)
        before = contents(tmp_path)
        if not kill_at(number, tmp_path, lambda: files.remove_directory(tmp_path / "run")):
            break
        count += 1
        assert visible(tmp_path) in ({}, before)
        files.remove_leftovers(tmp_path)
        if (tmp_path / "run").exists():
            files.remove_directory(tmp_path / "run")
    assert count >= 8


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has this device")
def test_devices_are_written_in_place():
    files.write_text("/dev/null", "x")
    with pytest.raises(UserError, match=r"/dev/full: No space left"):
        files.write_text("/dev/full", "x")


def test_the_current_directory_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="current directory"), files.atomic_directory("."):
        pass


def test_a_closed_pipe_is_no_failed_write(tmp_path):
    with pytest.raises(BrokenPipeError), files.atomic_directory(tmp_path / "x"):
        raise BrokenPipeError
    assert not list(tmp_path.iterdir())


def test_an_error_names_the_place_as_the_user_knows_it(tmp_path):
    def write():
        with files.atomic_directory(tmp_path / "run") as new:
            (new / "config.json").mkdir()
            files.write_text(new / "config.json", "x")

    with pytest.raises(UserError) as error:
        write()
    assert str(error.value) == f"cannot write {tmp_path / 'run' / 'config.json'}: Is a directory"
