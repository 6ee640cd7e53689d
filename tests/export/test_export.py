"""An exported planner plans as the run's agent does, in a process that has no Flax."""

import dataclasses
import hashlib
import json
import subprocess
import sys

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

from dfplan.agent import Agent
from dfplan.control.low_level import make_low_level_controller
from dfplan.export import load
from dfplan.export.write import export
from dfplan.nets.mlp import mlp_shapes
from dfplan.planner.call import PlanCall
from dfplan.planner.config import TimingConfig
from dfplan.planner.inverse import inverse_action
from dfplan.planner.plan import History, Weights
from dfplan.policy.policy import Policy, PolicyInputs
from dfplan.runs.fit import fit_run
from dfplan.tasks.registry import Task
from dfplan.types import UserError

TASK = Task("package:Walk-v0", "tiny-v0", "walk")
GOAL = np.array([[1.0, -1.0], [0.5, 0.0]], np.float32)
STATE = np.array([[0.1, 0.2, 0.3], [-0.4, 0.5, 0.6]], np.float32)
PLANNER = {
    "history.tokens": 2,
    "history.level": 0.1,
    "candidates": 3,
    "sampling.steps": 2,
    "sampling.solver": "ddim",
}


@pytest.fixture(scope="module")
def job(tiny_data, tiny_config, tmp_path_factory):
    """A run that acts by inverse dynamics, its weights, and the directory it is exported to."""
    small = tiny_config.override({"net.layers": 1})
    run = fit_run(TASK, small, tiny_data).with_planner(PLANNER)
    weights = Weights(run.model.init(3), run.states, run.actions, support=run.support)
    out = tmp_path_factory.mktemp("export") / "new" / "out"
    size = export(run, weights, out, batches=(2,), platforms=("cpu", "cuda"))
    assert size == sum(path.stat().st_size for path in out.iterdir())
    return run, weights, out


@pytest.fixture(scope="module")
def planner(job):
    return load(job[2])


def assert_same(plan, expected):
    for name in ("states", "arrival", "candidates", "cost", "best"):
        np.testing.assert_allclose(
            getattr(plan, name), np.asarray(getattr(expected, name)), atol=1e-5, err_msg=name
        )
    assert plan.actions is None


@pytest.mark.slow
def test_it_plans_without_flax_as_the_agent_does(job, tmp_path):
    run, weights, out = job
    agent = Agent.from_run(run, weights, seed=5)
    agent.act(STATE, GOAL)
    np.savez(tmp_path / "inputs.npz", state=STATE, goal=GOAL)
    code = f"""
import sys
import numpy as np
from dfplan.export import load
planner = load({str(out)!r})
inputs = np.load({str(tmp_path / "inputs.npz")!r})
plan = planner.plan(inputs["state"], inputs["goal"], seed=5)
assert not {{"flax", "optax", "orbax", "gymnasium", "minari"}} & set(sys.modules)
assert not [m for m in sys.modules if m.startswith(("dfplan.training", "dfplan.nets"))]
arrays = {{name: array for name, array in plan._asdict().items() if name != "actions"}}
np.savez({str(tmp_path / "plan.npz")!r}, **arrays)
"""
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    with np.load(tmp_path / "plan.npz") as arrays:
        for name in arrays.files:
            expected = getattr(agent.plan, name)
            np.testing.assert_allclose(arrays[name], expected, atol=1e-5, err_msg=name)


def test_history_seed_and_count(job, planner):
    run, weights, _ = job
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(2, 2, 1, 3)).astype(np.float32)
    actions = rng.normal(size=(2, 2, 2, 2)).astype(np.float32)
    level = np.array([[0.1, 0.1], [1.0, 0.1]], np.float32)
    keys = jnp.stack([jax.random.fold_in(jax.random.key(7 + i), 4) for i in range(2)])
    history = History(*map(jnp.asarray, (frames, actions, level)))
    expected = run.make_planner().plan(PlanCall(weights, keys, history, jnp.asarray(GOAL)))
    assert_same(planner.plan_history(frames, actions, level, GOAL, seed=7, count=4), expected)
    other = planner.plan_history(frames, actions, level, GOAL, seed=7, count=5)
    assert np.abs(other.states - np.asarray(expected.states)).max() > 1e-3


