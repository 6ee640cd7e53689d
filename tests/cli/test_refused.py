"""What cannot be used: exit code 2, one line that says what could, and nothing written."""

import hashlib
import shutil

import h5py
import numpy as np
import pytest

from .conftest import TINY


def contents(*folders):
    return {
        path: hashlib.sha256(path.read_bytes()).digest() if path.is_file() else None
        for folder in folders
        for path in folder.rglob("*")
    }


@pytest.fixture
def refused(dfplan, home, place):
    """Calls the command line, which must refuse with one line that holds all of `says`."""

    def call(*args, says):
        before = contents(home, place)
        done = dfplan(*args)
        assert done.code == 2
        assert done.err.startswith("dfplan: error: ")
        assert done.err.count("\n") == 1
        for text in says:
            assert text in done.err
        assert contents(home, place) == before

    return call


@pytest.fixture
def broken(run, place):
    """A copy of the run, to be damaged."""
    shutil.copytree(run, place / "broken")
    return place / "broken"


COLLECT = ["collect", "pointmaze-umaze", "--dataset", "new-v0", "--steps", "10"]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["collect"], ["dfplan tasks", "--env and --dataset"]),
        (["collect", "pointmase-umaze"], ["'pointmase-umaze'", "valid: pointmaze-umaze,"]),
        (["collect", "--env", "Pendulum-v1"], ["--dataset"]),
        (["collect", "--env", "Pendulun-v1", "--dataset", "new-v0"], ["Pendulun", "Pendulum-v1"]),
        (["collect", "--env", "CartPole-v1", "--dataset", "new-v0"], ["Discrete(2)", "Box"]),
        (["collect", "pointmaze-umaze", "--dataset", "new"], ["'new'", "namespace/name-v0"]),
        (["collect", "pointmaze-umaze", "--dataset", "a b"], ["'a b'", "namespace/name-v0"]),
        ([*COLLECT, "--steps", "0"], ["--steps", "at least 1", "got 0"]),
        ([*COLLECT, "--seed", "-1"], ["--seed", "at least 0", "got -1"]),
        ([*COLLECT, "--env-kwargs", "{a"], ["--env-kwargs '{a' is not JSON", "example"]),
        ([*COLLECT, "--env-kwargs", "[1]"], ["'[1]' is not a JSON object", "example"]),
        ([*COLLECT, "--env-kwargs", '{"no": 1}'], ["'no'"]),
        ([*COLLECT, "--json", "file/x.json"], ["file/x.json", "Not a directory"]),
        ([*COLLECT, "--json", "."], ["cannot write .", "Is a directory"]),
        ([*COLLECT[:1], "pointmaze", *COLLECT[2:]], ["maze_map"]),
        (["tasks", "--json", "file/x.json"], ["file/x.json"]),
    ],
    ids=str,
)
def test_collect_and_tasks(refused, place, args, says):
    (place / "file").touch()
    refused(*args, says=says)


def test_collect_onto_a_dataset_that_exists(refused, run, home):
    refused("collect", "pointmaze-umaze", says=["dfplan/pointmaze-umaze-v0", "exists already"])
    # A folder that is no dataset keeps Minari from listing any; this one must still be found.
    (home / "datasets" / "no dataset" / "data").mkdir(parents=True)
    try:
        refused("collect", "pointmaze-umaze", says=["dfplan/pointmaze-umaze-v0", "exists already"])
    finally:
        shutil.rmtree(home / "datasets" / "no dataset")


