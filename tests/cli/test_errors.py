"""Unusable input: exit code 2, one line with the value and the valid choices, nothing written.

The tests check values, options and choices in the messages, but not the words around them.
"""

import hashlib
import re
import shutil

import h5py
import numpy as np
import pytest

from .conftest import TINY


def contents(*folders):
    """Return the hash of every file, by path; directories map to None."""
    return {
        path: hashlib.sha256(path.read_bytes()).digest() if path.is_file() else None
        for folder in folders
        for path in folder.rglob("*")
    }


def contains(text, word):
    """Return whether a text contains a word; a number must not be part of a longer one."""
    if not re.fullmatch(r"-?\d+", word):
        return word in text
    return re.search(rf"(?<![\d.-]){word}(?!\d)", text) is not None


@pytest.fixture
def rejected(dfplan, home, place):
    """A function that checks that a command fails with one line that contains all `words`."""

    def call(*args, words):
        before = contents(home, place)
        done = dfplan(*args)
        assert done.code == 2
        assert done.err.startswith("dfplan: error: ")
        assert done.err.count("\n") == 1
        for word in words:
            assert contains(done.err, word)
        assert contents(home, place) == before

    return call


@pytest.fixture
def broken(run, place):
    """A copy of the run for a test to damage."""
    shutil.copytree(run, place / "broken")
    return place / "broken"


COLLECT = ["collect", "pointmaze-umaze", "--dataset", "new-v0", "--steps", "10"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["collect"], ["dfplan tasks", "--env", "--dataset"]),
        (["collect", "pointmase-umaze"], ["'pointmase-umaze'", "pointmaze-umaze,"]),
        (["collect", "--env", "Pendulum-v1"], ["--dataset"]),
        (["collect", "--env", "Pendulun-v1", "--dataset", "new-v0"], ["Pendulun", "Pendulum-v1"]),
        (["collect", "--env", "CartPole-v1", "--dataset", "new-v0"], ["Discrete(2)", "Box"]),
        (["collect", "pointmaze-umaze", "--dataset", "new"], ["'new'", "name-v0"]),
        (["collect", "pointmaze-umaze", "--dataset", "a b"], ["'a b'", "name-v0"]),
        ([*COLLECT, "--steps", "0"], ["--steps", "1", "0"]),
        ([*COLLECT, "--seed", "-1"], ["--seed", "-1"]),
        ([*COLLECT, "--env-kwargs", "{a"], ["--env-kwargs", "'{a'", "JSON"]),
        ([*COLLECT, "--env-kwargs", "[1]"], ["--env-kwargs", "'[1]'", "JSON object"]),
        ([*COLLECT, "--env-kwargs", '{"no": 1}'], ["'no'"]),
        ([*COLLECT, "--json", "file/x.json"], ["file/x.json", "Not a directory"]),
        ([*COLLECT, "--json", "."], ["cannot write .", "Is a directory"]),
        ([*COLLECT[:1], "pointmaze", *COLLECT[2:]], ["maze_map"]),
        (["tasks", "--json", "file/x.json"], ["file/x.json"]),
    ],
    ids=str,
)
def test_collect_and_tasks(rejected, place, args, words):
    (place / "file").touch()
    rejected(*args, words=words)


def test_collect_does_not_overwrite_a_dataset(rejected, run, home):
    rejected("collect", "pointmaze-umaze", words=["dfplan/pointmaze-umaze-v0"])
    # A folder that is not a dataset keeps Minari from listing any; this one must still be found.
    (home / "datasets" / "no dataset" / "data").mkdir(parents=True)
    try:
        rejected("collect", "pointmaze-umaze", words=["dfplan/pointmaze-umaze-v0"])
    finally:
        shutil.rmtree(home / "datasets" / "no dataset")