def test_a_smaller_batch_uses_the_larger_program(planner):
    pair = planner.plan(STATE, GOAL, seed=1)
    assert_same(planner.plan(STATE[0], GOAL[0], seed=1), jax.tree.map(lambda a: a[:1], pair))


def test_inverse_dynamics(job, planner):
    run, weights, _ = job
    gap = np.array([1.0, 2.0], np.float32)
    expected = inverse_action(run.model, weights, STATE, STATE + 0.1, gap)
    action = planner.action(STATE, STATE + 0.1, gap)
    np.testing.assert_allclose(action, run.layout.clip_action(np.asarray(expected)), atol=1e-5)


@pytest.mark.parametrize(
    ("state", "later", "gap"),
    [
        (STATE[0], STATE[0], 1.0),  # one robot, without an axis for the batch
        (STATE, STATE[:1], [1.0, 2.0]),
        (STATE, STATE, 1.0),
        (STATE[:, :2], STATE[:, :2], [1.0, 2.0]),
    ],
)
def test_actions_of_other_shapes_are_refused(planner, state, later, gap):
    with pytest.raises(UserError, match=r"have shapes .*valid: \[B, 3\], \[B, 3\] and \[B\]$"):
        planner.action(state, later, gap)


def test_a_low_level_policy(job, tmp_path):
    run, weights, _ = job
    inputs = PolicyInputs(
        jnp.ones(2, jnp.float32), target_dims=(2, 0), state_dims=(1,), horizon=4, timed=True
    )
    key = jax.random.key(5)
    shapes = mlp_shapes(inputs.feature_count + 1, 8, run.layout.action_dim)
    network = {name: jax.random.normal(key, shape) for name, shape in shapes.items()}
    weights = weights._replace(policy=Policy(network, inputs))
    run = run.with_planner({"low_level_controller": "policy:lookahead=2"})
    export(run, weights, tmp_path / "out", batches=(2,), platforms=("cpu",))
    gap = np.array([1.0, 2.0], np.float32)
    later = STATE + 0.1
    controller = make_low_level_controller(run.make_planner(), weights, tracker=None)
    plans = np.stack([STATE, later], axis=1)
    elapsed = run.config.data.stride - gap.astype(int)  # so that `later` is due after `gap` steps
    expected = controller(plans, None, elapsed, STATE, None)
    action = load(tmp_path / "out").action(STATE, later, gap)
    np.testing.assert_allclose(action, run.layout.clip_action(np.asarray(expected)), atol=1e-5)
    assert np.ptp(action) > 0.01


def test_inverse_dynamics_act_in_the_environment_s_space(planner):
    layout = dataclasses.replace(
        planner.layout,
        action_shape=(2, 1),
        action_low=(-3, -3),
        action_high=(3, 3),
        action_dtype="int8",
    )
    gap = np.ones(2, np.float32)
    far = planner.action(STATE, STATE + 100, gap)
    whole = dataclasses.replace(planner, layout=layout).action(STATE, STATE + 100, gap)
    assert whole.dtype == np.int8 and whole.shape == (2, 2, 1)
    np.testing.assert_array_equal(whole[..., 0], np.rint(far).clip(-3, 3))