TRAIN = ["train", "pointmaze-umaze", "--out", "new"]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["train", "bogus", "--out", "new"], ["'bogus'", "valid: "]),
        (["train", "--out", "new"], ["dfplan tasks", "--env and --dataset"]),
        (["train", "--out", "new", "pointmaze-umaze"], ["'pointmaze-umaze' must stand before"]),
        (["train", "pointmaze-umaze"], ["--out is missing"]),
        (["train", "--init-from", "nowhere", "--out", "new"], ["nowhere is neither a run"]),
        ([*TRAIN, "--preset", "huge"], ["preset 'huge'", "valid: small, default, large"]),
        ([*TRAIN, "--dataset", "nope-v0"], ["'nope-v0'", "dfplan/pointmaze-umaze-v0"]),
        ([*TRAIN, "--planner.sampling.matrix", "piramid"], ["'piramid'", "pyramid"]),
        ([*TRAIN, "--net.width", "3"], ["net.width 3", "multiple"]),
        ([*TRAIN, "--net.layers", "-1"], ["net.layers", "got -1"]),
        ([*TRAIN, "--training.batch-size", "0"], ["training.batch_size", "got 0"]),
        ([*TRAIN, "--data.stride", "5000"], ["data.stride 5000", "valid: 1 to"]),
        ([*TRAIN, "--goal-dims", "9"], ["(9,)"]),
        ([*TRAIN, "--stop-step", "0"], ["--stop-step", "got 0"]),
        ([*TRAIN, "--env-kwargs", "{a"], ["--env-kwargs '{a' is not JSON"]),
        ([*TRAIN, "--json", "file/x.json"], ["file/x.json"]),
        ([*TRAIN, "--resume"], ["new is not a run"]),
        (["train", "pointmaze-umaze", "--out", "file", *TINY], ["file", "cannot write"]),
    ],
    ids=str,
)
def test_train(refused, run, place, args, says):
    (place / "file").touch()
    refused(*args, says=says)


def test_train_onto_a_run(refused, run):
    refused("train", "pointmaze-umaze", "--out", run, says=[str(run), "--resume"])


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--net.width", "32"], ["net.width 16, not 32"]),
        (["pointmaze-medium"], ["PointMaze_UMaze", "PointMaze_Medium"]),
        (["--dataset", "other-v0"], ["dfplan/pointmaze-umaze-v0, not other-v0"]),
        (["--goal-dims", "2", "3"], ["(0, 1), not (2, 3)"]),
    ],
    ids=str,
)
def test_resume_with_other_settings(refused, run, args, says):
    task = [args.pop(0)] if not args[0].startswith("-") else []
    refused("train", *task, "--out", run, "--resume", *args, says=says)


def test_resume_with_a_dataset_that_has_changed(dfplan, refused, broken):
    text = (broken / "config.json").read_text()
    names = {"other-v0": ("pointmaze-umaze",), "pendulum-v0": ("--env", "Pendulum-v1")}
    for name, what in names.items():
        assert dfplan("collect", *what, "--dataset", name, "--steps", 300).code == 0
    (broken / "config.json").write_text(text.replace("dfplan/pointmaze-umaze-v0", "other-v0"))
    refused("train", "--out", "broken", "--resume", says=["'other-v0' is not the one"])
    (broken / "config.json").write_text(text.replace("dfplan/pointmaze-umaze-v0", "pendulum-v0"))
    refused("train", "--out", "broken", "--resume", says=["'pendulum-v0'"])


def test_dataset_with_nan(dfplan, refused, home):
    assert dfplan("collect", *COLLECT[1:2], "--dataset", "nan-v0", "--steps", 50).code == 0
    (path,) = (home / "datasets" / "nan-v0").rglob("*.hdf5")
    with h5py.File(path, "r+") as file:
        file["episode_0/observations/observation"][7, 2] = np.nan
    says = ["'nan-v0'", "episode 0", "step 7", "nan"]
    refused("train", "pointmaze-umaze", "--dataset", "nan-v0", "--out", "new", says=says)


