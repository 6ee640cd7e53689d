"""`dfplan dataset shard`, and training from its directory."""

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
