"""`dfplan predict`: forecasts within a dataset, beyond its end, and of tracks in a CSV file."""

import json

import numpy as np

from .conftest import TINY

DATA = ("--dataset", "dfplan/pointmaze-umaze-v0")
FEW = ("--planner.candidates", 5, "--planner.horizon", 3, "--planner.sampling.steps", 2)


def test_forecasts_are_measured_and_drawn(dfplan, run, place):
    options = ("--windows", 6, "--calibration", DATA[1], "--json", "p.json", "--png", "p.png")
    done = dfplan("predict", run, *DATA, *FEW, *options)
    assert (done.code, done.err) == (0, "")
    assert "6 forecasts of 3 states, 72 control steps, after 1 observed; 5 samples each" in done.out
    assert "coverage of the 90% interval" in done.out
    record = json.loads((place / "p.json").read_text())
    assert np.shape(record["mean"]) == (6, 3, 4)
    low, high = np.array(record["intervals"]["0.9"])
    assert low.shape == (6, 3, 4) and (low <= high).all()
    assert 0 <= record["measured"]["coverage_90%"]["mean"] <= 1
    assert record["stretch"]["0.9"] != 1
    assert (place / "p.png").read_bytes()[:4] == b"\x89PNG"


def test_forecasts_may_exceed_the_training_horizon(dfplan, run, place):
    options = ("--windows", 2, "--tokens", 8, "--planner.history.level", 0.05, "--json", "far.json")
    done = dfplan("predict", run, *DATA, *FEW, *options)
    assert (done.code, done.err) == (0, "")
    assert "2 forecasts of 8 states, 192 control steps" in done.out
    record = json.loads((place / "far.json").read_text())
    assert np.shape(record["mean"]) == (2, 8, 4) and np.isfinite(record["mean"]).all()
    assert "measured" in record


def test_tracks_in_a_csv_file_are_imported_and_forecast(dfplan, place):
    rows = [
        f"{i},{t},{np.cos(t / 5 + i):.4f},{np.sin(t / 5 + i):.4f}"
        for i in range(9)
        for t in range(60)
    ]
    (place / "walks.csv").write_text("\n".join(["id,time,x,y", *rows]))
    assert dfplan("import", "csv", "walks.csv", "--dataset", "my/walks-v0").code == 0
    train = ("train", "--dataset", "my/walks-v0", "--env", "none", "--out", "walks", *TINY)
    done = dfplan(*train, "--data.tokens", 6)
    assert done.code == 0 and "note" not in done.out
    assert "next: dfplan predict walks --dataset my/walks-v0" in done.out
    assert dfplan(*train, "--resume").code == 0
    options = ("--planner.history.tokens", 3, "--planner.candidates", 5, "--json", "w.json")
    done = dfplan("predict", "walks", "--dataset", "my/walks-v0", "--from-end", *options)
    assert (done.code, done.err) == (0, "")
    assert "coverage" not in done.out and "error" not in done.out
    record = json.loads((place / "w.json").read_text())
    assert record["step"] == [59] * 9 and np.shape(record["mean"]) == (9, 3, 2)


def test_errors_name_the_option_and_the_value(dfplan, run):
    for args, words in (
        (("--seed", 1, run), ["RUN", str(run)]),
        ((run,), ["--dataset"]),
        ((run, *DATA, "--windows", 0), ["--windows", "at least 1, got 0"]),
        ((run, *DATA, "--tokens", -1), ["--tokens", "at least 0, got -1"]),
        ((run, *DATA, "--png", "p.gif"), ["--png p.gif", ".png"]),
        ((run, "--dataset", "my/none-v0"), ["'my/none-v0'", DATA[1]]),
    ):
        done = dfplan("predict", *args)
        assert done.code == 2 and all(word in done.err for word in words)
