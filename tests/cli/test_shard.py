"""`dfplan dataset shard`, and training from its directory."""

import json

import pytest

pytest.importorskip("grain")

NAME = "dfplan/pointmaze-umaze-v0"


def test_shard_and_look_at_mistakes(dfplan, run, place):
    done = dfplan("dataset", "shard", NAME, "--out", "shards", "--shards", 3)
    assert (done.code, done.err) == (0, "")
    last = done.out.splitlines()[-1]
    assert "6,006 rows in 3 shards" in last and "dfplan train TASK --dataset shards" in last
    again = dfplan("dataset", "shard", NAME, "--out", "shards", "--shards", 3)
    assert again.code == 0 and again.out.splitlines()[-1] == last
    refused = dfplan("dataset", "shard", NAME, "--out", "shards", "--shards", 4)
    assert refused.code == 2 and "shards 3, not 4" in refused.err
    missing = dfplan("dataset", "shard", NAME)
    assert missing.code == 2 and "--out is missing" in missing.err
    low = dfplan("dataset", "shard", NAME, "--out", "b", "--shards", 0)
    assert low.code == 2 and "--shards must be at least 1, got 0" in low.err
    unknown = dfplan("dataset", "shard", "no/such-v0", "--out", "b")
    assert unknown.code == 2 and NAME in unknown.err
    train = ["train", "pointmaze-umaze", "--dataset", "shards", "--out", "run"]
    refused = dfplan(*train, "--data.source", "stream", "--data.stitch")
    assert refused.code == 2 and "data.stitch" in refused.err and not (place / "run").exists()
    wrong = dfplan(*train, "--data.source", "disk")
    assert wrong.code == 2 and "auto, memory, stream" in wrong.err


def test_shards_are_shown_and_named_where_a_dataset_is_missing(dfplan, run, place):
    assert dfplan("dataset", "shard", NAME, "--out", "shards", "--shards", 2).code == 0
    shown = dfplan("dataset", "show", "shards", "--json", "shards.json")
    assert shown.code == 0 and f"2 of dataset {NAME}" in shown.out and "6,006" in shown.out
    whole = dfplan("dataset", "show", NAME, "--json", "whole.json")
    assert whole.code == 0
    record = json.loads((place / "shards.json").read_text())["dimensions"]
    expected = json.loads((place / "whole.json").read_text())["state"]
    for i, dimension in enumerate(expected):
        for name in ("min", "max", "mean"):
            value = record[f"state {i}"][name]
            assert value == pytest.approx(dimension[{"min": "low", "max": "high"}.get(name, name)])
    refused = dfplan("dataset", "show", "shards", "--plot", "a.png")
    assert refused.code == 2 and "--plot" in refused.err and "directory of shards" in refused.err
    for command in (["dataset", "show"], ["train", "pointmaze-umaze", "--out", "run", "--dataset"]):
        missing = dfplan(*command, "nosuchdir")
        assert missing.code == 2 and "'nosuchdir'" in missing.err
        assert "no directory of complete shards" in missing.err and NAME in missing.err


def test_a_refused_policy_is_not_announced(dfplan, run, place):
    assert dfplan("dataset", "shard", NAME, "--out", "shards", "--shards", 2).code == 0
    train = ["train", "pointmaze-umaze", "--dataset", "shards", "--out", "run"]
    policy = ["--planner.low-level-controller", "policy"]
    refused = dfplan(*train, "--data.source", "stream", *policy)
    assert refused.code == 2 and "fitted to all rows" in refused.err
    assert "low-level policy" not in refused.out and not (place / "run").exists()
