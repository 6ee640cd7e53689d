"""Options of `dfplan train` for several processes and devices."""

import pytest

from dfplan.cli import main


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--num-processes", "two"], ["--num-processes", "'two'", "integer"]),
        (["--num-processes", "2"], ["--coordinator-address, --process-id"]),
        (["--training.fsdp-devices", "0"], ["training.fsdp_devices", "0", "from 1"]),
        (["--training.keep-period", "-1"], ["training.keep_period", "-1", "from 0"]),
    ],
)
def test_options_that_do_not_fit(tmp_path, capfd, options, words):
    assert main(["train", "pointmaze-umaze", "--out", str(tmp_path / "run"), *options]) == 2
    error = capfd.readouterr().err
    assert all(word in error for word in words), error
    assert not (tmp_path / "run").exists()


def test_devices_must_fit_also_when_a_run_is_resumed(dfplan, run, place):
    options = ["--training.fsdp-devices", 2]
    for args in (["--resume", "--out", run], ["pointmaze-umaze", "--out", place / "new"]):
        done = dfplan("train", *args, *options)
        assert done.code == 2
        assert "training.fsdp_devices 2" in done.err and "valid here: 1" in done.err
    assert not (place / "new").exists()