TRAIN = ["train", "pointmaze-umaze", "--out", "new"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["train", "bogus", "--out", "new"], ["'bogus'", "pointmaze-umaze"]),
        (["train", "--out", "new"], ["dfplan tasks", "--env", "--dataset"]),
        (["train", "--out", "new", "pointmaze-umaze"], ["TASK", "'pointmaze-umaze'"]),
        (["train", "pointmaze-umaze"], ["--out"]),
        (["train", "--init-from", "nowhere", "--out", "new"], ["nowhere"]),
        (["train", "--init_from=nowhere", "--out", "new"], ["nowhere"]),
        ([*TRAIN, "--preset", "huge"], ["'huge'", "small, default, large"]),
        ([*TRAIN, "--dataset", "nope-v0"], ["'nope-v0'", "dfplan/pointmaze-umaze-v0"]),
        ([*TRAIN, "--planner.sampling.matrix", "piramid"], ["'piramid'", "pyramid"]),
        ([*TRAIN, "--net.width", "3"], ["net.width 3"]),
        ([*TRAIN, "--net.layers", "-1"], ["net.layers", "-1"]),
        ([*TRAIN, "--training.batch-size", "0"], ["training.batch_size", "0"]),
        ([*TRAIN, "--data.stride", "5000"], ["data.stride 5000", "1 to"]),
        ([*TRAIN, "--goal-dims", "9"], ["(9,)"]),
        ([*TRAIN, "--stop-step", "0"], ["--stop-step", "0"]),
        ([*TRAIN, "--env-kwargs", "{a"], ["--env-kwargs", "'{a'"]),
        ([*TRAIN, "--json", "file/x.json"], ["file/x.json"]),
        ([*TRAIN, "--resume"], ["new", "config.json"]),
        (["train", "pointmaze-umaze", "--out", "file", *TINY], ["file", "not empty"]),
    ],
    ids=str,
)
def test_train(rejected, run, place, args, words):
    (place / "file").touch()
    rejected(*args, words=words)


def test_train_does_not_overwrite_a_run(rejected, run):
    rejected("train", "pointmaze-umaze", "--out", run, words=[str(run), "--resume"])


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--net.width", "32"], ["net.width", "16", "32"]),
        (["pointmaze-medium"], ["PointMaze_UMaze", "PointMaze_Medium"]),
        (["--dataset", "other-v0"], ["dataset", "dfplan/pointmaze-umaze-v0", "other-v0"]),
        (["--goal-dims", "2", "3"], ["goal_dims", "(0, 1)", "(2, 3)"]),
    ],
    ids=str,
)
def test_resume_with_other_settings(rejected, run, args, words):
    task = [args.pop(0)] if not args[0].startswith("-") else []
    rejected("train", *task, "--out", run, "--resume", *args, words=words)


def edit_config(run, pattern, text):
    """Edit a run's record as a user would, who then removes its checksum."""
    path = run / "config.json"
    edited = re.sub(pattern, text, path.read_text())
    path.write_text(re.sub(r',\s*"checksum": \d+', "", edited))


def test_resume_with_a_dataset_that_has_changed(dfplan, rejected, broken):
    names = {"other-v0": ("pointmaze-umaze",), "pendulum-v0": ("--env", "Pendulum-v1")}
    for name, what in names.items():
        assert dfplan("collect", *what, "--dataset", name, "--steps", 300).code == 0
    edit_config(broken, r"dfplan/pointmaze-umaze-v0|other-v0", "other-v0")
    rejected("train", "--out", "broken", "--resume", words=["'other-v0'"])
    edit_config(broken, r"dfplan/pointmaze-umaze-v0|other-v0", "pendulum-v0")
    rejected("train", "--out", "broken", "--resume", words=["'pendulum-v0'"])


def test_train_on_a_dataset_with_nan(dfplan, rejected, home):
    assert dfplan("collect", *COLLECT[1:2], "--dataset", "nan-v0", "--steps", 50).code == 0
    (path,) = (home / "datasets" / "nan-v0").rglob("*.hdf5")
    with h5py.File(path, "r+") as file:
        file["episode_0/observations/observation"][7, 2] = np.nan
    words = ["'nan-v0'", "0", "7", "nan"]
    rejected("train", "pointmaze-umaze", "--dataset", "nan-v0", "--out", "new", words=words)