def test_metadata(job, planner):
    run, _, out = job
    metadata = json.loads((out / "export.json").read_text())
    assert metadata["stride"] == 2 and metadata["horizon"] == 4 and metadata["history"] == 2
    assert metadata["planner"]["candidates"] == 3 and metadata["platforms"] == ["cpu", "cuda"]
    assert planner.metadata == metadata
    assert planner.layout == run.layout
    with np.load(out / "weights.npz", allow_pickle=False) as file:
        assert "params/denoiser/head/kernel" in str(file.files)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda p: p.plan(np.zeros((3, 3)), GOAL[0]), "3; valid: 1 to 2"),
        (lambda p: p.plan(np.zeros(3)), "goal"),
        (lambda p: p.plan(np.zeros(3), np.zeros(3)), r"\(3,\); needed: \(2,\)"),
        (lambda p: p.plan(np.zeros(4), GOAL[0]), "needed: .*3"),
        (
            lambda p: p.plan_history(STATE, STATE, STATE, GOAL),
            "arguments do not fit the program",
        ),
        (lambda p: p.plan([0.0, np.nan, 0.0], GOAL[0]), "nan in dimension 1"),
        (lambda p: p.plan([0.0, 1e30, 0.0], GOAL[0]), r"1e\+30 in dimension 1; the data has mean"),
        (lambda p: p.plan(["a", "b", "c"], GOAL[0]), "not an array of numbers"),
        (lambda p: p.plan(np.zeros(3), [np.inf, 0.0]), "goal 0 has inf in dimension 0"),
        (lambda p: p.plan(np.zeros(3), GOAL[0], seed=1.5), "seed 1.5"),
        (lambda p: p.action(STATE, np.nan * STATE, np.ones(2)), "returned nan"),
        (lambda p: p.action(STATE, STATE, np.ones(3)), r"and \(3,\); valid: \[B, 3\]"),
        (lambda p: p.action(STATE, STATE, 1.0), r"and \(1,\); valid: \[B, 3\]"),
        (lambda p: p.action(STATE, STATE[:1], np.ones(2)), r"\(1, 3\) and \(2,\); valid: \[B, 3\]"),
        (lambda p: p.action(STATE, STATE, ["x", "y"]), "gap is not an array of numbers"),
    ],
    ids=[
        "batch",
        "no goal",
        "goal",
        "state",
        "history",
        "NaN",
        "outlier",
        "text",
        "infinite goal",
        "seed",
        "NaN action",
        "gaps",
        "one gap",
        "later states",
        "gaps of text",
    ],
)
def test_arguments_that_do_not_fit(planner, call, says):
    with pytest.raises(UserError, match=says) as caught:
        call(planner)
    assert "\n" not in str(caught.value)


def edited_copy(out, copy, **changes):
    copy.mkdir()
    for path in out.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    metadata = json.loads((copy / "export.json").read_text()) | changes
    (copy / "export.json").write_text(json.dumps(metadata))
    return copy


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"format": 9}, "format 9; valid here: 1"), ({"platforms": ["tpu"]}, "tpu.*cpu")],
    ids=["format", "platform"],
)
def test_exports_that_this_machine_cannot_read(job, tmp_path, changes, says):
    with pytest.raises(UserError, match=says):
        load(edited_copy(job[2], tmp_path / "copy", **changes))


@pytest.mark.parametrize("name", ["plan-2.bin", "weights.npz", "export.json"])
def test_damaged(job, tmp_path, name):
    copy = edited_copy(job[2], tmp_path / "copy")
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 128
    for damaged in (b"{", content):
        (copy / name).write_bytes(damaged)
        with pytest.raises(UserError, match=name):
            load(copy)
    (copy / name).unlink()
    with pytest.raises(UserError, match=name):
        load(copy)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"layout": [1]}, "layout"),
        ({"layout": {}}, "observation_dim"),
        ({"history": "2"}, "history.*'2'"),
        ({"history": 10**9}, "history.*1000000000"),
        ({"history": 3}, "arguments"),
        ({"stride": 3}, "arguments"),
        ({"batch_sizes": ["../x"]}, "batch_sizes"),
        ({"batch_sizes": []}, "batches"),
        ({"batch_sizes": [1]}, "plan-1.bin"),
        ({"programs": ["../plan"]}, "programs"),
        ({"programs": ["plan", "inverse"]}, "plan, inverse .*valid: plan"),
        ({"platforms": None}, "platforms"),
        ({"files": {}}, "weights.npz"),
        ({"planner": {}}, "history"),
    ],
    ids=str,
)
def test_damaged_metadata(job, tmp_path, changes, says):
    with pytest.raises(UserError, match=says) as caught:
        load(edited_copy(job[2], tmp_path / "copy", **changes))
    assert "\n" not in str(caught.value)


def replace_file(copy, name, content):
    """Replace a file and its checksum, as an attacker would."""
    (copy / name).write_bytes(content)
    metadata = json.loads((copy / "export.json").read_text())
    metadata["files"][name] = hashlib.sha256(content).hexdigest()
    (copy / "export.json").write_text(json.dumps(metadata))


def program(job, function):
    """Return a program that takes what `plan-2.bin` takes."""
    exported = jax.export.deserialize(bytearray((job[2] / "plan-2.bin").read_bytes()))
    arguments, _ = jax.tree.unflatten(exported.in_tree, exported.in_avals)
    return jax.export.export(
        jax.jit(function),
        platforms=("cpu",),
        disabled_checks=[jax.export.DisabledSafetyCheck.custom_call("run_code")],
    )(*arguments).serialize()


