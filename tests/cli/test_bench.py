"""`dfplan bench`."""

import json

import pytest


@pytest.mark.slow
def test_bench_writes_what_it_prints(dfplan, run):
    done = dfplan("bench", run, "--horizons", "0", "3", "--batches", "1", "--seconds", "0",
                  "--planner.sampling.steps", "1", "--json", "bench.json")  # fmt: skip
    assert done.code == 0, done.err
    with open("bench.json") as file:
        found = json.load(file)
    first, short = found["plans"]
    assert short["horizon"] == 3 < first["horizon"]
    assert short["gflop"] < first["gflop"]
    assert found["training"]["batch"] == 4
    assert done.out.count("plan: ") == 2 and "training: " in done.out
    assert f"gemm_gflops {found['machine']['gemm_gflops']:.3g}" in done.out
    assert found["machine"]["cores"] >= 1


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--batches", "0"], "batches"),
        (["--horizons", "-1"], "horizons"),
        (["--seconds", "-1"], "--seconds must be at least 0, got -1"),
        (["--planner.sampling.steps", "0"], "planner.sampling.steps"),
    ],
)
def test_bench_refuses(dfplan, run, args, says):
    done = dfplan("bench", run, *args)
    assert done.code == 2 and says in done.err and len(done.err.splitlines()) == 1


def test_the_run_stands_first(dfplan, run):
    done = dfplan("bench", "--seconds", "0", run)
    assert done.code == 2 and "must stand before all options" in done.err