EVAL = ["eval", "RUN", "--episodes", "1"]
START = ["plan", "RUN", "--start", "1", "1"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["eval", "nowhere"], ["nowhere", "pointmaze-"]),
        (["eval", "."], [". ", "config.json", "task"]),
        (["info", "."], [". "]),
        (["plan", ".", "--start", "1", "1"], [". "]),
        (["eval", "pointmaze"], ["pointmaze", "dfplan train"]),
        (["pack", "nowhere", "--out", "new"], ["nowhere", "config.json"]),
        (["pack", "RUN"], ["--out"]),
        (["pack", "RUN", "--out", "RUN"], ["RUN"]),
        (["pack", "RUN", "--out", "file"], ["file"]),
        (["pack", "RUN", "--out", "file/new"], ["cannot write file/new"]),
        (["render", "--out", "v.gif", "RUN"], ["RUN", "options"]),
        (["render", "RUN", "--out", "v.avi"], ["v.avi", ".gif or .mp4"]),
        (["render", "RUN", "--out", "file/v.gif"], ["cannot write file/v.gif"]),
        (["render", "RUN", "--episodes", "0"], ["--episodes", "0"]),
        (["render", "RUN", "--size", "8"], ["--size", "16", "8"]),
        (["render", "RUN", "--positions", "0", "4"], ["--positions 0 4", "0 to 3"]),
        (["render", "RUN", "--positions", "1"], ["--positions 1", "0 to 3"]),
        (["render", "RUN", "--env", "Pendulum-v1"], ["3", "4"]),
        (["report"], ["dfplan report --help"]),
        (["report", "RUN", "--results", "none"], ["none"]),
        (["report", "RUN", "--episodes", "0"], ["--episodes", "0"]),
        (["report", "RUN", "--out", "file/r.html"], ["cannot write file/r.html"]),
        (["export", "RUN"], ["--out"]),
        (["export", "--out", "new", "RUN"], ["RUN", "options"]),
        (["export", "RUN", "--out", "RUN"], ["RUN"]),
        (["export", "RUN", "--out", "new", "--batch", "0"], ["--batch", "0"]),
        (["export", "RUN", "--out", "new", "--platforms", "gpu"], ["'gpu'", "cuda"]),
        (["export", "RUN", "--out", "new", "--onnx", "file/x"], ["cannot write file/x"]),
        (["eval", "--episodes", "1", "RUN"], ["RUN", "options"]),
        (["eval", "--episodes", "1", "."], [" . ", "options"]),
        (["eval", "RUN", "--episodes", "0"], ["--episodes", "0"]),
        (
            ["eval", "RUN", "--episodes", "5", "--protocol", "ogbench"],
            ["task 1", "OGBenchProtocol", "--protocol seeds"],
        ),
        ([*EVAL, "--protocol", "ogbench:task_count=0"], ["at least 1 task", "0"]),
        ([*EVAL, "--seed", "-1"], ["--seed", "-1"]),
        ([*EVAL, "--seed", str(2**31)], ["--seed", f"{2**31}"]),
        ([*EVAL, "--episodes", "many"], ["--episodes", "'many'"]),
        ([*EVAL, "--episode", "3"], ["--episode"]),
        ([*EVAL, "--planner.history.tokens", "99"], ["planner.history.tokens 99", "1 to"]),
        ([*EVAL, "--task", "bogus"], ["'bogus'", "pointmaze-umaze"]),
        ([*EVAL, "--env", "Bogus-v0"], ["'Bogus-v0'"]),
        ([*EVAL, "--env", "Pendulum-v1"], ["3", "4"]),
        ([*EVAL, "--env-kwargs", "{a"], ["--env-kwargs", "'{a'"]),
        ([*EVAL, "--planner.candidates", "0"], ["planner.candidates", "0"]),
        ([*EVAL, "--planner.sampling.matrix", "piramid"], ["'piramid'", "pyramid"]),
        ([*EVAL, "--planner.low-level-controller", "diffused"], ["'diffused'", "tracker, inverse"]),
        ([*EVAL, "--perturb", "noise=1"], ["'noise'", "obs_noise, "]),
        ([*EVAL, "--perturb", "push=a"], ["'a'", "push=FRACTION,duration=NUMBER"]),
        ([*EVAL, "--perturb", "obs_dropout=2"], ["obs_dropout", "[0, 1]", "2"]),
        ([*EVAL, "--perturb", "obs_noise=1,2"], ["2", "1 or 4"]),
        (
            [*EVAL, "--planner.sensing.observation-noise", "-2"],
            ["planner.sensing.observation_noise", "-1"],
        ),
        (
            [*EVAL, "--planner.sensing.observation-noise", "1", "2"],
            ["2", "1 or 4"],
        ),
        ([*EVAL, "--out", "file"], ["cannot write file/result.json"]),
        ([*EVAL, "--out", "file/new"], ["cannot write file/new/result.json"]),
        ([*EVAL, "--json", "file/x.json"], ["cannot write file/x.json"]),
        ([*EVAL, "--json", "RUN/config.json"], ["RUN/config.json"]),
        (["plan", "RUN", "--start", "1"], ["--start", "1", "4 (a state)", "2 (the goal"]),
        ([*START, "--goal", "1"], ["--goal", "1", "2"]),
        ([*START, "--goal", "inf", "1"], ["--goal", "[inf  1.]", "finite"]),
        ([*START, "--seed", "-1"], ["--seed", "-1"]),
        ([*START, "--png", "plan.json"], ["--png plan.json", ".png"]),
        ([*START, "--png", "file/x.png"], ["cannot write file/x.png"]),
        (["info", "RUN", "--json", "file/x.json"], ["cannot write file/x.json"]),
    ],
    ids=str,
)
def test_commands_that_take_a_run(rejected, run, place, args, words):
    (place / "file").touch()
    args = [arg.replace("RUN", str(run)) for arg in args]
    rejected(*args, words=[word.replace("RUN", str(run)) for word in words])


