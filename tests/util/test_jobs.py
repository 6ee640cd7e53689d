"""Independent jobs: skipped if done, kept one by one, and the same in this process as elsewhere."""

import pytest

from dfplan.types import UserError
from dfplan.util.jobs import Job, LocalExecutor, run_jobs
from dfplan.util.locks import LockedError, exclusive

CALLS = []


def double(arguments, report):
    CALLS.append(arguments["number"])
    report(1)
    if arguments["number"] == 13:
        raise UserError("13 is unlucky; valid: any other number")
    return str(2 * arguments["number"]).encode()


@pytest.fixture(autouse=True)
def calls():
    CALLS.clear()
    return CALLS


def jobs(*numbers):
    return [Job(f"double-{n}", double, {"number": n}, size=2) for n in numbers]


def run(numbers, folder, **options):
    files = run_jobs(jobs(*numbers), folder, executor=LocalExecutor(), **options)
    return [file.read_text() if file.exists() else None for file in files]


def test_results_are_kept_and_not_computed_again(tmp_path):
    progress = []
    assert run([1, 2], tmp_path, progress=progress.append) == ["2", "4"]
    assert progress == [1, 2, 3, 4]
    assert run([2, 3, 1], tmp_path, progress=progress.append) == ["4", "6", "2"]
    assert CALLS == [1, 2, 3] and progress[4:] == [5, 6]


def test_other_arguments_have_other_results(tmp_path):
    first, second = (Job("same", double, {"number": n}) for n in (1, 2))
    assert first.result_file(tmp_path) != second.result_file(tmp_path)
    assert first.result_file(tmp_path) == Job("same", double, {"number": 1}).result_file(tmp_path)


def test_the_first_error_ends_the_call_and_keeps_earlier_results(tmp_path):
    with pytest.raises(UserError, match="13 is unlucky"):
        run([1, 13, 2], tmp_path)
    assert CALLS == [1, 13]
    assert run([1, 2], tmp_path) == ["2", "4"] and CALLS == [1, 13, 2]


def test_failed_jobs_are_reported_and_the_others_go_on(tmp_path):
    ends = []
    results = run([1, 13, 2], tmp_path, ended=lambda job, error: ends.append((job.name, error)))
    assert results == ["2", None, "4"]
    assert [name for name, error in ends if error is None] == ["double-1", "double-2"]
    assert "unlucky" in str(dict(ends)["double-13"])


def test_arguments_are_those_that_another_process_gets(tmp_path):
    run([(1, 2)], tmp_path)
    assert CALLS == [[1, 2]]  # as JSON has no tuples


def test_one_process_at_a_time_works_in_a_folder(tmp_path):
    with exclusive(tmp_path / "results"), pytest.raises(LockedError):
        run([1], tmp_path / "results")
