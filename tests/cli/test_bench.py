"""`dfplan bench`."""

import json

import pytest


@pytest.mark.slow
def test_bench_writes_what_it_prints(dfplan, run):
    done = dfplan("bench", run, "--horizons", "0", "3", "--batches", "1", "--seconds", "0",
                  "--planner.sampling.steps", "1", "--json", "bench.json")  # fmt: skip
    assert done.code == 0, done.err
    with open("bench.json") as file:
        result = json.load(file)
    first, short = result["plans"]
    assert short["horizon"] == 3 < first["horizon"]
    assert short["gflop"] < first["gflop"]
    assert result["training"]["batch"] == 4
    assert done.out.count("plan: ") == 2 and "training: " in done.out
    assert f"gemm_gflops {result['machine']['gemm_gflops']:.3g}" in done.out
    assert result["machine"]["cores"] >= 1


@pytest.mark.parametrize(
    ("args", "option", "value"),
    [
        (["--batches", "0"], "batches", "0"),
        (["--horizons", "-1"], "horizons", "-1"),
        (["--seconds", "-1"], "--seconds", "-1"),
        (["--planner.sampling.steps", "0"], "planner.sampling.steps", "0"),
    ],
)
def test_bench_rejects_values_out_of_range(dfplan, run, args, option, value):
    done = dfplan("bench", run, *args)
    assert done.code == 2 and len(done.err.splitlines()) == 1
    assert option in done.err and value in done.err


def test_options_before_the_run_are_rejected(dfplan, run):
    done = dfplan("bench", "--seconds", "0", run)
    assert done.code == 2 and str(run) in done.err