def test_outputs_are_checked_before_any_work(dfplan, run, place, monkeypatch):
    (place / "file").touch()
    for target in ("eval_jobs.open_agent", "eval_jobs.run_episodes", "plan.open_agent"):
        monkeypatch.setattr(f"dfplan.cli.{target}", None)
    assert dfplan("eval", run, "--out", "file").code == 2
    (place / "out" / "denoising.gif").mkdir(parents=True)
    assert "out/denoising.gif: Is a directory" in dfplan("eval", run, "--out", "out").err
    assert dfplan("plan", run, "--start", 1, 1, "--json", "file/x").code == 2


@pytest.mark.parametrize("ends", ["--start 0 0 --goal 1 1", "--start 1 1 --goal 0 0"])
def test_figure_of_a_plan_in_a_wall(rejected, run, ends):
    args = [*ends.split(), "--png", "new/p.png", "--json", "new/p.json"]
    rejected("plan", run, *args, words=["wall", "[0. 0.]"])


@pytest.mark.parametrize("text", ["", "{}", '{"format": 1', '{"format": 9}', "[]", "\0"], ids=repr)
def test_damaged_config(rejected, broken, text):
    (broken / "config.json").write_text(text)
    rejected("eval", broken, words=[str(broken / "config.json")])


def test_config_with_an_unknown_setting(rejected, broken):
    edit_config(broken, '"width"', '"widht"')
    rejected("eval", broken, words=["widht", "width"])


def test_missing_checkpoint(rejected, broken):
    shutil.rmtree(broken / "checkpoints")
    rejected("eval", broken, words=["checkpoint", str(broken)])


def test_info_of_a_run_without_a_checkpoint(dfplan, broken):
    shutil.rmtree(broken / "checkpoints")
    assert "none yet" in dfplan("info", broken).out


def test_checkpoint_without_weights(rejected, broken):
    shutil.rmtree(broken / "checkpoints" / "20" / "weights")
    rejected("eval", broken, words=[str(broken / "checkpoints" / "20")])


@pytest.mark.parametrize("name", ["_METADATA", "manifest.ocdbt"])
def test_truncated_checkpoint(rejected, broken, name):
    path = broken / "checkpoints" / "20" / "weights" / name
    path.write_bytes(path.read_bytes()[:20])
    rejected("eval", broken, words=[str(broken / "checkpoints" / "20")])


@pytest.mark.parametrize(
    "args",
    [
        ["collect", "pointmaze-umaze", "--steps", "many"],
        ["train", "pointmaze-umaze", "--net.widht", "3"],
        ["eval"],
        ["plan", "--start", "1"],
        ["tasks", "extra"],
    ],
    ids=str,
)
def test_usage_errors_of_tyro(dfplan, place, args):
    done = dfplan(*args)
    assert done.code == 2
    assert done.err.startswith("dfplan: error: ") and done.err.count("\n") == 1
    assert not list(place.iterdir())


def test_init_from_and_resume_exclude_each_other(rejected, run):
    args = ["train", "--init-from", str(run), "--out", str(run), "--resume"]
    rejected(*args, words=["--init-from", "--resume"])
