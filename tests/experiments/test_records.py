"""Measurements are identified by their request."""

from experiments.common import records

REQUEST = {"task": "pointmaze-umaze", "seeds": [7000, 7002], "planner": {"rows": (1, 2)}}


def test_a_record_is_valid_for_its_own_request_only(tmp_path):
    path = tmp_path / "folder" / "a.json"
    assert not records.is_done(path, REQUEST)
    records.write(path, {"request": REQUEST, "mean": 1.0})
    assert records.is_done(path, REQUEST)
    assert not records.is_done(path, {**REQUEST, "seeds": [7000, 7003]})
    assert records.find([tmp_path / "none.json", path], REQUEST) == path
    assert records.find([path], {**REQUEST, "task": "pointmaze-large"}) is None
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]


def test_nothing_is_measured_twice(tmp_path):
    calls = []

    def measure():
        calls.append(1)
        return {"value": len(calls)}

    path = tmp_path / "a.json"
    records.measure_once(path, REQUEST, measure)
    records.measure_once(path, REQUEST, measure)
    assert len(calls) == 1
    records.measure_once(path, {**REQUEST, "weights": "new"}, measure)
    record = records.read(path)
    assert record is not None and record["value"] == 2 and record["request"]["weights"] == "new"
