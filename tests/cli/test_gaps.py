"""`dfplan predict` fills held-out gaps and those of a file, and compares with simpler methods."""

import csv
import json

import numpy as np
import pytest

from dfplan.cli import main
from dfplan.forecast.gaps import interpolate
from dfplan.runs.resolve import ResolvedRun

from .conftest import TINY

FEW = ("--planner.candidates", 20, "--windows", 12)
DATASET = "gaps/circles-v0"


def circles(path, missing=()):
    """Write tracks of walkers on circles, without the steps that are missing."""
    rows = [
        f"{i},{t},{np.cos(t / 5 + i):.4f},{np.sin(t / 5 + i):.4f}"
        for i in range(6)
        for t in range(40)
        if t not in missing
    ]
    path.write_text("\n".join(["id,time,x,y", *rows]))


def fill(planner, weights, incomplete, seed, advance):
    """Fill gaps as `fill_gaps` does, with noise around straight lines in place of a network."""
    lines = interpolate(incomplete)[:, None]
    shape = (len(lines), planner.config.candidates, *lines.shape[2:])
    noise = 0.1 * np.random.default_rng(seed).normal(size=shape)
    return lines + np.where(incomplete.known[:, None, :, None], 0.0, noise)


@pytest.fixture(scope="module")
def make_run(tmp_path_factory, home):
    """A function that makes a run of a kind of network, without training it."""
    folder = tmp_path_factory.mktemp("gaps")
    circles(folder / "circles.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINARI_DATASETS_PATH", str(home / "datasets"))
        patch.setattr("dfplan.runs.train.fit", lambda *args, **kwargs: None)
        patch.setattr("dfplan.cli.gaps.fill_gaps", fill)
        patch.setattr(ResolvedRun, "load_weights", lambda resolved: None)
        assert main(["import", str(folder / "circles.csv"), "--dataset", DATASET]) == 0

        def make(kind):
            train = ["train", "--env", "none", "--dataset", DATASET, "--out", str(folder / kind)]
            options = ["--preset", "small", "--data.tokens", "8", *TINY]
            sampling = ["--planner.sampling.matrix", "full_sequence"]
            assert main([*train, *options, *sampling, "--net.kind", kind]) == 0
            return folder / kind

        yield make


@pytest.fixture(scope="module")
def both_sides(make_run):
    """A run of a network that sees both sides of a gap."""
    return make_run("bidirectional")


def test_held_out_gaps_are_filled_and_compared(dfplan, both_sides, place):
    gap = ("--gap", 3, "--calibration", DATASET, "--json", "g.json")
    done = dfplan("predict", both_sides, "--dataset", DATASET, *gap, *FEW)
    assert (done.code, done.err) == (0, "")
    assert "12 held-out gaps of 3 states in windows of 8" in done.out
    assert "the Kalman smoother fills gaps better" in done.out
    record = json.loads((place / "g.json").read_text())
    measured = record["measured"]
    assert list(measured) == ["diffusion", "Kalman smoother", "straight line"]
    # A circle is neither straight nor of constant velocity, but nearly so over three steps.
    errors = [measured[method]["error"]["mean"] for method in measured]
    assert errors[1] < errors[2] < errors[0] < 0.3
    # Calibrated on what is measured, apart from the noise of the samples.
    assert measured["Kalman smoother"]["coverage_90%"]["mean"] == pytest.approx(0.9, abs=0.05)
    assert np.shape(record["mean"]) == (12, 3, 2)
    assert np.shape(record["intervals"]["0.9"]) == (2, 12, 3, 2)


def test_the_gaps_of_a_file_are_filled(dfplan, both_sides, place):
    circles(place / "gaps.csv", missing=(5, 6, *range(20, 30)))
    options = ("--csv", "filled.csv", "--json", "f.json", *FEW)
    done = dfplan("predict", both_sides, "--fill", "gaps.csv", *options)
    assert (done.code, done.err) == (0, "")
    assert "6 gaps filled with 12 positions" in done.out
    assert "more than 6 steps are left open: 6" in done.out
    with (place / "filled.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["time"]) for row in rows[:30]] == [*range(20), *range(30, 40)]
    assert [row["filled"] for row in rows[4:8]] == ["0", "1", "1", "0"]
    for row in rows[5:7]:
        assert float(row["x_low"]) <= float(row["x_high"])
    assert len(json.loads((place / "f.json").read_text())["filled"]) == 6


def test_errors_name_the_option_and_what_is_valid(dfplan, make_run, both_sides, place):
    circles(place / "whole.csv")
    (place / "notes.txt").write_text("hello\n")
    held_out = ("--dataset", DATASET, "--gap")
    fill = ("--csv", "x.csv", "--fill")
    for args, words in (
        ((make_run("transformer"), *held_out, 3), ["'transformer'", "bidirectional"]),
        ((both_sides, *held_out, 7), ["7", "1 to 6"]),
        ((both_sides, *held_out, -1), ["--gap", "at least 0"]),
        ((both_sides, "--gap", 3), ["--dataset"]),
        ((both_sides, "--fill", "whole.csv"), ["--csv"]),
        ((both_sides, "--dataset", DATASET, "--csv", "x.csv"), ["--fill", "--csv"]),
        ((both_sides, "--dataset", DATASET, "--columns", "x"), ["--columns", "--fill"]),
        ((both_sides, *held_out, 3, "--tokens", 4), ["--tokens"]),
        ((both_sides, *fill, "whole.csv"), ["whole.csv", "no gap", "1 to 6", "time steps"]),
        ((both_sides, *fill, "gone.csv"), ["gone.csv"]),
        ((both_sides, *fill, "notes.txt"), ["notes.txt", "csv, mot"]),
        ((both_sides, *fill, "whole.csv", "--columns", "x"), ["--columns x", "2", "1"]),
        ((both_sides, *fill, "whole.csv", "--calibration", DATASET), ["--calibration", "--gap"]),
    ):
        done = dfplan("predict", *args)
        assert done.code == 2 and all(word in done.err for word in words), (args, done.err)
        assert not (place / "x.csv").exists()
