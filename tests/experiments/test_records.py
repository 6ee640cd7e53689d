"""Measurements are found again by what was asked for."""

from experiments.maze2d import records
from experiments.maze2d.evaluate import answer

ASKED = {"task": "pointmaze-umaze", "seeds": [7000, 7002], "planner": {"rows": (1, 2)}}


def test_a_file_answers_just_its_own_question(tmp_path):
    path = tmp_path / "folder" / "a.json"
    assert not records.is_done(path, ASKED)
    records.write(path, {"asked": ASKED, "mean": 1.0})
    assert records.is_done(path, ASKED)
    assert not records.is_done(path, {**ASKED, "seeds": [7000, 7003]})
    assert records.find([tmp_path / "none.json", path], ASKED) == path
    assert records.find([path], {**ASKED, "task": "pointmaze-large"}) is None
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]


def test_what_is_done_is_not_measured_again(tmp_path):
    calls = []

    def measure():
        calls.append(1)
        return {"value": len(calls)}

    path = tmp_path / "a.json"
    answer(path, ASKED, measure)
    answer(path, ASKED, measure)
    assert len(calls) == 1
    answer(path, {**ASKED, "weights": "new"}, measure)
    record = records.read(path)
    assert record is not None and record["value"] == 2 and record["asked"]["weights"] == "new"