EVAL = ["eval", "RUN", "--episodes", "1"]
START = ["plan", "RUN", "--start", "1", "1"]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["eval", "nowhere"], ["nowhere is neither a run", "valid tasks: pointmaze-"]),
        (["eval", "."], [". is neither a run (it has no config.json) nor a task"]),
        (["info", "."], [". is neither a run"]),
        (["plan", ".", "--start", "1", "1"], [". is neither a run"]),
        (["eval", "pointmaze"], ["task pointmaze comes with no checkpoint", "dfplan train"]),
        (["pack", "nowhere", "--out", "new"], ["nowhere is not a run"]),
        (["pack", "RUN"], ["--out is missing"]),
        (["pack", "RUN", "--out", "RUN"], ["RUN exists and is not empty"]),
        (["pack", "RUN", "--out", "file"], ["file exists and is not empty"]),
        (["pack", "RUN", "--out", "file/new"], ["cannot write file/new"]),
        (["render", "--out", "v.gif", "RUN"], ["must stand before all options"]),
        (["render", "RUN", "--out", "v.avi"], ["v.avi", ".gif or .mp4"]),
        (["render", "RUN", "--out", "file/v.gif"], ["cannot write file/v.gif"]),
        (["render", "RUN", "--episodes", "0"], ["--episodes", "got 0"]),
        (["render", "RUN", "--size", "8"], ["--size", "got 8"]),
        (["render", "RUN", "--positions", "0", "4"], ["--positions 0 4", "0 to 3"]),
        (["render", "RUN", "--positions", "1"], ["--positions 1", "two or three"]),
        (["render", "RUN", "--env", "Pendulum-v1"], ["3 states", "4 states"]),
        (["report"], ["dfplan report --help"]),
        (["report", "RUN", "--results", "none"], ["none is no result of `dfplan eval`"]),
        (["report", "RUN", "--episodes", "0"], ["--episodes", "got 0"]),
        (["report", "RUN", "--out", "file/r.html"], ["cannot write file/r.html"]),
        (["export", "RUN"], ["--out is missing"]),
        (["export", "--out", "new", "RUN"], ["must stand before all options"]),
        (["export", "RUN", "--out", "RUN"], ["RUN exists and is not empty"]),
        (["export", "RUN", "--out", "new", "--batch", "0"], ["--batch", "got 0"]),
        (["export", "RUN", "--out", "new", "--platforms", "gpu"], ["'gpu'", "cuda"]),
        (["export", "RUN", "--out", "new", "--onnx", "file/x"], ["cannot write file/x"]),
        (["eval", "--episodes", "1", "RUN"], ["must stand before all options"]),
        (["eval", "--episodes", "1", "."], ["must stand before all options"]),
        (["eval", "RUN", "--episodes", "0"], ["--episodes", "got 0"]),
        ([*EVAL, "--seed", "-1"], ["--seed", "got -1"]),
        ([*EVAL, "--seed", str(2**31)], ["--seed", f"below {2**31}"]),
        ([*EVAL, "--episodes", "many"], ["--episodes", "'many'"]),
        ([*EVAL, "--episode", "3"], ["--episode"]),
        ([*EVAL, "--planner.history.tokens", "99"], ["planner.history.tokens 99", "valid: 1 to"]),
        ([*EVAL, "--task", "bogus"], ["'bogus'", "pointmaze-umaze"]),
        ([*EVAL, "--env", "Bogus-v0"], ["'Bogus-v0'"]),
        ([*EVAL, "--env", "Pendulum-v1"], ["3 states", "1 actions", "4 states", "2 actions"]),
        ([*EVAL, "--env-kwargs", "{a"], ["--env-kwargs '{a' is not JSON"]),
        ([*EVAL, "--planner.candidates", "0"], ["planner.candidates", "got 0"]),
        ([*EVAL, "--planner.sampling.matrix", "piramid"], ["'piramid'", "pyramid"]),
        ([*EVAL, "--planner.low-level-controller", "diffused"], ["'diffused'", "tracker, inverse"]),
        ([*EVAL, "--perturb", "noise=1"], ["'noise'", "valid: obs_noise, "]),
        ([*EVAL, "--perturb", "push=a"], ["'a'", "push=FRACTION,duration=NUMBER"]),
        ([*EVAL, "--perturb", "obs_dropout=2"], ["'obs_dropout=2'", "[0, 1], got 2"]),
        ([*EVAL, "--perturb", "obs_noise=1,2"], ["1 or 4"]),
        (
            [*EVAL, "--planner.sensing.observation-noise", "-2"],
            ["planner.sensing.observation_noise", "-1"],
        ),
        (
            [*EVAL, "--planner.sensing.observation-noise", "1", "2"],
            ["1 or 4"],
        ),
        ([*EVAL, "--out", "file"], ["cannot write file/result.json"]),
        ([*EVAL, "--out", "file/new"], ["cannot write file/new/result.json"]),
        ([*EVAL, "--json", "file/x.json"], ["cannot write file/x.json"]),
        ([*EVAL, "--json", "RUN/config.json"], ["RUN/config.json", "may belong to a run"]),
        (["plan", "RUN", "--start", "1"], ["--start has 1 numbers; valid: 4 or 2"]),
        ([*START, "--goal", "1"], ["--goal has 1 numbers; valid: 2"]),
        ([*START, "--goal", "inf", "1"], ["--goal [inf  1.]", "finite"]),
        ([*START, "--seed", "-1"], ["--seed", "got -1"]),
        ([*START, "--png", "plan.json"], ["--png plan.json", ".png"]),
        ([*START, "--png", "file/x.png"], ["cannot write file/x.png"]),
        (["info", "RUN", "--json", "file/x.json"], ["cannot write file/x.json"]),
    ],
    ids=str,
)
def test_eval_plan_info_and_pack(refused, run, place, args, says):
    (place / "file").touch()
    args = [arg.replace("RUN", str(run)) for arg in args]
    refused(*args, says=[text.replace("RUN", str(run)) for text in says])


