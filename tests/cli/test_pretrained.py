"""Pretrained planners: packed, shipped by a package, and used by the name of a task."""

import json
import sys

import pytest

from dfplan.tasks.registry import all_tasks
from dfplan_envs.tasks import TASKS

from .test_main import default_of

EPISODES = ["--episodes", "2", "--seed", "7000"]


@pytest.fixture
def shop(dfplan, run, place, monkeypatch):
    """Directory of the packed run in a package that ships it for the tasks of UMaze."""
    package = place / "site" / "shop"
    assert dfplan("pack", run, "--out", package / "umaze").code == 0
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(package.parent)
    for name, record in TASKS.items():
        monkeypatch.setitem(record, "checkpoint", "shop:umaze" if "umaze" in name else "")
    all_tasks.cache_clear()
    yield package / "umaze"
    all_tasks.cache_clear()
    sys.modules.pop("shop", None)


def evaluate(dfplan, *args):
    done = dfplan("eval", *args, *EPISODES, "--json", "e.json")
    assert (done.code, done.err) == (0, "")
    with open("e.json") as file:
        result = json.load(file)
    result["metrics"].pop("latency_ms")
    return result


def test_pack_reports_the_size(dfplan, run, place):
    done = dfplan("pack", run, "--out", "new/packed", "--json", "p.json")
    assert (done.code, done.err) == (0, "")
    size = sum(p.stat().st_size for p in place.glob("new/packed/**/*") if p.is_file())
    assert f"new/packed: {size / 1e6:.2f} MB" in done.out
    assert json.loads((place / "p.json").read_text()) == {"run": "new/packed", "bytes": size}


def test_a_task_is_evaluated_with_its_pretrained_planner(dfplan, run, shop):
    for name in ("pointmaze-umaze", "pointmaze-umaze-fixed"):
        shipped = evaluate(dfplan, name)
        assert shipped.pop("checkpoint") == "shop:umaze"
        assert shipped["task"] == name
        trained = evaluate(dfplan, run, "--task", name)
        assert trained.pop("checkpoint") == str(run)
        assert shipped == trained
    random_goals = evaluate(dfplan, "pointmaze-umaze")
    assert random_goals["metrics"] != shipped["metrics"]


def test_plan_and_info_of_a_task(dfplan, run, shop, place):
    ends = ["--start", 1, 1, "--goal", -1, 1]
    assert dfplan("plan", "pointmaze-umaze", *ends, "--json", "a.json").code == 0
    assert dfplan("plan", run, *ends, "--json", "b.json").code == 0
    assert (place / "a.json").read_text() == (place / "b.json").read_text()
    done = dfplan("info", "pointmaze-umaze-robotics", "--json", "i.json")
    assert (done.code, done.err) == (0, "")
    info = json.loads((place / "i.json").read_text())
    assert info["directory"] == str(shop)
    assert info["env"] == "dfplan/PointMaze_UMaze_Robotics-v0"
    assert info["checkpoint"] == "step 20 of 20"


def test_help_of_a_task_shows_its_planner(dfplan, shop):
    done = dfplan("eval", "pointmaze-umaze", "--help")
    assert done.code == 0
    assert default_of("planner.low-level-controller", done.out) == "tracker"


def pretrained(dfplan):
    lines = dfplan("tasks").out.splitlines()
    column = lines[0].split().index("pretrained")
    return {line.split()[0]: line.split()[column] for line in lines[1:]}


def test_tasks_show_which_are_pretrained(dfplan, shop):
    assert pretrained(dfplan) == {name: "yes" if "umaze" in name else "-" for name in TASKS}
    (shop / "config.json").unlink()
    assert set(pretrained(dfplan).values()) == {"-"}


def test_a_packed_run_cannot_be_resumed(dfplan, shop):
    done = dfplan("train", "--out", shop, "--resume")
    assert done.code == 2 and done.err.count("\n") == 1
    assert f"{shop}/checkpoints/20" in done.err


def test_tasks_can_be_limited_to_pretrained_ones(dfplan, shop, place):
    done = dfplan("tasks", "--pretrained", "--json", "tasks.json")
    names = {name for name in TASKS if "umaze" in name}
    assert {line.split()[0] for line in done.out.splitlines()[1:]} == names
    assert json.loads((place / "tasks.json").read_text()).keys() == names
