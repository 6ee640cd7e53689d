"""Jobs on a Ray cluster: what workers are given, and a cluster that loses a worker."""

import os
import signal
import sys
from pathlib import Path

import pytest

from dfplan.types import UserError
from dfplan.util import ray_jobs
from dfplan.util.jobs import Job, run_jobs
from dfplan.util.ray_jobs import RayExecutor, Resources, execute, worker_environment
from tests.util.ray_functions import die_once, square, wait_for_ctrl_c


def job(function=square, **arguments):
    return Job("job", function, arguments)


def test_workers_find_the_same_modules_and_data(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", "own")
    monkeypatch.setenv("MINARI_DATASETS_PATH", "data")
    monkeypatch.setenv("XLA_FLAGS", "--a")
    monkeypatch.setenv("DFPLAN_API_KEY", "b")
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "4")
    variables = worker_environment([job()], cpus=2.5)
    root = str(Path(__file__).parents[2])
    assert variables["PYTHONPATH"].split(os.pathsep) == [str(tmp_path / "own"), root]
    assert variables["MINARI_DATASETS_PATH"] == str(tmp_path / "data")
    assert (variables["XLA_FLAGS"], variables["PJRT_NPROC"]) == ("--a", "2")
    assert "DFPLAN_API_KEY" not in variables and not variables["SLURM_STEP_NUM_TASKS"]


@pytest.mark.parametrize(
    ("arguments", "result", "words"),
    [
        ({"number": 3}, b"9", ""),
        ({"refuses": True}, b"", "refused; valid: others"),
        ({"exits": True}, b"", "exit code 3"),
    ],
)
def test_a_worker_returns_results_and_errors(tmp_path, monkeypatch, arguments, result, words):
    monkeypatch.chdir(tmp_path)
    value, message = execute(job().path, job(**arguments).text, str(tmp_path))
    assert value == result and words in message


def test_a_worker_needs_the_folder_of_the_command(tmp_path):
    value, message = execute(job().path, job(number=3).text, str(tmp_path / "no"))
    assert not value and str(tmp_path / "no") in message and "share" in message


def test_without_ray_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError) as error, RayExecutor():
        pass
    assert "--ray needs ray" in str(error.value)


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker(tmp_path, monkeypatch):
    """One cluster for all, as it takes seconds to start."""
    pytest.importorskip("ray")
    monkeypatch.setenv("MINARI_DATASETS_PATH", "/somewhere")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "json.py").write_text("raise SystemExit('imported from the current directory')")
    jobs = [
        Job(
            f"job-{n}",
            die_once,
            {"number": n, "mark": str(tmp_path / "mark"), "folder": str(tmp_path)},
        )
        for n in range(3)
    ]
    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(ray_jobs, "cores", lambda: 2)
    ctrl_c = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in the background of a script
    with RayExecutor() as executor:
        assert signal.getsignal(signal.SIGTERM) is handler
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        signal.signal(signal.SIGINT, ctrl_c)
        files = run_jobs(jobs, tmp_path / "ray", executor=executor)
        assert (tmp_path / "mark").exists()
        assert [file.read_bytes() for file in files] == [b"0", b"1", b"4"]
        refused = executor.run([job(refuses=True)], lambda number, done: None)
        assert "refused" in str(next(refused).result)
        mark = tmp_path / "interrupted"
        running = executor.run([job(wait_for_ctrl_c, mark=str(mark))], lambda n, done: None)
        monkeypatch.setattr(executor._ray, "wait", interrupt_once_started(executor._ray.wait, mark))
        with pytest.raises(KeyboardInterrupt):
            next(running)
        assert mark.read_text() == "saved"
    with pytest.raises(UserError, match=r"--job-cpus is 64; this machine has 2"):
        RayExecutor(resources=Resources(cpus=64)).__enter__()


def interrupt_once_started(wait, mark):
    """Return a wait that is interrupted, as by Ctrl-C, once a job has written its mark."""
    interrupted = False

    def waiting(references, **options):
        nonlocal interrupted
        if not interrupted and mark.exists():
            interrupted = True
            raise KeyboardInterrupt
        return wait(references, **options)

    return waiting