def test_no_work_is_done_before_an_output_is_known_to_be_writable(dfplan, run, place, monkeypatch):
    (place / "file").touch()
    for target in ("eval.load_weights", "eval.run_episodes", "plan.load_weights"):
        monkeypatch.setattr(f"dfplan.cli.{target}", None)
    assert dfplan("eval", run, "--out", "file").code == 2
    (place / "out" / "denoising.gif").mkdir(parents=True)
    assert "out/denoising.gif: Is a directory" in dfplan("eval", run, "--out", "out").err
    assert dfplan("plan", run, "--start", 1, 1, "--json", "file/x").code == 2


@pytest.mark.parametrize("place_of", ["--start 0 0 --goal 1 1", "--start 1 1 --goal 0 0"])
def test_picture_of_a_plan_in_a_wall(refused, run, place_of):
    args = [*place_of.split(), "--png", "new/p.png", "--json", "new/p.json"]
    refused("plan", run, *args, says=["lies in a wall", "[0. 0.]"])


@pytest.mark.parametrize("text", ["", "{}", '{"format": 1', '{"format": 9}', "[]", "\0"], ids=repr)
def test_damaged_config(refused, broken, text):
    (broken / "config.json").write_text(text)
    refused("eval", broken, says=[str(broken / "config.json")])


def test_config_with_a_setting_that_does_not_exist(refused, broken):
    text = (broken / "config.json").read_text()
    (broken / "config.json").write_text(text.replace('"width"', '"widht"'))
    refused("eval", broken, says=["widht", "width"])


def test_missing_checkpoint(refused, broken):
    shutil.rmtree(broken / "checkpoints")
    refused("eval", broken, says=["holds no checkpoint", "train"])


def test_info_of_a_run_without_a_checkpoint(dfplan, broken):
    shutil.rmtree(broken / "checkpoints")
    assert "none yet" in dfplan("info", broken).out


def test_checkpoint_without_weights(refused, broken):
    shutil.rmtree(broken / "checkpoints" / "20" / "weights")
    refused("eval", broken, says=[str(broken / "checkpoints" / "20"), "damaged"])


@pytest.mark.parametrize("name", ["_METADATA", "manifest.ocdbt"])
def test_truncated_checkpoint(refused, broken, name):
    path = broken / "checkpoints" / "20" / "weights" / name
    path.write_bytes(path.read_bytes()[:20])
    refused("eval", broken, says=[str(broken / "checkpoints" / "20"), "damaged"])


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
def test_usage_errors_come_from_tyro(dfplan, place, args):
    done = dfplan(*args)
    assert done.code == 2
    assert "Traceback" not in done.err
    assert done.err
    assert not list(place.iterdir())


def test_to_begin_and_to_go_on_at_once(refused, run):
    args = ["train", "--init-from", str(run), "--out", str(run), "--resume"]
    refused(*args, says=["--init-from begins", "--resume goes on", "name one"])