def call_code(weights, keys, frames, *rest):
    shape = jax.ShapeDtypeStruct(frames.shape, frames.dtype)
    return {"states": jax.ffi.ffi_call("run_code", shape)(frames)}


def expand(weights, keys, frames, *rest):
    return {"states": jnp.zeros((10**6, 10**6)) + frames.sum()}


@pytest.mark.parametrize(
    ("function", "says"), [(call_code, "run_code"), (expand, "4e\\+12 bytes")], ids=["code", "size"]
)
def test_programs_that_are_more_than_stablehlo(job, tmp_path, function, says):
    copy = edited_copy(job[2], tmp_path / "copy")
    replace_file(copy, "plan-2.bin", program(job, function))
    with pytest.raises(UserError, match=says):
        load(copy)


RESULTS = ("states", "arrival", "candidates", "cost", "best")


@pytest.mark.parametrize(
    "result",
    [
        lambda frames: {"states": frames},
        lambda frames: (frames,),
        lambda frames: dict.fromkeys((*RESULTS, "more"), frames),
        lambda frames: dict.fromkeys(RESULTS, frames.sum()),
        lambda frames: dict.fromkeys(RESULTS, frames[:1]),
    ],
    ids=["names", "no names", "another name", "no rows", "too few rows"],
)
def test_programs_that_return_something_else(job, tmp_path, result):
    copy = edited_copy(job[2], tmp_path / "copy")
    replace_file(copy, "plan-2.bin", program(job, lambda *a: result(a[2])))
    with pytest.raises(UserError, match=r"plan-2\.bin does not return .*arrival.* 2 rows"):
        load(copy)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"batches": (0,)}, "at least 1"),
        ({"batches": ()}, "none"),
        ({"platforms": ("gpu",)}, "'gpu'; valid: cpu, cuda, rocm, tpu"),
        ({"platforms": ()}, "no platform"),
    ],
    ids=str,
)
def test_exports_that_are_refused(job, tmp_path, options, says):
    run, weights, out = job
    with pytest.raises(UserError, match=says):
        export(run, weights, tmp_path / "new", **options)
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match="not empty"):
        export(run, weights, out)


@pytest.mark.parametrize(
    "timing", [{"inference_delay": 2}, {"near_tokens": 1}, {"deadline_ms": 5.0}], ids=str
)
def test_settings_that_only_an_agent_heeds_are_refused(job, tmp_path, timing):
    run, weights, _ = job
    ((name, value),) = timing.items()
    run = run.with_planner({f"timing.{name}": value})
    valid = getattr(TimingConfig(), name)
    with pytest.raises(UserError, match=rf"planner.timing.{name} {value} .*valid .*: {valid}"):
        export(run, weights, tmp_path / "out")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("net", [{}, {"net.kind": "bidirectional"}, {"net.kind": "gru"}], ids=str)
def test_onnx(tiny_data, tiny_config, tmp_path, net, recwarn, caplog):
    pytest.importorskip("jax2onnx")
    runtime = pytest.importorskip("onnxruntime")
    from dfplan.export.onnx import export_denoiser

    config = tiny_config.override({"net.layers": 1, **net})
    run = fit_run(TASK, config, tiny_data)
    weights = Weights(run.model.init(3), run.states, run.actions, support=run.support)
    export_denoiser(run, weights, tmp_path / "denoiser.onnx")
    assert not [record for record in caplog.records if record.name == "onnx_ir.serde"]
    assert not [w for w in recwarn if "float64" in str(w.message)]
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(str(tmp_path / "denoiser.onnx"), options)
    rng = np.random.default_rng(0)
    tokens = rng.normal(size=(5, 7, 3)).astype(np.float32)
    level = rng.uniform(size=(5, 7)).astype(np.float32)
    (clean,) = session.run(["clean"], {"tokens": tokens, "level": level})
    net = run.model.denoiser(weights.params)
    expected = run.model.x0(tokens, net(tokens, level), level)
    np.testing.assert_allclose(clean, expected, atol=1e-4)


def test_onnx_names_its_extra(job, tmp_path, monkeypatch):
    from dfplan.export.onnx import export_denoiser

    monkeypatch.setitem(sys.modules, "jax2onnx", None)
    with pytest.raises(UserError, match=r'jax2onnx.*pip install "dfplan\[onnx\]"'):
        export_denoiser(*job[:2], tmp_path / "denoiser.onnx")
    assert not list(tmp_path.iterdir())
